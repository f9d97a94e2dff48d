//! The parts of SOAP 1.1 envelopes that Campaign uses.

use std::fmt::Write as _;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

/// A method call: the action, such as `xtk:session#Logon`, and the parameters in order. The first is the session token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SoapRequest {
    pub(super) action: String,
    pub(super) parameters: Vec<String>,
    /// The schema of a query.
    pub(super) queried: Option<String>,
}

impl SoapRequest {
    /// Reads the first element of the body. `None` if it is not a SOAP call.
    pub(super) fn parse(xml: &str) -> Option<Self> {
        let mut reader = Reader::from_str(xml);
        let mut path: Vec<String> = Vec::new();
        let mut call: Option<Self> = None;
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    note_query(&start, &mut call);
                    let name = start.local_name().as_ref().to_owned();
                    path.push(name);
                    call = open(&path, namespace(&start), call);
                }
                Event::Empty(start) => {
                    note_query(&start, &mut call);
                    path.push(start.local_name().as_ref().to_owned());
                    call = open(&path, namespace(&start), call);
                    path.pop();
                }
                Event::Text(text) => add(&path, &mut call, &text),
                Event::CData(text) => add(&path, &mut call, &text),
                Event::GeneralRef(reference) => {
                    let text = quick_xml::escape::unescape(&format!("&{};", &*reference)).ok()?.into_owned();
                    add(&path, &mut call, &text);
                }
                Event::End(_) => {
                    path.pop();
                }
                Event::Eof => return call,
                _ => {}
            }
        }
    }

    /// A parameter by position, because names vary between clients. Position 0 is the session token.
    pub(super) fn parameter(&self, position: usize) -> &str {
        self.parameters.get(position).map_or("", String::as_str)
    }
}

/// The action of a request: the header `SoapAction`, quoted or not, or the query parameter `soapAction`.
pub(super) fn soap_action(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    let header = headers.get("soapaction").and_then(|value| value.to_str().ok());
    let header = header.map(|action| action.trim_matches('"').to_owned()).filter(|action| !action.is_empty());
    header.or_else(|| crate::demo::wire::Form::parse(query?.as_bytes()).get("soapAction").map(str::to_owned))
}

/// The response of a method. `inner` is XML.
pub(super) fn answer(action: &str, inner: &str) -> Response {
    let (schema, method) = action.split_once('#').unwrap_or(("", action));
    let (schema, method) = (escape(schema), escape(method));
    envelope(StatusCode::OK, &format!("<{method}Response xmlns='urn:{schema}'>{inner}</{method}Response>"))
}

/// A SOAP fault.
pub(super) fn fault(status: StatusCode, message: &str) -> Response {
    let message = escape(message);
    envelope(
        status,
        &format!(
            "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Server</faultcode><faultstring xsi:type='xsd:string'>{message}\
             </faultstring><detail xsi:type='xsd:string'>{message}</detail></SOAP-ENV:Fault>"
        ),
    )
}

fn envelope(status: StatusCode, body: &str) -> Response {
    let mut xml = String::from("<?xml version='1.0'?><SOAP-ENV:Envelope");
    for (prefix, namespace) in [
        ("xsd", "http://www.w3.org/2001/XMLSchema"),
        ("xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ("ns", "http://xml.apache.org/xml-soap"),
        ("SOAP-ENV", "http://schemas.xmlsoap.org/soap/envelope/"),
    ] {
        let _ = write!(xml, " xmlns:{prefix}='{namespace}'");
    }
    let _ = write!(xml, "><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>");
    (status, [(header::CONTENT_TYPE, "text/xml; charset=utf-8")], xml).into_response()
}

/// A tag at depth 3 is the method, one at depth 4 is a parameter.
fn open(path: &[String], namespace: Option<String>, call: Option<SoapRequest>) -> Option<SoapRequest> {
    match (path, call) {
        ([envelope, body, method], None) if envelope == "Envelope" && body == "Body" => {
            let namespace = namespace.unwrap_or_default();
            let schema = namespace.strip_prefix("urn:").unwrap_or(&namespace);
            Some(SoapRequest { action: format!("{schema}#{method}"), parameters: Vec::new(), queried: None })
        }
        ([_, body, _, _], Some(mut call)) if body == "Body" => {
            call.parameters.push(String::new());
            Some(call)
        }
        (_, call) => call,
    }
}

/// Keeps the schema of `<queryDef schema="…">`.
fn note_query(tag: &quick_xml::events::BytesStart<'_>, call: &mut Option<SoapRequest>) {
    if let Some(call) = call.as_mut().filter(|_| tag.local_name().as_ref() == "queryDef") {
        let schema = tag.attributes().flatten().find(|attribute| attribute.key.as_ref() == "schema");
        call.queried = schema.map(|attribute| attribute.value.clone().into_owned());
    }
}

fn add(path: &[String], call: &mut Option<SoapRequest>, text: &str) {
    if path.len() >= 4
        && let Some(parameter) = call.as_mut().and_then(|call| call.parameters.last_mut())
    {
        parameter.push_str(text);
    }
}

/// The namespace of the tag's own prefix, if declared on the tag.
fn namespace(tag: &quick_xml::events::BytesStart<'_>) -> Option<String> {
    let name = tag.name();
    let wanted =
        name.prefix().map_or_else(|| "xmlns".to_owned(), |prefix| format!("xmlns:{}", prefix.as_ref()));
    let declared = tag.attributes().flatten().find(|attribute| attribute.key.as_ref() == wanted)?;
    Some(declared.value.clone().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_by_position() {
        let call = |inner: &str| {
            let head = "<soapenv:Envelope xmlns:soapenv='http://schemas.xmlsoap.org/soap/envelope/'><soapenv:Header/>";
            SoapRequest::parse(&format!(
                "<?xml version='1.0'?>{head}<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
            ))
        };
        let logon = call(
            "<urn:Logon xmlns:urn='urn:xtk:session'><urn:sessiontoken/><urn:strLogin>a&amp;b</urn:strLogin>\
             <urn:strPassword><![CDATA[<p>]]></urn:strPassword><urn:elemParameters><client build='9364'/>\
             </urn:elemParameters></urn:Logon>",
        );
        let expected = ["", "a&b", "<p>", ""].map(str::to_owned).to_vec();
        assert_eq!(
            logon,
            Some(SoapRequest { action: "xtk:session#Logon".into(), parameters: expected, queried: None })
        );
        let bare = call(
            "<Logoff xmlns='urn:xtk:session'><sessiontoken xsi:type='xsd:string'>___1</sessiontoken></Logoff>",
        );
        assert_eq!(bare.unwrap().parameter(0), "___1");
        assert_eq!(SoapRequest::parse("{}"), None);
    }
}
