//! A connection to an upstream: bytes in both directions, and what has been read buffer.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::Frame;
use tokio::task::unconstrained;
use tokio_util::io::poll_read_buf;

use super::read_buffer::{AT_MOST, ReadBuffer};
use super::{SendError, Sending, WireError};
use crate::http_client::Wire;
use crate::proxy::upload::Upload;
use crate::wire::response::{Framing, Next, ResponseError, ResponseHead};

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub struct Http1Stream {
    wire: Wire,
    /// Read, and not used yet.
    buffer: ReadBuffer,
    /// Interim answers before the one that is waited for.
    interim: u8,
}

impl Http1Stream {
    /// Over an open connection.
    pub fn new(wire: Wire) -> Self {
        Self { wire, buffer: ReadBuffer::new(), interim: 0 }
    }

    /// True when it is open and the upstream says nothing, as it must between two exchanges. Costs no system call unless
    /// something has come.
    pub fn is_quiet(&mut self) -> bool {
        // Whatever the task may still do in its turn: a connection that was not looked at is not a quiet one.
        let look = pin!(unconstrained(poll_fn(|cx| Poll::Ready(self.poll_fill(cx).is_pending()))));
        let quiet = look.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(true);
        quiet && self.buffer.bytes.is_empty()
    }

    /// True when nothing is left of an exchange; what would be, nobody knows of what it is.
    pub fn is_clear(&self) -> bool {
        self.buffer.bytes.is_empty()
    }

    /// Lets go of the buffer of a connection that nobody has used for a while.
    pub fn rest(&mut self) {
        if self.is_clear() {
            self.buffer.let_go();
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

    /// The head of the answer. Interim answers before it (RFC 9110 §15.2) are read and dropped; a switch of protocols is none.
    pub fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        to_head: bool,
    ) -> Poll<Result<ResponseHead, WireError>> {
        loop {
            // Without a line's end there is no head yet.
            if self.buffer.bytes.contains(&b'\n') {
                match ResponseHead::parse(&mut self.buffer.bytes, to_head).map_err(WireError::from)? {
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
            if self.buffer.bytes.len() >= AT_MOST {
                return Poll::Ready(Err(WireError::TooLong));
            }
            let begun = !self.buffer.bytes.is_empty();
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Err(if begun {
                    ResponseError::Incomplete.into()
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
            match framing.next(&mut self.buffer.bytes).map_err(WireError::from)? {
                Next::Frame(frame) => return Poll::Ready(Some(Ok(frame))),
                Next::End => return Poll::Ready(None),
                Next::More if ready!(self.poll_fill(cx))? == 0 => framing.close().map_err(WireError::from)?,
                Next::More => {}
            }
        }
    }

    /// The connection itself, and what has come over it, for another protocol.
    pub fn into_parts(self) -> (Wire, Vec<u8>) {
        (self.wire, self.buffer.bytes.to_vec())
    }

    /// Reads what there is behind what has been read; gives the count, 0 at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { wire, buffer, .. } = self;
        match wire {
            Wire::Plain(socket) => loop {
                // First, so that memory is made ready for bytes that are there.
                ready!(socket.poll_readable(cx))?;
                if let Poll::Ready(read) = buffer.fill(|space| socket.try_read(space)) {
                    return Poll::Ready(read);
                }
            },
            Wire::Tls(stream) => buffer.fill(|space| poll_read_buf(Pin::new(stream), cx, space)),
        }
    }
}

/// Interim answers to one request, at most.
const MAX_INTERIM: u8 = 32;
const SWITCHING: http::StatusCode = http::StatusCode::SWITCHING_PROTOCOLS;
