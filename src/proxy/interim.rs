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
use http::{StatusCode, header};
use hyper::ext::ReasonPhrase;
use tokio::io::AsyncWrite;

use super::clean;
use crate::policy::answer::Answer;
use crate::policy::head::Lines;

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
    pub(super) fn put(&self, mut answer: Answer) {
        if answer.status == StatusCode::CONTINUE || self.closed.load(Ordering::Relaxed) {
            return;
        }
        // Of a body that there is none of; and it must not say that it had one (RFC 9110 §8.6).
        answer.fields.remove(header::TRANSFER_ENCODING);
        answer.fields.remove(header::CONTENT_LENGTH);
        clean(&mut answer.fields);
        let mut lines = Lines::default();
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
