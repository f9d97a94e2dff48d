//! An upstream's answer as it comes over HTTP/1.1 (RFC 9112): its head, and where its body ends. httparse reads the head; here
//! is decided what may be believed of it.

mod body;
mod chunks;
mod declared;

use std::mem::MaybeUninit;

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use hyper::ext::ReasonPhrase;

use super::fields::is_hop_by_hop;

pub use body::{Framing, Next};
pub use declared::Declared;

/// Why an answer is not passed on: it is none, or where it ends is in doubt, or would be for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// A head that is none.
    #[error("the answer's head cannot be read: {0}")]
    Head(#[from] httparse::Error),
    /// Both `Content-Length` and `Transfer-Encoding`: perhaps somebody split an answer in two (RFC 9112 §6.3).
    #[error("the answer has two framings")]
    TwoFramings,
    /// A transfer coding besides `chunked`: nobody asked for it (RFC 9112 §7.4), and the client would not hear of it.
    #[error("the answer's transfer coding is not understood")]
    Coding,
    /// Two lengths, or one that is no number (RFC 9110 §8.6).
    #[error("the answer's length is not one number")]
    Length,
    /// A chunk, or a trailer, that is none (RFC 9112 §7.1).
    #[error("the answer's chunks cannot be read")]
    Chunk,
    /// The connection ended in the middle of it.
    #[error("the connection was closed within an answer")]
    Incomplete,
}

/// An answer's head.
#[derive(Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// What the upstream calls it, when that is not the usual name.
    pub reason: Option<ReasonPhrase>,
    /// Its fields as they came, but for a `Connection` that says no more than how long this one lasts.
    pub fields: HeaderMap,
    /// True when all of them may go on: none is hop-by-hop, none sets a cookie.
    pub plain: bool,
    /// True when one of them holds a URL that may name an upstream.
    pub has_urls: bool,
    /// How the body ends.
    pub framing: Framing,
    /// False when the connection ends with this answer.
    pub persists: bool,
}

impl ResponseHead {
    /// Takes one head out of `bytes`; `None` when it has not come whole. `to_head` for an answer to HEAD.
    ///
    /// # Errors
    /// [`ResponseError`], for what never will be a head, or none with one end.
    pub fn parse(bytes: &mut Bytes, to_head: bool) -> Result<Option<Self>, ResponseError> {
        let mut room = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            &mut room,
        )?;
        let httparse::Status::Complete(length) = parsed else { return Ok(None) };
        let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
        let status = status.ok_or(httparse::Error::Status)?;
        let is_http11 = response.version == Some(1);
        let never_has_body = status_without_body(status);

        // And room for one of the gateway's.
        let mut fields = HeaderMap::with_capacity(response.headers.len() + 1);
        let mut declared = Declared::default();
        let (mut keeps, mut closes, mut plain, mut has_urls) = (is_http11, false, true, false);
        for field in response.headers.iter() {
            let name =
                HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| httparse::Error::HeaderName)?;
            // A slice of what came, not a copy.
            let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value))
                .map_err(|_| httparse::Error::HeaderValue)?;
            match name {
                header::CONTENT_LENGTH => declared.length(field.value)?,
                header::TRANSFER_ENCODING => declared.coding(field.value)?,
                header::LOCATION | header::CONTENT_LOCATION | header::REFRESH => has_urls = true,
                header::CONNECTION => {
                    closes |= lists(field.value, b"close");
                    keeps |= lists(field.value, b"keep-alive");
                    if [b"keep-alive".as_slice(), b"close"]
                        .iter()
                        .any(|only| field.value.eq_ignore_ascii_case(only))
                    {
                        continue;
                    }
                }
                _ => {}
            }
            if never_has_body && matches!(name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING) {
                // A framing of a body that does not exist: over HTTP/2 some clients take the response for a broken one.
                continue;
            }
            plain &= name != header::SET_COOKIE && !is_hop_by_hop(&name);
            fields.append(name, value);
        }
        let declared = declared.whole(is_http11)?;
        let reason = response.reason.filter(|reason| Some(*reason) != status.canonical_reason());
        let reason = reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok());
        bytes.advance(length);

        let framing = match declared {
            _ if to_head || never_has_body => Framing::NONE,
            Declared { coded: true, .. } => Framing::chunked(),
            Declared { length: Some(length), .. } => Framing::Length(length),
            Declared { .. } => Framing::Closing,
        };
        // RFC 9112 §9.3: `close` wins.
        let persists = keeps && !closes && !matches!(framing, Framing::Closing);
        Ok(Some(Self { status, reason, fields, plain, has_urls, framing, persists }))
    }
}

