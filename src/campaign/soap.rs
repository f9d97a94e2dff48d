//! Writes and reads SOAP envelopes. Namespace prefixes vary between Campaign builds, so elements are found by their local name.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quick_xml::Reader;
use quick_xml::events::Event;
use secrecy::SecretString;

/// The response of `BearerTokenLogon` and `Logon`.
#[derive(Debug)]
pub struct LogonAnswer {
    /// The value of the cookie `__sessiontoken`.
    pub session_token: SecretString,
    /// The value of the header `X-Security-Token`.
    pub security_token: SecretString,
    /// Campaign login name, if present.
    pub login: Option<String>,
    /// How long both tokens are valid, if present: the shorter of `sessionTimeOut` and `securityTimeOut`.
    pub lifetime: Option<Duration>,
    /// The oldest build of the client console that Campaign accepts, if present.
    pub min_client_build: Option<u32>,
    /// True when this person may not use the client console (`noConsoleCnx`).
    pub no_console: bool,
    /// The whole response.
    pub body: Bytes,
    pub upstream: Arc<str>,
}

/// The body of `xtk:session#BearerTokenLogon`.
pub fn bearer_token_logon(token: &str) -> String {
    envelope(&format!(
        r#"<urn:BearerTokenLogon xmlns:urn="urn:xtk:session"><urn:sessiontoken/><urn:bearerToken>{}</urn:bearerToken></urn:BearerTokenLogon>"#,
        escape(token)
    ))
}

/// The body of `xtk:session#Logoff`.
pub fn logoff(session: &str) -> String {
    envelope(&format!(
        r#"<urn:Logoff xmlns:urn="urn:xtk:session"><urn:sessiontoken>{}</urn:sessiontoken></urn:Logoff>"#,
        escape(session)
    ))
}

/// Escapes text for an XML element or attribute.
pub fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// Reads the response of a logon.
pub fn logon_answer(body: &[u8]) -> Result<LogonAnswer, String> {
    let (mut session, mut security, mut login, mut lifetime) = (None, None, None, None);
    let (mut min_client_build, mut no_console) = (None, false);
    walk(body, |element, text, attributes| match element {
        "pstrSessionToken" => session = Some(text.to_owned()),
        "pstrSecurityToken" => security = Some(text.to_owned()),
        "userInfo" => {
            login = attributes("login");
            no_console = attributes("noConsoleCnx").is_some_and(|value| matches!(&*value, "true" | "1"));
        }
        "serverInfo" => {
            lifetime = shortest(attributes("sessionTimeOut"), attributes("securityTimeOut"));
            min_client_build = attributes("minClientBuildNumber").and_then(|build| build.trim().parse().ok());
        }
        _ => {}
    })?;
    let filled = |value: Option<String>, name: &str| {
        value.filter(|text| !text.is_empty()).ok_or_else(|| format!("no {name} in the response"))
    };
    Ok(LogonAnswer {
        session_token: filled(session, "pstrSessionToken").and_then(header_safe)?.into(),
        security_token: filled(security, "pstrSecurityToken").and_then(header_safe)?.into(),
        login,
        lifetime,
        min_client_build: min_client_build.filter(|build| *build > 0),
        no_console,
        body: Bytes::new(),
        upstream: Arc::from(""),
    })
}

/// The shorter of two times in seconds. A value that is missing, zero or not a number is ignored.
fn shortest(session: Option<String>, security: Option<String>) -> Option<Duration> {
    let seconds =
        [session, security].into_iter().flatten().filter_map(|text| text.trim().parse::<u32>().ok());
    seconds.filter(|seconds| *seconds > 0).min().map(|seconds| Duration::from_secs(seconds.into()))
}

