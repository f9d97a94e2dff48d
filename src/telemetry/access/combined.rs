//! The combined format of Apache httpd and nginx: `address - user [time] "request" status bytes "referer" "user agent"`.
//!
//! A client can send any bytes in a field. Like nginx, the gateway writes `"`, `\` and bytes that are not printable ASCII as `\xHH`. So no
//! request can end a field or a line.

use http::{HeaderMap, HeaderValue, Version, header};
use time::OffsetDateTime;

use super::Line;

/// What this format needs beyond the fields of a [`Line`].
#[derive(Debug)]
pub struct CombinedFields {
    version: Version,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
}

impl CombinedFields {
    pub(super) fn new(version: Version, headers: &HeaderMap) -> Self {
        let field = |name| headers.get(name).cloned();
        Self { version, referer: field(header::REFERER), user_agent: field(header::USER_AGENT) }
    }
}

/// Appends a line. The user is always `-`, because the access log names no person. The number of bytes is always `-`, because the line is
/// written when the response begins.
pub(super) fn append(text: &mut Vec<u8>, date: &[u8], line: &Line<'_>) {
    text.extend_from_slice(line.peer.as_bytes());
    text.extend_from_slice(b" - - [");
    text.extend_from_slice(date);
    text.extend_from_slice(b"] \"");
    request(text, line);
    text.extend_from_slice(b"\" ");
    text.extend_from_slice(line.status.as_str().as_bytes());
    let fields = line.combined;
    text.extend_from_slice(b" - \"");
    let referer = fields.and_then(|fields| fields.referer.as_ref());
    quoted(text, referer.map(|referer| without_secrets(referer.as_bytes())));
    text.extend_from_slice(b"\" \"");
    quoted(text, fields.and_then(|fields| fields.user_agent.as_ref()).map(HeaderValue::as_bytes));
    text.extend_from_slice(b"\"\n");
}

/// The request line without the query; `-` for bytes that are no HTTP request.
fn request(text: &mut Vec<u8>, line: &Line<'_>) {
    let method = line.method.as_str().as_bytes();
    if method == b"-" {
        text.push(b'-');
        return;
    }
    escape(text, method);
    text.push(b' ');
    escape(text, line.path.as_bytes());
    let version = match line.combined.map(|fields| fields.version) {
        Some(Version::HTTP_10) => "HTTP/1.0",
        Some(Version::HTTP_2) => "HTTP/2.0",
        _ => "HTTP/1.1",
    };
    text.push(b' ');
    text.extend_from_slice(version.as_bytes());
}

/// A value, escaped for the quotes around it; `-` without a value.
fn quoted(text: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) if !value.is_empty() => escape(text, value),
        _ => text.push(b'-'),
    }
}

/// An address without query, fragment, user name and password: a callback's query holds the authorization code.
fn without_secrets(address: &[u8]) -> &[u8] {
    let end = address.iter().position(|byte| b"?#".contains(byte)).unwrap_or(address.len());
    let address = &address[..end];
    // Browsers send no user name (RFC 9110 §10.1.3). An address with one is left out.
    if address.contains(&b'@') { b"" } else { address }
}

fn escape(text: &mut Vec<u8>, value: &[u8]) {
    for &byte in value {
        match byte {
            b'"' | b'\\' | ..b' ' | 0x7f.. => {
                let digit = |half: u8| HEX[usize::from(half)];
                text.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
            }
            byte => text.push(byte),
        }
    }
}

