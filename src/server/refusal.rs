//! What hyper answers by itself to a head that it cannot read (400, 414, 431) has neither a body nor a request id. Here it gets
//! what every other refusal has.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, StatusCode};
use serde_json::json;
use tokio::io::AsyncWrite;

use crate::telemetry::RequestId;

/// An answer in the place of hyper's.
#[derive(Debug)]
pub struct Refusal {
    /// Told to the client, for the log.
    pub id: RequestId,
    /// As hyper has chosen it.
    pub status: StatusCode,
    bytes: Vec<u8>,
    written: usize,
}

impl Refusal {
    /// From hyper's own head; `None` when it does not look like one.
    /// `hsts`: its `Strict-Transport-Security`.
    pub fn new(head: &[u8], hsts: Option<&HeaderValue>) -> Option<Self> {
        let head = std::str::from_utf8(head).ok()?;
        let status: StatusCode = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let (before, after) = head.split_once("content-length: 0\r\n")?;
        if !status.is_client_error() || !after.ends_with("\r\n\r\n") {
            return None;
        }
        let too_long = status != StatusCode::BAD_REQUEST;
        let error = if too_long { "request_head_too_large" } else { "bad_request" };
        let id = RequestId::random();
        let body = json!({"error": error, "request_id": id.as_str()}).to_string();
        let length = body.len();
        let hsts = hsts.and_then(|value| value.to_str().ok());
        let hsts = hsts.map_or_else(String::new, |value| format!("strict-transport-security: {value}\r\n"));
        let bytes = format!(
            "{before}content-type: application/json\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\
             x-request-id: {id}\r\n{hsts}content-length: {length}\r\n{after}{body}"
        );
        Some(Self { id, status, bytes: bytes.into(), written: 0 })
    }

    /// Writes it; ready when all of it is written.
    pub fn poll_write(
        &mut self,
        to: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            match ready!(Pin::new(&mut *to).poll_write(cx, &self.bytes[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hypers_own_words_are_replaced() {
        let head = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\
                    date: Sun, 22 Nov 2026 10:13:32 GMT\r\n\r\n";
        let refusal = Refusal::new(head.as_bytes(), Some(&HeaderValue::from_static("max-age=1"))).unwrap();
        let text = String::from_utf8(refusal.bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 ") && head.contains("\r\nconnection: close\r\n"), "{head}");
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
        assert!(head.contains(&format!("\r\nx-request-id: {}\r\n", refusal.id)), "{head}");
        assert!(head.contains("\r\nstrict-transport-security: max-age=1\r\n"), "{head}");
        for other in [
            "",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 1\r\n\r\nx",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK",
            "\u{81}\u{5}hello",
        ] {
            assert!(Refusal::new(other.as_bytes(), None).is_none(), "{other:?}");
        }
    }
}
