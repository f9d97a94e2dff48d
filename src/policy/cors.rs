//! Cross-origin requests of other web applications (CORS, Fetch standard §3.3): which ones the gateway allows.
//!
//! Only callers with a Bearer token are allowed. A browser adds cookies by itself, but never a token: the script must have it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::reserved::is_reserved;

/// The origin of the page that sent a request, if it is one of `origins`. `None` for several `Origin` fields.
pub fn listed<'h>(headers: &'h HeaderMap, origins: &[String]) -> Option<&'h HeaderValue> {
    let mut sent = headers.get_all(header::ORIGIN).iter();
    let origin = sent.next().filter(|_| sent.next().is_none())?;
    origins.iter().any(|listed| origin == listed.as_str()).then_some(origin)
}

/// What is answered to a preflight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// `Access-Control-Allow-Origin`.
    pub origin: HeaderValue,
    /// `Access-Control-Allow-Headers`: those that the page wants to send and that a client may send.
    pub headers: HeaderValue,
}

/// The answer to a preflight of a listed origin for a request with `Authorization`; `None` for every other request.
pub fn preflight(method: &Method, headers: &HeaderMap, origins: &[String]) -> Option<Preflight> {
    if *method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let origin = listed(headers, origins)?.clone();
    let wanted = headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let wanted = wanted.filter_map(|field| field.to_str().ok()).flat_map(|field| field.split(','));
    let names: Vec<HeaderName> = wanted
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .filter(|name| *name == header::AUTHORIZATION || !is_reserved(name.as_str()))
        .filter(|name| *name != header::COOKIE)
        .collect();
    if !names.contains(&header::AUTHORIZATION) {
        return None;
    }
    let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    Some(Preflight { origin, headers: HeaderValue::try_from(names.join(", ")).ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const APP: &str = "https://app.example.com";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn allowed(method: &str, pairs: &[(&'static str, &str)]) -> Option<String> {
        let origins = [APP.to_owned()];
        let preflight = preflight(&method.parse().unwrap(), &headers(pairs), &origins)?;
        assert_eq!(preflight.origin, APP);
        Some(preflight.headers.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_preflight_needs_a_listed_origin_and_the_authorization_field() {
        let (origin, method, fields) =
            ("origin", "access-control-request-method", "access-control-request-headers");
        for (sent, pairs, expected) in [
            (
                "OPTIONS",
                &[(origin, APP), (method, "POST"), (fields, "authorization")][..],
                Some("authorization"),
            ),
            (
                "OPTIONS",
                &[
                    (origin, APP),
                    (method, "POST"),
                    (fields, "Authorization, SoapAction,content-type,x-query-source"),
                ],
                Some("authorization, soapaction, content-type, x-query-source"),
            ),
            // Fields that only the gateway sends, and cookies.
            (
                "OPTIONS",
                &[
                    (origin, APP),
                    (method, "GET"),
                    (fields, "authorization,x-ims-user,x-forwarded-for,cookie,"),
                ],
                Some("authorization"),
            ),
            ("OPTIONS", &[(origin, APP), (method, "POST"), (fields, "soapaction")], None),
            ("OPTIONS", &[(origin, APP), (method, "POST")], None),
            ("OPTIONS", &[(origin, APP), (fields, "authorization")], None),
            ("POST", &[(origin, APP), (method, "POST"), (fields, "authorization")], None),
            (
                "OPTIONS",
                &[(origin, "https://evil.example"), (method, "POST"), (fields, "authorization")],
                None,
            ),
            (
                "OPTIONS",
                &[
                    (origin, "https://app.example.com.evil.example"),
                    (method, "POST"),
                    (fields, "authorization"),
                ],
                None,
            ),
            (
                "OPTIONS",
                &[(origin, "http://app.example.com"), (method, "POST"), (fields, "authorization")],
                None,
            ),
            ("OPTIONS", &[(origin, "null"), (method, "POST"), (fields, "authorization")], None),
            ("OPTIONS", &[(origin, APP), (origin, APP), (method, "POST"), (fields, "authorization")], None),
            ("OPTIONS", &[(method, "POST"), (fields, "authorization")], None),
        ] {
            assert_eq!(allowed(sent, pairs).as_deref(), expected, "{sent} {pairs:?}");
        }
    }

    proptest! {
        #[test]
        fn only_a_listed_origin_is_allowed(origin in "(https?://)?(app|evil)\\.example\\.com(:443|/|,| )?|null|\\*") {
            let sent = headers(&[("origin", origin.as_str())]);
            prop_assert_eq!(listed(&sent, &[APP.to_owned()]).is_some(), origin == APP);
        }
    }
}
