//! Writes the head of an upstream request line by line (RFC 9112 §3, §5).
//!
//! Names and values have types that cannot hold a line end, so one field cannot become two. Lines that are the same for every request of
//! a session are written once.

use std::fmt;

use http::{HeaderName, HeaderValue, Method, Uri, header};

/// Field lines, each with CRLF.
#[derive(Clone, Default)]
pub struct HeaderLines(Vec<u8>);

impl HeaderLines {
    /// Adds a field.
    pub fn add(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.line(name, value.as_bytes());
    }

    /// Adds a field with a text as its value. A text with other characters than visible ASCII and spaces is skipped.
    pub fn add_text(&mut self, name: &HeaderName, text: &[u8]) {
        // `all` would end early, so it cannot check many bytes at once.
        if text.iter().fold(true, |are_visible, byte| are_visible & matches!(byte, b' '..=b'~')) {
            self.line(name, text);
        }
    }

    /// Adds a field with the https address of a request to `host`, without its query: the query is in the request line already, and
    /// Campaign limits the length of the head.
    pub fn add_https_address(&mut self, name: &HeaderName, host: &HeaderValue, target: &Uri) {
        let (name, host, path) = (name.as_str().as_bytes(), host.as_bytes(), target.path().as_bytes());
        self.0.reserve(name.len() + host.len() + path.len() + HTTPS.len() + 4);
        for part in [name, b": ", HTTPS, host, path, b"\r\n"] {
            self.0.extend_from_slice(part);
        }
    }

    /// Adds constant lines in wire format, each with CRLF.
    pub fn add_fixed(&mut self, lines: &'static str) {
        self.0.extend_from_slice(lines.as_bytes());
    }

    /// Begins a field with a list as its value. The line is only written if the list gets a part.
    pub fn list<'a>(&'a mut self, name: &'a HeaderName, separator: &'static [u8]) -> ListWriter<'a> {
        ListWriter { lines: self, name, separator, begun: false }
    }

    fn line(&mut self, name: &HeaderName, value: &[u8]) {
        let name = name.as_str().as_bytes();
        self.0.reserve(name.len() + value.len() + 4);
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
    }

    /// The lines in wire format.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds other lines.
    pub fn extend(&mut self, lines: &Self) {
        self.0.extend_from_slice(&lines.0);
    }
}

/// Writes a list. Dropping it ends the line.
pub struct ListWriter<'a> {
    lines: &'a mut HeaderLines,
    name: &'a HeaderName,
    separator: &'static [u8],
    begun: bool,
}

impl ListWriter<'_> {
    /// Adds a part to the list.
    pub fn push(&mut self, part: &[u8]) {
        let text = &mut self.lines.0;
        if std::mem::replace(&mut self.begun, true) {
            text.extend_from_slice(self.separator);
        } else {
            text.extend_from_slice(self.name.as_str().as_bytes());
            text.extend_from_slice(b": ");
        }
        text.extend_from_slice(part);
    }
}

impl Drop for ListWriter<'_> {
    fn drop(&mut self) {
        if self.begun {
            self.lines.0.extend_from_slice(b"\r\n");
        }
    }
}

/// Shows only the size: some fields are secret.
impl fmt::Debug for HeaderLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderLines({} bytes)", self.0.len())
    }
}

/// An unfinished head: fields can be added.
#[derive(Debug)]
pub struct RequestHead {
    lines: HeaderLines,
    client_host: Option<HeaderValue>,
    is_head: bool,
    is_safe: bool,
    wants_length: bool,
}

impl RequestHead {
    /// Writes the request line, with path and query of the target.
    pub fn begin(method: &Method, target: &Uri) -> Self {
        let mut text = Vec::with_capacity(USUAL);
        text.extend_from_slice(method.as_str().as_bytes());
        text.push(b' ');
        let target = target.path_and_query().map_or("/", |target| target.as_str());
        if !target.starts_with('/') {
            // The target is absolute and has no path (RFC 9112 §3.2.1).
            text.push(b'/');
        }
        text.extend_from_slice(target.as_bytes());
        text.extend_from_slice(b" HTTP/1.1\r\n");
        Self {
            lines: HeaderLines(text),
            client_host: None,
            is_head: *method == Method::HEAD,
            is_safe: matches!(*method, Method::GET | Method::HEAD),
            wants_length: matches!(*method, Method::POST | Method::PUT | Method::PATCH),
        }
    }

    /// The lines, for adding fields. [`end`](Self::end) adds the framing field.
    pub fn lines(&mut self) -> &mut HeaderLines {
        &mut self.lines
    }

    /// Sets the host that the client used. It is not written; URLs in the response are rewritten to it.
    pub fn set_client_host(&mut self, host: HeaderValue) {
        self.client_host = Some(host);
    }