/// The text of the fault in a response, shortened. Finds SOAP faults and plain-text errors.
pub fn fault(body: &[u8]) -> Option<String> {
    let (mut fault, mut in_fault) = (None, false);
    let walked = walk(body, |element, text, _| match element {
        "Fault" => in_fault = true,
        "faultstring" => fault = Some(text.to_owned()),
        _ => {}
    });
    let plain = || {
        let text = String::from_utf8_lossy(body);
        (walked.is_err() || !in_fault)
            .then(|| ["XSV-", "SOP-"].iter().find_map(|code| text.find(code)))
            .flatten()
            .map(|at| text[at..].lines().next().unwrap_or_default().to_owned())
    };
    fault.or_else(plain).map(|text| text.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// Local name, attributes, and the text after the start tag.
struct Element(String, Vec<(String, String)>, String);

/// Calls `visit` for every element with its local name, the text after its start tag, and a function that returns an attribute.
pub(super) fn walk(
    body: &[u8],
    mut visit: impl FnMut(&str, &str, &dyn Fn(&str) -> Option<String>),
) -> Result<(), String> {
    let mut reader = Reader::from_reader(body);
    let mut buffer = Vec::new();
    let mut open: Option<Element> = None;
    let mut flush = |open: &mut Option<Element>| {
        if let Some(Element(name, attributes, text)) = open.take() {
            let find = |wanted: &str| {
                attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
            };
            visit(&name, text.trim(), &find);
        }
    };
    loop {
        let event = reader.read_event_into(&mut buffer).map_err(|e| format!("not XML: {e}"))?;
        match event {
            Event::Start(start) | Event::Empty(start) => {
                flush(&mut open);
                let name = start.local_name().as_ref().to_owned();
                let attributes = start.attributes().flatten().map(|attribute| {
                    let key = attribute.key.local_name().as_ref().to_owned();
                    (key, unescape(&attribute.value))
                });
                open = Some(Element(name, attributes.collect(), String::new()));
            }
            Event::Text(text) => {
                if let Some(Element(.., content)) = &mut open {
                    content.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(Element(.., content)) = &mut open {
                    content.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                if let Some(Element(.., content)) = &mut open {
                    content.push_str(&unescape(&format!("&{};", &*reference)));
                }
            }
            Event::End(_) => flush(&mut open),
            Event::Eof => {
                flush(&mut open);
                return Ok(());
            }
            _ => {}
        }
        buffer.clear();
    }
}

fn unescape(text: &str) -> String {
    quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

/// Accepts only tokens that are safe as a header or cookie value.
fn header_safe(token: String) -> Result<String, String> {
    let safe = token.bytes().all(|b| b.is_ascii_graphic() && b != b';' && b != b',');
    if safe { Ok(token) } else { Err("a token has characters that are not allowed in a header".to_owned()) }
}

pub(super) fn envelope(body: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    const ANSWER: &str = r"<?xml version='1.0'?>
      <SOAP-ENV:Envelope xmlns:SOAP-ENV='http://schemas.xmlsoap.org/soap/envelope/' xmlns:xsi='x'><SOAP-ENV:Body>
      <BearerTokenLogonResponse xmlns='urn:xtk:session'>
       <pstrSessionToken xsi:type='xsd:string'>___C8B4A541-48DC-4C97-95AD-066930FD3892</pstrSessionToken>
       <pSessionInfo xsi:type='ns:Element'><sessionInfo>
         <serverInfo buildNumber='9219' sessionTimeOut='86400'/>
         <userInfo login='alice@example.com' loginId='1059'><login-group id='1060'/></userInfo></sessionInfo></pSessionInfo>
       <pstrSecurityToken xsi:type='xsd:string'>@mMBS&#43;x==</pstrSecurityToken>
      </BearerTokenLogonResponse></SOAP-ENV:Body></SOAP-ENV:Envelope>";

    #[test]
    fn a_logon_response_has_both_tokens_and_the_login() {
        let answer = logon_answer(ANSWER.as_bytes()).unwrap();
        assert_eq!(answer.session_token.expose_secret(), "___C8B4A541-48DC-4C97-95AD-066930FD3892");
        assert_eq!(answer.security_token.expose_secret(), "@mMBS+x==");
        assert_eq!(answer.login.as_deref(), Some("alice@example.com"));
        assert_eq!(answer.lifetime, Some(Duration::from_hours(24)));
        assert_eq!(fault(ANSWER.as_bytes()), None);
    }

    #[test]
    fn the_shorter_lifetime_counts_and_invalid_ones_are_ignored() {
        let lifetime = |attributes: &str| {
            let xml = format!(
                "<r><pstrSessionToken>a</pstrSessionToken><serverInfo {attributes}/><pstrSecurityToken>b</pstrSecurityToken></r>"
            );
            logon_answer(xml.as_bytes()).unwrap().lifetime.map(|lifetime| lifetime.as_secs())
        };
        assert_eq!(lifetime("sessionTimeOut='86400' securityTimeOut='3600'"), Some(3600));
        assert_eq!(lifetime("sessionTimeOut='0' securityTimeOut='60'"), Some(60));
        for invalid in
            ["", "sessionTimeOut='-1'", "sessionTimeOut='soon'", "sessionTimeOut='1e300' securityTimeOut=''"]
        {
            assert_eq!(lifetime(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn faults_are_found_in_xml_and_in_plain_text() {
        let xml = super::super::session_expired_fault();
        assert!(fault(xml.as_bytes()).unwrap().contains("XSV-350008"));
        assert_eq!(
            fault(b"XSV-350012 Invalid login or password.\nmore").unwrap(),
            "XSV-350012 Invalid login or password."
        );
        assert_eq!(fault(b"<html>hello</html>"), None);
    }

    #[test]
    fn a_token_that_is_unsafe_in_a_header_is_refused() {
        for token in ["a; path=/", "a\nb", "", "a,b"] {
            let xml = format!(
                "<r><pstrSessionToken>{token}</pstrSessionToken><pstrSecurityToken>x</pstrSecurityToken></r>"
            );
            assert!(logon_answer(xml.as_bytes()).is_err(), "{token:?}");
        }
    }

    proptest! {
        #[test]
        fn any_input_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[<>/a-zA-Z&;='\" ]{0,80}") {
            let _ = (logon_answer(&bytes), fault(&bytes), logon_answer(text.as_bytes()), fault(text.as_bytes()));
        }

        #[test]
        fn a_token_is_escaped_in_the_envelope(token in ".{0,40}") {
            let body = bearer_token_logon(&token);
            prop_assert!(!escape(&token).contains('<'));
            prop_assert!(body.contains(&escape(&token)));
        }
    }
}
