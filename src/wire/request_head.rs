//! The head of a request as Campaign gets it, written line by line (RFC 9112 §3, §5).
//!
//! Names and values come as the types that cannot hold a line end, so that no field can become two, and lines that are the
//! same for every request of a session are written once.

use std::fmt;

use http::{HeaderName, HeaderValue, Method, Uri, header};

/// Field lines, each with its end.
#[derive(Clone, Default)]
pub struct HeaderLines(Vec<u8>);

impl HeaderLines {
    /// Adds a field.
    pub fn add(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.line(name, value.as_bytes());
    }

    /// Adds a field whose value is this text; what does not fit into a field is left out.
    pub fn add_text(&mut self, name: &HeaderName, text: &str) {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.line(name, text.as_bytes());
        }
    }

    /// Adds lines that stand in the source as they go over the wire.
    pub fn add_fixed(&mut self, lines: &'static str) {
        self.0.extend_from_slice(lines.as_bytes());
    }

    /// Adds a field whose value is a list, which has a line once it has a part.
    pub fn list<'a>(&'a mut self, name: &'a HeaderName, separator: &'static [u8]) -> List<'a> {
        List { lines: self, name, separator, begun: false }
    }

    fn line(&mut self, name: &HeaderName, value: &[u8]) {
        let name = name.as_str().as_bytes();
        self.0.reserve(name.len() + value.len() + 4);
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
    }

    /// As they go over the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds lines that were written before.
    pub fn extend(&mut self, lines: &Self) {
        self.0.extend_from_slice(&lines.0);
    }
}

/// A list that is being written; its line ends when this is dropped.
pub struct List<'a> {
    lines: &'a mut HeaderLines,
    name: &'a HeaderName,
    separator: &'static [u8],
    begun: bool,
}

impl List<'_> {
    /// Adds a part of a field value.
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

impl Drop for List<'_> {
    fn drop(&mut self) {
        if self.begun {
            self.lines.0.extend_from_slice(b"\r\n");
        }
    }
}

/// Some of it is secret.
impl fmt::Debug for HeaderLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderLines({} bytes)", self.0.len())
    }
}

/// A head that fields can be added to.
#[derive(Debug)]
pub struct RequestHead {
    lines: HeaderLines,
    client_host: Option<HeaderValue>,
    wants_no_answer_body: bool,
    is_safe: bool,
    wants_length: bool,
}

impl RequestHead {
    /// Begins with the request line. Of the target, path and query count.
    pub fn begin(method: &Method, target: &Uri) -> Self {
        let mut text = Vec::with_capacity(USUAL);
        text.extend_from_slice(method.as_str().as_bytes());
        text.push(b' ');
        let target = target.path_and_query().map_or("/", |target| target.as_str());
        if !target.starts_with('/') {
            // Of an absolute target or `:path` without a path (RFC 9112 §3.2.1).
            text.push(b'/');
        }
        text.extend_from_slice(target.as_bytes());
        text.extend_from_slice(b" HTTP/1.1\r\n");
        Self {
            lines: HeaderLines(text),
            client_host: None,
            wants_no_answer_body: *method == Method::HEAD,
            is_safe: matches!(*method, Method::GET | Method::HEAD),
            wants_length: matches!(*method, Method::POST | Method::PUT | Method::PATCH),
        }
    }

    /// Where fields are added. The framing is none of them: it comes with [`end`](Self::end).
    pub fn lines(&mut self) -> &mut HeaderLines {
        &mut self.lines
    }

    /// Notes the host that the client used, which URLs of the response must lead to. It is not written.
    pub fn set_client_host(&mut self, host: HeaderValue) {
        self.client_host = Some(host);
    }

    /// Adds the field that says where the body ends, and ends the head.
    pub fn end(mut self, body: &BodyLength) -> FinishedHead {
        match body {
            // RFC 9110 §8.6: where a body is expected, "none" has to be said.
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
            is_head: self.wants_no_answer_body,
            is_repeatable,
        }
    }
}

/// What a request's head says of its body (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    None,
    /// So many bytes.
    Known(u64),
    /// Nobody knows yet.
    Chunked,
}

/// A head as it goes out.
pub struct FinishedHead {
    /// With the empty line at its end.
    pub bytes: Vec<u8>,
    /// The host that the client used.
    pub client_host: Option<HeaderValue>,
    /// True for HEAD, whose answer has no body.
    pub is_head: bool,
    /// True for what may go out twice (RFC 9110 §9.2.2): a GET or HEAD without a body.
    pub is_repeatable: bool,
}

/// Room for the request of a browser with its identity, so that it is written without another allocation.
const USUAL: usize = 3 * 1024;

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
    fn a_head_says_where_its_body_ends() {
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
    fn a_target_begins_with_a_slash() {
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
    fn nothing_of_a_line_shows_in_debug_output() {
        let mut lines = HeaderLines::default();
        lines.add(&header::AUTHORIZATION, &HeaderValue::from_static("Bearer secret"));
        assert_eq!(format!("{lines:?}"), "HeaderLines(30 bytes)");
    }
}
