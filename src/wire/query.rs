//! Percent-encodes raw bytes in a query (RFC 3986 §2.1): `"`, `<`, `>` and bytes outside ASCII. Old mail clients send them and the
//! HTTP/1.1 parser refuses them. So links in e-mails work as behind nginx. In a path, these bytes are still refused.

use std::fmt::Write as _;

use memchr::{memchr2, memchr3};

/// The next bytes of a connection, encoded; `None` when nothing changes. `begun` is the part of the request line that has arrived
/// before. `next` may hold more than the request line. Only for GET and HEAD, as links use them.
pub fn encoded(begun: &[u8], next: &[u8]) -> Option<Vec<u8>> {
    let from = if begun.contains(&b'?') { 0 } else { query_start(next)? };
    let query = &next[from..];
    let query = &query[..memchr2(b' ', b'\n', query).unwrap_or(query.len())];
    if query.is_ascii() && memchr3(b'"', b'<', b'>', query).is_none() {
        return None;
    }
    let before = [begun, &next[..from]].concat();
    let target = before.strip_prefix(b"GET ").or_else(|| before.strip_prefix(b"HEAD "))?;
    if target.contains(&b' ') {
        return None;
    }
    let mut text = String::with_capacity(query.len() * 3);
    for &byte in query {
        match byte {
            b'"' | b'<' | b'>' | 0x80.. => write!(text, "%{byte:02X}").ok()?,
            _ => text.push(char::from(byte)),
        }
    }
    Some([&next[..from], text.as_bytes(), &next[from + query.len()..]].concat())
}

/// Start of the query in a request line.
fn query_start(line: &[u8]) -> Option<usize> {
    let at = memchr2(b'?', b'\n', line)?;
    (line[at] == b'?').then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(begun: &str, next: &[u8]) -> Option<String> {
        encoded(begun.as_bytes(), next).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn bytes_that_the_parser_refuses_in_a_query_are_encoded() {
        for (begun, next, expected) in [
            (
                "",
                &b"GET /r/?a=\"<b>\" HTTP/1.1\r\nX: \"\r\n\r\n"[..],
                Some("GET /r/?a=%22%3Cb%3E%22 HTTP/1.1\r\nX: \"\r\n\r\n"),
            ),
            ("", b"HEAD /r/?a=caf\xe9", Some("HEAD /r/?a=caf%E9")),
            ("GET /r/?a", b"\xc3\xa9 HTTP/1.1\r\n", Some("%C3%A9 HTTP/1.1\r\n")),
            ("GE", b"T /r/?\xff", Some("T /r/?%FF")),
            ("", b"GET /r/?a=%22&b=?/'(){}|^` HTTP/1.1\r\n\r\n", None),
            ("", b"GET /r/\"\xe9 HTTP/1.1\r\nReferer: /?\"\r\n", None),
            ("", b"GET /r/\xe9?a HTTP/1.1\r\n", None),
            ("", b"POST /r/?\" HTTP/1.1\r\n", None),
            ("", b"GET /r/ HTTP?\" HTTP/1.1\r\n", None),
            ("GET /r/?a HTTP", b"\" \r\n", None),
            ("", b"\r\nGET /r/?\" HTTP/1.1\r\n", None),
            ("", b"", None),
        ] {
            assert_eq!(text(begun, next).as_deref(), expected, "{begun:?} {next:?}");
        }
    }

    proptest! {
        /// Nothing but the encoding changes: decoded, the line is the same, and the parser takes the query.
        #[test]
        fn an_encoded_query_has_the_same_meaning(query in proptest::collection::vec(prop::sample::select(b"a\"<>=&'\xe9\xc3\x80%".to_vec()), 0..20), cut in 0..40_usize) {
            let line = [b"GET /r/?", query.as_slice(), b" HTTP/1.1\r\n"].concat();
            let (begun, next) = line.split_at(cut.min(line.len()));
            let first = encoded(b"", begun).unwrap_or_else(|| begun.to_vec());
            let second = encoded(begun, next).unwrap_or_else(|| next.to_vec());
            let sent = [first, second].concat();
            let target = sent[4..].split(|&byte| byte == b' ').next().unwrap();
            prop_assert!(http::Uri::try_from(target).is_ok());
            let decoded = |bytes: &[u8]| percent_encoding::percent_decode(bytes).collect::<Vec<_>>();
            prop_assert_eq!(decoded(&sent), decoded(&line));
        }
    }
}
