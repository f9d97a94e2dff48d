//! Campaign's interim answers (RFC 9110 §15.2) on their way to a client of HTTP/1.1.
//!
//! hyper's server sends none but `100`, so they go past it: they wait here until whoever writes to the client finds them, between
//! two answers.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use http::StatusCode;
use hyper::ext::ReasonPhrase;
use tokio::io::AsyncWrite;

use super::clean_fields;
use crate::wire::request_head::HeaderLines;
use crate::wire::response::ResponseHead;

/// What waits to be sent on one connection.
#[derive(Debug, Default)]
pub struct Interim {
    waiting: Mutex<BytesMut>,
    /// False when there is nothing, as a rule.
    any: AtomicBool,
    /// True while an answer before is not written to its end: what comes now would overtake it, and goes nowhere.
    closed: AtomicBool,
}

impl Interim {
    /// Adds an interim answer. `100` is none of Campaign's affair: whether a body is wanted was said here, and never asked there.
    pub(super) fn put(&self, mut answer: ResponseHead) {
        if answer.status == StatusCode::CONTINUE || self.closed.load(Ordering::Relaxed) {
            return;
        }
        clean_fields(&mut answer.fields, |_| false);
        let mut lines = HeaderLines::default();
        for (name, value) in &answer.fields {
            lines.add(name, value);
        }
        let reason = answer.reason.as_ref().map(ReasonPhrase::as_bytes);
        let usual = answer.status.canonical_reason().unwrap_or_default();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() > MOST {
            // A client that does not read must not be a burden.
            return;
        }
        for part in [
            b"HTTP/1.1 ",
            answer.status.as_str().as_bytes(),
            b" ",
            reason.unwrap_or(usual.as_bytes()),
            b"\r\n",
            lines.as_bytes(),
            b"\r\n",
        ] {
            waiting.extend_from_slice(part);
        }
        self.any.store(true, Ordering::Relaxed);
    }

    /// Ready when nothing waits any more. A piece that was begun must go out whole before anything else does.
    pub fn poll_write(
        &self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        if !self.any.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while !waiting.is_empty() {
            match ready!(Pin::new(&mut *to).poll_write(cx, &waiting))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => waiting.advance(written),
            }
        }
        *waiting = BytesMut::new();
        self.any.store(false, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    /// Notes whether an answer is being written.
    pub fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::Relaxed);
    }
}

/// Bytes that wait for a client, past which nothing is added.
const MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::Bytes;

    use super::*;

    fn put(interim: &Interim, head: &str) {
        let mut bytes = Bytes::from(format!("HTTP/1.1 {head}\r\n\r\n"));
        interim.put(ResponseHead::parse(&mut bytes, false).unwrap().unwrap());
    }

    async fn written(interim: &Interim) -> String {
        let mut text = Vec::new();
        poll_fn(|cx| interim.poll_write(cx, &mut text)).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn what_comes_while_an_answer_is_written_goes_nowhere() {
        let interim = Interim::default();
        put(&interim, "103 Early Hints\r\nLink: </a>");
        interim.close(true);
        put(&interim, "103 Early Hints\r\nLink: </b>");
        assert_eq!(written(&interim).await, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
        interim.close(false);
        assert_eq!(written(&interim).await, "");
        put(&interim, "102 Processing");
        assert_eq!(written(&interim).await, "HTTP/1.1 102 Processing\r\n\r\n");
    }

    #[tokio::test]
    async fn no_framing_and_nothing_of_the_connection_goes_on() {
        let interim = Interim::default();
        put(
            &interim,
            "103 Hints\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nConnection: Y\r\nY: 1\r\nSet-Cookie: __sessiontoken=1\r\nA: b",
        );
        put(&interim, "103 Early Hints\r\nContent-Length: 3");
        put(&interim, "100 Continue");
        let expected = "HTTP/1.1 103 Hints\r\na: b\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n";
        assert_eq!(written(&interim).await, expected);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_no_burden() {
        let interim = Interim::default();
        for _ in 0..100 {
            put(&interim, &format!("103 Early Hints\r\nLink: {}", "x".repeat(10_000)));
        }
        let text = written(&interim).await;
        assert!((MOST..MOST + 11_000).contains(&text.len()), "{}", text.len());
    }
}
