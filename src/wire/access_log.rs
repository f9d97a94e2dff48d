//! Reads lines of access logs: those of the gateway (JSON and text), and the common, combined and `vhost_combined` formats of nginx and
//! Apache httpd.

mod combined;
mod own;

use std::borrow::Cow;
use std::net::IpAddr;

/// What one line says of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The host, when the log names hosts.
    pub host: Option<Cow<'a, str>>,
    /// The request line; `None` for bytes that are none.
    pub request: Option<RequestLine<'a>>,
    /// The status of the response.
    pub status: Option<u16>,
}

/// Method and target of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// The method.
    pub method: Cow<'a, str>,
    /// The target as it was received.
    pub target: Cow<'a, str>,
    /// True when the log names HTTP/1.
    pub is_http1: bool,
}

/// Why a line is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// No known format.
    #[error("no line of an access log in JSON, common or combined format")]
    Format,
    /// Broken JSON.
    #[error("broken JSON")]
    Json,
    /// The line breaks off.
    #[error("the line ends within the request")]
    Incomplete,
}

/// Reads a line, without its line end. `None` for a line without a request: an empty line, another line of the gateway's log, or a
/// connection on which nothing was received.
///
/// # Errors
/// `LineError` when the line has no known format.
pub fn parse(line: &[u8]) -> Result<Option<LogLine<'_>>, LineError> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    if line.starts_with(b"{") {
        return own::json(line);
    }
    if let Some(read) = own::text(line) {
        return read;
    }
    combined::parse(line)
}

