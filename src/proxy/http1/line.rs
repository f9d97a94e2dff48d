//! A connection to an upstream: bytes in both directions, and what has been read ahead.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use tokio::task::unconstrained;
use tokio_util::io::poll_read_buf;

use super::{SendError, Sending, WireError};
use crate::http_client::Wire;
use crate::policy::answer::{Answer, AnswerError, Framing, Next};
use crate::proxy::upload::Upload;

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub struct Line {
    wire: Wire,
    /// Read, and not used yet.
    ahead: Bytes,
    /// Where the next bytes go: the same memory again and again, as soon as nobody holds what was read into it.
    space: BytesMut,
    /// How much is read at once: more while it comes in large pieces.
    at_once: usize,
    /// Interim answers before the one that is waited for.
    interim: u8,
}

impl Line {
    /// Over an open connection.
    pub fn new(wire: Wire) -> Self {
        Self { wire, ahead: Bytes::new(), space: BytesMut::new(), at_once: LEAST, interim: 0 }
    }

    /// True when it is open and the upstream says nothing, as it must between two exchanges. Costs no system call unless
    /// something has come.
    pub fn is_quiet(&mut self) -> bool {
        // Whatever the task may still do in its turn: a connection that was not looked at is not a quiet one.
        let look = pin!(unconstrained(poll_fn(|cx| Poll::Ready(self.poll_fill(cx).is_pending()))));
        let quiet = look.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(true);
        quiet && self.ahead.is_empty()
    }

    /// True when nothing is left of an exchange; what would be, nobody knows of what it is.
    pub fn is_clear(&self) -> bool {
        self.ahead.is_empty()
    }

    /// Lets go of the buffer of a connection that nobody has used for a while.
    pub fn rest(&mut self) {
        if self.is_clear() {
            self.ahead = Bytes::new();
            self.space = BytesMut::new();
        }
    }

    /// Ready when the whole request is on its way.
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        sending: &mut Sending,
        upload: &mut Upload,
    ) -> Poll<Result<(), SendError>> {
        sending.poll(cx, &mut self.wire, upload)
    }

    /// The head of the answer. Interim answers before it end here, for there is no way to hand them to the client (a proxy
    /// should, RFC 9110 §15.2; hyper's server sends none but `100`). A switch of protocols is no interim answer.
    pub fn poll_answer(&mut self, cx: &mut Context<'_>, to_head: bool) -> Poll<Result<Answer, WireError>> {
        loop {
            // A head has its end in the last bytes that came, or has not come whole.
            if self.ahead.contains(&b'\n') {
                match Answer::parse(&mut self.ahead, to_head).map_err(WireError::from)? {
                    Some(answer) if answer.status.is_informational() && answer.status != SWITCHING => {
                        self.interim += 1;
                        if self.interim > MAX_INTERIM {
                            return Poll::Ready(Err(WireError::TooLong));
                        }
                        continue;
                    }
                    Some(answer) => {
                        self.interim = 0;
                        return Poll::Ready(Ok(answer));
                    }
                    None => {}
                }
            }
            if self.ahead.len() >= AT_MOST {
                return Poll::Ready(Err(WireError::TooLong));
            }
            let begun = !self.ahead.is_empty();
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Err(if begun {
                    AnswerError::Incomplete.into()
                } else {
                    WireError::Closed
                }));
            }
        }
    }

    /// The next piece of the answer's body, or of what comes behind it; `None` at its end.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        framing: &mut Framing,
    ) -> Poll<Option<Result<Frame<Bytes>, WireError>>> {
        loop {
            match framing.next(&mut self.ahead).map_err(WireError::from)? {
                Next::Frame(frame) => return Poll::Ready(Some(Ok(frame))),
                Next::End => return Poll::Ready(None),
                Next::More if ready!(self.poll_fill(cx))? == 0 => framing.close().map_err(WireError::from)?,
                Next::More => {}
            }
        }
    }

    /// The connection itself, and what has come over it, for another protocol.
    pub fn into_parts(self) -> (Wire, Vec<u8>) {
        (self.wire, self.ahead.to_vec())
    }

    /// Reads what there is behind what has been read; gives the count, 0 at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let ahead = std::mem::take(&mut self.ahead);
        if ahead.is_empty() {
            // Empty it still holds the memory that is to be used again.
            drop(ahead);
        } else {
            // A head in pieces, which has to lie in one.
            self.space = BytesMut::new();
            self.space = ahead.into();
        }
        self.space.reserve(self.at_once);
        let room = self.space.capacity() - self.space.len();
        let polled = poll_read_buf(Pin::new(&mut self.wire), cx, &mut self.space);
        if !self.space.is_empty() {
            // Also when nothing came: what was read before stays where it can be looked at.
            self.ahead = self.space.split().freeze();
        }
        let read = ready!(polled)?;
        if read == room {
            self.at_once = (self.at_once * 2).min(AT_MOST);
        } else if read < self.at_once / 4 {
            self.at_once = (self.at_once / 2).max(LEAST);
        }
        Poll::Ready(Ok(read))
    }
}

/// Interim answers to one request, at most.
const MAX_INTERIM: u8 = 32;
const SWITCHING: http::StatusCode = http::StatusCode::SWITCHING_PROTOCOLS;
/// Read at once in the beginning: a small answer with its head.
const LEAST: usize = 8 * 1024;
/// Read at once at most, and the longest head. Where a client reads slower than Campaign writes, one such piece waits here for it.
const AT_MOST: usize = 64 * 1024;