    /// Adds the framing field and ends the head.
    pub fn end(mut self, body: &BodyLength) -> FinishedHead {
        match body {
            // RFC 9110 §8.6: methods that expect a body need `Content-Length: 0`.
            BodyLength::None if self.wants_length => {
                self.lines.add(&header::CONTENT_LENGTH, &HeaderValue::from_static("0"));
            }
            BodyLength::None => {}
            BodyLength::Known(length) => {
                self.lines.add(&header::CONTENT_LENGTH, &HeaderValue::from(*length));
            }
            BodyLength::Chunked => {
                self.lines.add(&header::TRANSFER_ENCODING, &HeaderValue::from_static("chunked"));
            }
        }
        self.lines.0.extend_from_slice(b"\r\n");
        let is_repeatable = self.is_safe && *body == BodyLength::None;
        FinishedHead {
            bytes: self.lines.0,
            client_host: self.client_host,
            is_head: self.is_head,
            is_repeatable,
        }
    }
}

/// The length of a request body (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// No body.
    None,
    /// This many bytes.
    Known(u64),
    /// Unknown: the body is sent in chunks.
    Chunked,
}

/// A finished head.
pub struct FinishedHead {
    /// The head in wire format, with the empty line.
    pub bytes: Vec<u8>,
    /// The host that the client used.
    pub client_host: Option<HeaderValue>,
    /// True for HEAD: the response has no body.
    pub is_head: bool,
    /// True when the request may be sent again (RFC 9110 §9.2.2): GET or HEAD without a body.
    pub is_repeatable: bool,
}

const HTTPS: &[u8] = b"https://";
/// Initial capacity in bytes: enough for an ordinary browser request with identity headers.
const USUAL: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(method: &str, body: BodyLength) -> (String, bool) {
        let mut head = RequestHead::begin(&method.parse().unwrap(), &"/a?b=c".parse().unwrap());
        head.lines().add(&header::HOST, &HeaderValue::from_static("x"));
        let mut prepared = HeaderLines::default();
        let mut list = prepared.list(&header::COOKIE, b"; ");
        for pair in [b"a=b", b"c=d"] {
            list.push(pair);
        }
        drop(list);
        drop(prepared.list(&header::VIA, b", "));
        head.lines().extend(&prepared);
        let whole = head.end(&body);
        (String::from_utf8(whole.bytes).unwrap(), whole.is_repeatable)
    }

    #[test]
    fn a_head_declares_the_length_of_its_body() {
        let with = |method: &str, framing: &str| {
            format!("{method} /a?b=c HTTP/1.1\r\nhost: x\r\ncookie: a=b; c=d\r\n{framing}\r\n")
        };
        for (method, body, framing, repeatable) in [
            ("GET", BodyLength::None, "", true),
            ("HEAD", BodyLength::None, "", true),
            ("DELETE", BodyLength::None, "", false),
            ("get", BodyLength::None, "", false),
            ("POST", BodyLength::None, "content-length: 0\r\n", false),
            ("GET", BodyLength::Known(3), "content-length: 3\r\n", false),
            ("PUT", BodyLength::Chunked, "transfer-encoding: chunked\r\n", false),
        ] {
            assert_eq!(written(method, body), (with(method, framing), repeatable));
        }
    }

    #[test]
    fn the_written_target_begins_with_a_slash() {
        for (target, line) in [
            ("https://x?a=b", "GET /?a=b HTTP/1.1"),
            ("https://x", "GET / HTTP/1.1"),
            ("/?a=b", "GET /?a=b HTTP/1.1"),
        ] {
            let whole = RequestHead::begin(&Method::GET, &target.parse().unwrap()).end(&BodyLength::None);
            assert!(whole.bytes.starts_with(line.as_bytes()), "{target}");
        }
    }

    #[test]
    fn the_https_address_of_a_request_has_no_query() {
        let mut lines = HeaderLines::default();
        let name = HeaderName::from_static("x-address");
        let host = HeaderValue::from_static("campaign.example.com:8443");
        for target in ["/nl/jsp/s.jsp?a=b", "https://other?a=b"] {
            lines.add_https_address(&name, &host, &target.parse().unwrap());
        }
        assert_eq!(
            String::from_utf8_lossy(lines.as_bytes()),
            "x-address: https://campaign.example.com:8443/nl/jsp/s.jsp\r\nx-address: https://campaign.example.com:8443/\r\n"
        );
    }

    #[test]
    fn debug_output_shows_no_line() {
        let mut lines = HeaderLines::default();
        lines.add(&header::AUTHORIZATION, &HeaderValue::from_static("Bearer secret"));
        assert_eq!(format!("{lines:?}"), "HeaderLines(30 bytes)");
    }
}