impl<'a> RequestLine<'a> {
    /// `None` for what is no request: the gateway logs `-` in place of method and path.
    fn of(method: Cow<'a, str>, target: Cow<'a, str>, is_http1: bool) -> Option<Self> {
        let has_both = !method.is_empty() && method != "-" && !target.is_empty();
        has_both.then_some(Self { method, target, is_http1 })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> (Option<String>, String, Option<u16>) {
        let line = parse(line.as_bytes()).unwrap().unwrap();
        let request = line.request.map_or("-".to_owned(), |line| format!("{} {}", line.method, line.target));
        let from =
            line.host.map_or_else(|| line.client.map(|ip| ip.to_string()), |host| Some(host.into_owned()));
        (from, request, line.status)
    }

    #[test]
    fn each_format_is_read() {
        for (line, from, request, status) in [
            (
                r#"{"timestamp":"2026-11-22T10:13:32.000042Z","level":"INFO","target":"access","request":"x","peer":"2001:db8::1","method":"GET","path":"/a\"b\u00e9","status":200,"ms":7}"#,
                "2001:db8::1",
                "GET /a\"b\u{e9}",
                Some(200),
            ),
            (
                r#"{"target":"access","peer":"192.0.2.1","method":"-","path":"-","status":400}"#,
                "192.0.2.1",
                "-",
                Some(400),
            ),
            (
                r"2026-11-22T10:13:32.000042Z  INFO access: request=x peer=192.0.2.1 method=GET path=/a\u0020b status=303 ms=7",
                "192.0.2.1",
                "GET /a b",
                Some(303),
            ),
            (
                r#"192.0.2.1 - alice [22/Nov/2026:10:13:32 +0000] "POST /r/x?a=\x22 HTTP/1.1" 200 12 "https://a.example/" "Mozilla/5.0 \"x\"""#,
                "192.0.2.1",
                "POST /r/x?a=\"",
                Some(200),
            ),
            (
                r#"192.0.2.1 - - [22/Nov/2026:10:13:32 +0000] "GET /r/x HTTP/2.0" 304 -"#,
                "192.0.2.1",
                "GET /r/x",
                Some(304),
            ),
            (
                r#"t.example:443 2001:db8::1 - - [22/Nov/2026:10:13:32 +0000] "GET /caf\xc3\xa9\\ HTTP/1.1" 400 0"#,
                "t.example:443",
                "GET /caf\u{e9}\\",
                Some(400),
            ),
            (
                r#"client.example.com - a b [22/Nov/2026:10:13:32 +0000] "GET /a b HTTP/1.1" 400 0"#,
                "",
                "GET /a b",
                Some(400),
            ),
            (
                r#"192.0.2.1 - - [22/Nov/2026:10:13:32 +0000] "\x16\x03\x01" 400 0 "-" "-""#,
                "192.0.2.1",
                "-",
                Some(400),
            ),
            (
                r#"192.0.2.1 - - [22/Nov/2026:10:13:32 +0000] "GET /r/?a=<\xff\x22 HTTP/1.1" 200 0 "-" "-""#,
                "192.0.2.1",
                "GET /r/?a=%3C%FF%22",
                Some(200),
            ),
            (
                r#"192.0.2.1 - - [22/Nov/2026:10:13:32 +0000] "GET /\xff HTTP/1.1" 400 0 "-" "-""#,
                "192.0.2.1",
                "-",
                Some(400),
            ),
        ] {
            let from = Some(from.to_owned()).filter(|from| !from.is_empty());
            assert_eq!(read(line), (from, request.to_owned(), status), "{line}");
        }
    }

    #[test]
    fn lines_without_a_request_are_passed_over_and_others_are_errors() {
        for line in [
            "",
            "#Version: 1.0",
            r#"{"timestamp":"2026-11-22T10:13:32Z","level":"WARN","message":"x","target":"audit"}"#,
            "2026-11-22T10:13:32.000042Z  INFO imsgate: started",
            r#"192.0.2.1 - - [22/Nov/2026:10:13:32 +0000] "" 400 0 "-" "-""#,
            r#"192.0.2.1 - - [22/Nov/2026:10:13:32 +0000] "-" 408 - "-" "-""#,
        ] {
            assert_eq!(parse(line.as_bytes()), Ok(None), "{line}");
        }
        for (line, error) in [
            ("hello", LineError::Format),
            ("{\"a\":", LineError::Json),
            ("{\"method\":5}", LineError::Json),
            ("{\"a\":1}", LineError::Format),
            (r#"192.0.2.1 - - [22/Nov/2026:10:13:32 +0000] "GET /r/x HT"#, LineError::Incomplete),
            (r#" - [x] "GET / HTTP/1.1" 200"#, LineError::Format),
        ] {
            assert_eq!(parse(line.as_bytes()), Err(error), "{line}");
        }
    }

    proptest! {
        /// What nginx and Apache write for any target is read as that target.
        #[test]
        fn an_escaped_target_is_read_as_it_was(target in "/[ -~\u{e9}\u{4e2d}\t]{0,30}", is_apache in any::<bool>()) {
            let mut escaped = String::new();
            for byte in target.bytes() {
                match byte {
                    b'"' | b'\\' if is_apache => escaped.extend(['\\', char::from(byte)]),
                    b'\t' if is_apache => escaped.push_str("\\t"),
                    b'"' | b'\\' | ..=0x1f | 0x7f.. => {
                        let _ = write!(escaped, "\\x{byte:02X}");
                    }
                    byte => escaped.push(char::from(byte)),
                }
            }
            let line = format!("192.0.2.1 - - [22/Nov/2026:10:13:32 +0000] \"POST {escaped} HTTP/1.1\" 200 1 \"-\" \"-\"");
            let read = parse(line.as_bytes()).unwrap().unwrap().request.unwrap();
            prop_assert_eq!(read.target, target);
        }

        #[test]
        fn no_bytes_make_the_reader_fail(
            begin in prop::sample::select(vec!["", "{", "{\"target\":\"access\",", "192.0.2.1 - - [x] \"", "2026-11-22T10:13:32Z  INFO access: request=x "]),
            rest in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let _ = parse(&[begin.as_bytes(), &rest].concat());
        }

        #[test]
        fn no_text_makes_the_reader_fail(line in "(\\[|\\]|\"|\\\\|\\\\x|[0-9a-f]| |HTTP/1.1|GET|path=|status=|method=| access: request=|\u{e9}){0,30}") {
            let _ = parse(line.as_bytes());
        }
    }
}
