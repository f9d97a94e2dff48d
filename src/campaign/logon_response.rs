//! The response of a logon, for a client that the gateway has logged on.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::Event;
use secrecy::ExposeSecret as _;

use crate::policy::campaign_tokens::TokenPair;

/// Turns Campaign's response to `BearerTokenLogon` into a response to `Logon`, with these tokens. `None` when it lacks a token. All other
/// bytes are unchanged.
pub fn logon_response(body: &[u8], tokens: &TokenPair) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (session, security) = (content(&text, "pstrSessionToken")?, content(&text, "pstrSecurityToken")?);
    let mut changes = [(session, &tokens.session), (security, &tokens.security)];
    changes.sort_by_key(|(span, _)| span.start);
    let (mut response, mut copied) = (String::with_capacity(text.len() + 256), 0);
    for (span, token) in changes {
        response.push_str(&text[copied..span.start]);
        response.push_str(&quick_xml::escape::escape(token.expose_secret()));
        copied = span.end;
    }
    response.push_str(&text[copied..]);
    Some(response.replace("BearerTokenLogonResponse", "LogonResponse"))
}

/// Where the content of the first element of this name is.
fn content(text: &str, name: &str) -> Option<Range<usize>> {
    let mut reader = Reader::from_str(text);
    let mut from = None;
    loop {
        let before = usize::try_from(reader.buffer_position()).ok()?;
        match reader.read_event().ok()? {
            Event::Start(start) if from.is_none() && start.local_name().as_ref() == name => {
                from = Some(usize::try_from(reader.buffer_position()).ok()?);
            }
            Event::End(end) if end.local_name().as_ref() == name => return Some(from?..before),
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_and_the_tokens_change() {
        let body = "<E:Envelope xmlns:E='e'><E:Body><BearerTokenLogonResponse xmlns='urn:xtk:session'>\
            <pstrSessionToken xsi:type='xsd:string'>___OLD&#43;</pstrSessionToken><pSessionInfo><a b='&amp;'/></pSessionInfo>\
            <pstrSecurityToken>@OLD==</pstrSecurityToken></BearerTokenLogonResponse></E:Body></E:Envelope>";
        let tokens = TokenPair { session: "___ims.a<".into(), security: "@new=".into() };
        let wanted = body
            .replace("BearerTokenLogonResponse", "LogonResponse")
            .replace("___OLD&#43;", "___ims.a&lt;")
            .replace("@OLD==", "@new=");
        assert_eq!(logon_response(body.as_bytes(), &tokens).as_deref(), Some(&*wanted));
        assert_eq!(logon_response(b"<a><pstrSessionToken/></a>", &tokens), None);
        assert_eq!(logon_response(b"hello", &tokens), None);
    }
}