/// True for a response that has no body, whatever its fields say (RFC 9112 §6.3). Its `Content-Length` and `Transfer-Encoding` do not
/// go on: 1xx and 204 must not have them (RFC 9110 §8.6, RFC 9112 §6.1), and a 304 may do without. A response to HEAD keeps its
/// length, which is that of GET.
fn status_without_body(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

fn lists(field: &[u8], option: &[u8]) -> bool {
    field.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(option))
}

/// Fields an answer may have.
const MAX_FIELDS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &'static str, to_head: bool) -> Option<(u16, Framing, bool, Bytes)> {
        let mut bytes = Bytes::from_static(text.as_bytes());
        let answer = ResponseHead::parse(&mut bytes, to_head).ok()??;
        Some((answer.status.as_u16(), answer.framing, answer.persists, bytes))
    }

    #[test]
    fn a_head_says_how_its_body_ends_and_whether_the_connection_stays() {
        for (text, to_head, framing, persists) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nrest", false, "Length(4)", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nrest", true, "Length(0)", true),
            ("HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\nrest", false, "Length(0)", true),
            ("HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\nrest", false, "Length(0)", true),
            ("HTTP/1.1 103 Hints\r\n\r\nrest", false, "Length(0)", true),
            ("HTTP/1.1 200 OK\r\n\r\nrest", false, "Closing", false),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, CLOSE\r\n\r\nrest",
                false,
                "Length(0)",
                false,
            ),
            ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nrest", false, "Length(1)", false),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nrest",
                false,
                "Length(1)",
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\nConnection: keep-alive\r\n\r\nrest",
                false,
                "Length(1)",
                false,
            ),
        ] {
            let (_, found, stays, rest) = parsed(text, to_head).unwrap();
            assert_eq!((format!("{found:?}").as_str(), stays), (framing, persists), "{text:?}");
            assert_eq!(rest, "rest");
        }
        let chunked = parsed("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", false).unwrap();
        assert!(matches!(chunked.1, Framing::Chunked(_)) && chunked.2);
    }

    #[test]
    fn half_a_head_is_none_yet_and_a_wrong_one_never() {
        let mut half = Bytes::from_static(b"HTTP/1.1 200 OK\r\nX: y\r\n");
        assert!(ResponseHead::parse(&mut half, false).unwrap().is_none());
        assert_eq!(half.len(), 23, "nothing is lost");
        for wrong in [
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 99 x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        ] {
            assert!(
                ResponseHead::parse(&mut Bytes::from_static(wrong.as_bytes()), false).is_err(),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_status_without_a_body_keeps_no_framing() {
        for (status, to_head, framing) in [
            (103, false, false),
            (204, false, false),
            (204, true, false),
            (304, false, false),
            (304, true, false),
            (200, true, true),
            (205, false, true),
        ] {
            for field in ["Content-Length: 4", "Transfer-Encoding: chunked"] {
                let head = format!("HTTP/1.1 {status} x\r\nA: b\r\n{field}\r\n\r\n");
                let answer = ResponseHead::parse(&mut head.into(), to_head).unwrap().unwrap();
                assert_eq!(answer.fields.len(), 1 + usize::from(framing), "{status} {to_head} {field}");
            }
        }
    }

    #[test]
    fn an_unusual_reason_is_kept() {
        let mut bytes = Bytes::from_static(b"HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
        let answer = ResponseHead::parse(&mut bytes, false).unwrap().unwrap();
        assert_eq!(answer.reason.unwrap().as_bytes(), b"Fine");
    }
}