/// `22/Nov/2026:10:13:32 +0000`
pub(super) fn date(at: OffsetDateTime) -> String {
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    let month = MONTHS[usize::from(u8::from(date.month())) - 1];
    let (day, year) = (date.day(), date.year());
    format!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use http::{Method, StatusCode};
    use proptest::prelude::*;

    use super::*;
    use crate::telemetry::RequestId;

    fn line(method: &str, path: &str, fields: Option<&CombinedFields>) -> String {
        let line = Line {
            request: RequestId::random(),
            peer: "2001:db8::1",
            method: &Method::from_bytes(method.as_bytes()).unwrap(),
            path,
            status: StatusCode::OK,
            took: Duration::ZERO,
            at: Instant::now(),
            combined: fields,
        };
        let mut text = Vec::new();
        append(&mut text, b"22/Nov/2026:10:13:32 +0000", &line);
        String::from_utf8(text).unwrap()
    }

    fn fields(version: Version, referer: &[u8], user_agent: &[u8]) -> CombinedFields {
        let mut headers = HeaderMap::new();
        headers.insert(header::REFERER, HeaderValue::from_bytes(referer).unwrap());
        headers.insert(header::USER_AGENT, HeaderValue::from_bytes(user_agent).unwrap());
        CombinedFields::new(version, &headers)
    }

    #[test]
    fn a_line_has_the_fields_of_the_combined_format() {
        let browser = fields(Version::HTTP_2, b"https://a.example/x?code=secret#f", b"Mozilla/5.0 \"x\" \\");
        assert_eq!(
            line("GET", "/view/home", Some(&browser)),
            "2001:db8::1 - - [22/Nov/2026:10:13:32 +0000] \"GET /view/home HTTP/2.0\" 200 - \
             \"https://a.example/x\" \"Mozilla/5.0 \\x22x\\x22 \\x5C\"\n"
        );
        let empty = CombinedFields::new(Version::HTTP_10, &HeaderMap::new());
        assert!(line("POST", "/r/x", Some(&empty)).ends_with("\"POST /r/x HTTP/1.0\" 200 - \"-\" \"-\"\n"));
        assert!(line("-", "-", None).ends_with("] \"-\" 200 - \"-\" \"-\"\n"));
        let date = |second| date(OffsetDateTime::from_unix_timestamp(second).unwrap());
        assert_eq!(date(1_795_342_412), "22/Nov/2026:10:13:32 +0000");
        assert_eq!(date(0), "01/Jan/1970:00:00:00 +0000");
    }

    #[test]
    fn a_referrer_is_logged_without_what_may_be_secret() {
        for (referer, logged) in [
            ("https://a.example/x", "https://a.example/x"),
            ("https://a.example/ims/callback?code=secret&state=s", "https://a.example/ims/callback"),
            ("https://a.example/#access_token=secret", "https://a.example/"),
            ("https://user:secret@a.example/x", "-"),
            ("?secret", "-"),
        ] {
            let text = line("GET", "/", Some(&fields(Version::HTTP_11, referer.as_bytes(), b"a")));
            assert!(text.ends_with(&format!("\"{logged}\" \"a\"\n")) && !text.contains("secret"), "{text}");
        }
    }

    proptest! {
        /// Whatever a client sends, a line is one line with the fields of one request.
        #[test]
        fn no_request_forges_a_line_or_a_field(
            method in "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}",
            path in any::<String>(),
            referer in prop::collection::vec(prop_oneof![0x20u8..0x7f, 0x80u8.., Just(b'\t')], 0..40),
            user_agent in prop::collection::vec(prop_oneof![0x20u8..0x7f, 0x80u8.., Just(b'\t')], 0..40),
        ) {
            let fields = fields(Version::HTTP_11, &referer, &user_agent);
            let text = line(&method, &path, Some(&fields));
            let body = text.strip_suffix('\n').unwrap();
            prop_assert!(body.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?}");
            // Three values in quotes, and no quote within them.
            let parts: Vec<&str> = body.split('"').collect();
            prop_assert_eq!(parts.len(), 7);
            prop_assert_eq!(
                (parts[0], parts[2], parts[4], parts[6]),
                ("2001:db8::1 - - [22/Nov/2026:10:13:32 +0000] ", " 200 - ", " ", "")
            );
        }
    }
}
