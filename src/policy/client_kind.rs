//! Classifies clients without a session: the kind decides how the gateway asks for a sign-in.

use http::{HeaderMap, Method, header};

/// The kind of an unauthenticated request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// A person's top-level navigation: 303 to IMS.
    Navigation,
    /// An HTML form sent as a navigation: saved if allowed, otherwise 401 with a page.
    Form,
    /// A navigation inside a frame. IMS refuses frames: 401 with a page that links to the whole window.
    Frame,
    /// A SOAP call: 403 with a fault that Campaign's clients understand.
    Soap,
    /// XHR, fetch, WebSocket, API: 401 JSON.
    Api,
}

/// Campaign's SOAP router.
pub const SOAP_ROUTER: &str = "/nl/jsp/soaprouter.jsp";

/// True for the path of the SOAP router, in any letter case: Campaign on Windows ignores it.
pub fn is_soap_router(path: &str) -> bool {
    path.eq_ignore_ascii_case(SOAP_ROUTER)
}

impl ClientKind {
    /// Classifies a request by its method, headers and canonical path.
    pub fn of(method: &Method, headers: &HeaderMap, path: &str) -> Self {
        if is_soap(headers, path) {
            return Self::Soap;
        }
        let is_form = || is_form_type(text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default());
        match *method {
            Method::GET if is_frame(headers) => Self::Frame,
            Method::POST if is_form() && is_frame(headers) => Self::Frame,
            Method::GET if is_top_level_navigation(headers) => Self::Navigation,
            Method::POST if is_form() && is_top_level_navigation(headers) => Self::Form,
            _ => Self::Api,
        }
    }
}

/// The encodings that an HTML form can have (HTML Standard §4.10.22.6).
fn is_form_type(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]
        .iter()
        .any(|form| essence.eq_ignore_ascii_case(form))
}

fn is_soap(headers: &HeaderMap, path: &str) -> bool {
    let by_type = || {
        text(headers, header::CONTENT_TYPE.as_str())
            .is_some_and(|t| t.to_ascii_lowercase().starts_with("application/soap+xml"))
    };
    path == SOAP_ROUTER || headers.contains_key("soapaction") || by_type()
}

/// A navigation that fills a frame (W3C Fetch Metadata §2.1, the destinations of Fetch §2.2.5).
fn is_frame(headers: &HeaderMap) -> bool {
    let into = |dest| matches!(dest, "iframe" | "frame" | "embed" | "object" | "fencedframe");
    !is_script(headers)
        && text(headers, "sec-fetch-dest").is_some_and(into)
        && text(headers, "sec-fetch-mode") == Some("navigate")
}

/// True for a WebSocket, and for a script with `X-Requested-With`. In-app browsers send the name of their app in this field.
fn is_script(headers: &HeaderMap) -> bool {
    let is_xhr = headers
        .get_all("x-requested-with")
        .iter()
        .any(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"XMLHttpRequest"));
    is_xhr || headers.contains_key(header::UPGRADE)
}

/// Uses Fetch Metadata if the browser sends it (W3C Fetch Metadata §2), otherwise `Accept`.
fn is_top_level_navigation(headers: &HeaderMap) -> bool {
    if is_script(headers) {
        return false;
    }
    if text(headers, "sec-fetch-dest").is_some_and(|dest| dest != "document") {
        return false; // a frame, an image, a script
    }
    match text(headers, "sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => text(headers, header::ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html")),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn each_kind_of_client_is_recognized() {
        use ClientKind::{Api, Form, Frame, Navigation, Soap};
        let form = ("content-type", "application/x-www-form-urlencoded");
        let get = Method::GET;
        for (method, pairs, path, expected) in [
            (&get, &[("accept", "text/html,*/*")][..], "/view/home", Navigation),
            (&get, &[("sec-fetch-mode", "navigate")], "/view/home", Navigation),
            (&get, &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], "/view/home", Frame),
            (&get, &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "object")], "/view/home", Frame),
            (&get, &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "image")], "/view/home", Api),
            (&get, &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "iframe")], "/view/home", Api),
            (&get, &[("accept", "text/html"), ("x-requested-with", "com.example.mail")], "/", Navigation),
            (&get, &[("accept", "text/html"), ("x-requested-with", "")], "/", Navigation),
            (&get, &[("accept", "text/html"), ("x-requested-with", "xmlhttprequest")], "/", Api),
            (&Method::POST, &[("accept", "text/html"), ("x-requested-with", "com.example"), form], "/", Form),
            (&get, &[("sec-fetch-mode", "cors"), ("accept", "text/html")], "/view/home", Api),
            (&get, &[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")], "/view/home", Api),
            (&get, &[("accept", "*/*")], "/view/home", Api),
            (&get, &[("accept", "text/html"), ("upgrade", "websocket")], "/ws", Api),
            (&Method::POST, &[("accept", "text/html")], "/view/home", Api),
            (&Method::POST, &[("accept", "text/html"), form], "/view/home", Form),
            (
                &Method::POST,
                &[("accept", "text/html"), ("content-type", "Multipart/Form-Data; boundary=x")],
                "/",
                Form,
            ),
            (&Method::POST, &[("accept", "text/html"), ("content-type", "text/plain")], "/", Form),
            (&Method::POST, &[("accept", "text/html"), ("content-type", "application/json")], "/", Api),
            (&Method::POST, &[form], "/view/home", Api),
            (&Method::POST, &[("sec-fetch-mode", "cors"), form], "/view/home", Api),
            (
                &Method::POST,
                &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"), form],
                "/",
                Frame,
            ),
            (&Method::PUT, &[("sec-fetch-mode", "navigate"), form], "/view/home", Api),
            (&Method::POST, &[("sec-fetch-mode", "navigate"), form], SOAP_ROUTER, Soap),
            (&Method::from_bytes(b"gEt").unwrap(), &[("accept", "text/html")], "/view/home", Api),
            (&Method::POST, &[], SOAP_ROUTER, Soap),
            (&Method::POST, &[("soapaction", "\"xtk:session#Logon\"")], "/other", Soap),
            (&Method::POST, &[("content-type", "Application/SOAP+xml;charset=UTF-8")], "/other", Soap),
            (&Method::POST, &[("content-type", "text/xml; charset=utf-8")], "/other", Api),
        ] {
            assert_eq!(ClientKind::of(method, &headers(pairs), path), expected, "{method} {path} {pairs:?}");
        }
    }
}
