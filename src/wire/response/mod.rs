//! Reads upstream responses over HTTP/1.1 (RFC 9112): the head and the framing of the body. httparse parses the head; this module
//! checks it.

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

/// Why a response is not forwarded: it is invalid, or its end is ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The head is invalid.
    #[error("the response head is invalid: {0}")]
    Head(#[from] httparse::Error),
    /// Both `Content-Length` and `Transfer-Encoding`: a sign of response splitting (RFC 9112 §6.3).
    #[error("the response has both Content-Length and Transfer-Encoding")]
    TwoFramings,
    /// A transfer coding other than `chunked`. The request did not allow it (RFC 9112 §7.4), and it would be lost on the way to the client.
    #[error("the response's transfer coding is not supported")]
    Coding,
    /// More than one `Content-Length`, or one that is not a number (RFC 9110 §8.6).
    #[error("the response has more than one Content-Length, or an invalid one")]
    Length,
    /// An invalid chunk or trailer (RFC 9112 §7.1).
    #[error("the response has an invalid chunk or trailer")]
    Chunk,
    /// The connection closed before the end of the response.
    #[error("the connection closed before the end of the response")]
    Incomplete,
}

/// The head of a response.
#[derive(Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase, if it is not the usual one.
    pub reason: Option<ReasonPhrase>,
    /// The fields as received, except a `Connection` field that is only `close` or `keep-alive`.
    pub fields: HeaderMap,
    /// True when all fields can be forwarded unchanged: none is hop-by-hop and none sets a cookie.
    pub plain: bool,
    /// True when a field holds a URL that may name an upstream.
    pub has_urls: bool,
    /// The kind of content.
    pub content: Content,
    /// The framing of the body.
    pub framing: Framing,
    /// False when the connection cannot be used again after this response.
    pub persists: bool,
}

/// The kind of content of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// It has an end.
    Finite,
    /// Server-sent events, which have no end (HTML Standard §9.2).
    Events,
}

impl ResponseHead {
    /// Takes one head from `bytes`; `None` when it is incomplete. `to_head` is true for a response to HEAD.
    ///
    /// # Errors
    /// [`ResponseError`] for an invalid head or ambiguous framing.
    pub fn parse(bytes: &mut Bytes, to_head: bool) -> Result<Option<Self>, ResponseError> {
        let mut field_space = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            &mut field_space,
        )?;
        let httparse::Status::Complete(length) = parsed else { return Ok(None) };
        let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
        let status = status.ok_or(httparse::Error::Status)?;
        let is_http11 = response.version == Some(1);
        let never_has_body = is_without_body(status);

        let mut fields = HeaderMap::with_capacity(response.headers.len() + ADDED);
        let mut declared = Declared::default();
        let (mut keeps, mut closes, mut plain, mut has_urls) = (is_http11, false, true, false);
        let mut content = Content::Finite;
        for field in response.headers.iter() {
            let name =
                HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| httparse::Error::HeaderName)?;
            // A slice of the received bytes, not a copy.
            let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value))
                .map_err(|_| httparse::Error::HeaderValue)?;
            match name {
                header::CONTENT_LENGTH => declared.length(field.value)?,
                header::TRANSFER_ENCODING => declared.coding(field.value)?,
                header::CONTENT_TYPE if is_event_stream(field.value) => content = Content::Events,
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
                // These fields describe a body that does not exist. Over HTTP/2 some clients refuse such a response.
                continue;
            }
            plain &= name != header::SET_COOKIE && !is_hop_by_hop(&name);
            fields.append(name, value);
        }
        let declared = declared.checked(is_http11)?;
        let reason = response.reason.filter(|reason| Some(*reason) != status.canonical_reason());
        let reason = reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok());
        bytes.advance(length);

        let framing = match declared {
            _ if to_head || never_has_body => Framing::NONE,
            Declared { chunked: true, .. } => Framing::chunked(),
            Declared { length: Some(length), .. } => Framing::Length(length),
            Declared { .. } => Framing::Closing,
        };
        // RFC 9112 §9.3: `close` wins.
        let persists = keeps && !closes && !matches!(framing, Framing::Closing);
        Ok(Some(Self { status, reason, fields, plain, has_urls, content, framing, persists }))
    }
}

/// True for a status without a body, regardless of the fields (RFC 9112 §6.3). `Content-Length` and `Transfer-Encoding` are removed:
/// 1xx and 204 must not have them (RFC 9110 §8.6, RFC 9112 §6.1), and 304 does not need them. A response to HEAD keeps the length that
/// GET would give.
fn is_without_body(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

fn is_event_stream(value: &[u8]) -> bool {
    value.get(..EVENTS.len()).is_some_and(|start| start.eq_ignore_ascii_case(EVENTS))
}

const EVENTS: &[u8] = b"text/event-stream";

fn lists(field: &[u8], option: &[u8]) -> bool {
    field.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(option))
}

/// Fields that the gateway adds: the request id, `Strict-Transport-Security`, and the remaining time of the session.
const ADDED: usize = 3;
/// Most fields of a response.
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
    fn a_head_gives_the_framing_and_whether_the_connection_persists() {
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
    fn an_incomplete_head_waits_and_an_invalid_head_fails() {
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
    fn a_status_without_a_body_loses_its_framing_fields() {
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
    fn an_unusual_reason_phrase_is_kept() {
        let mut bytes = Bytes::from_static(b"HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
        let answer = ResponseHead::parse(&mut bytes, false).unwrap().unwrap();
        assert_eq!(answer.reason.unwrap().as_bytes(), b"Fine");
    }
}
