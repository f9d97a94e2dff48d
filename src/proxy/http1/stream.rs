//! A connection to a server: bytes in both directions, and a read buffer.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::Frame;
use tokio::task::unconstrained;
use tokio_util::io::poll_read_buf;

use super::read_buffer::{MOST, ReadBuffer};
use super::{RequestWriter, SendError, WireError};
use crate::http_client::DialedStream;
use crate::proxy::upload::Upload;
use crate::wire::response::{Framing, Next, ResponseError, ResponseHead};

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub struct Http1Stream {
    stream: DialedStream,
    /// Bytes that were read but not used.
    buffer: ReadBuffer,
    /// Interim responses to the current request.
    interim: u8,
}

impl Http1Stream {
    /// An open connection.
    pub fn new(stream: DialedStream) -> Self {
        Self { stream, buffer: ReadBuffer::new(), interim: 0 }
    }

    /// True when it is open and the server has sent nothing, as it must be between two exchanges. Needs no system call unless something
    /// has arrived.
    pub fn is_quiet(&mut self) -> bool {
        if !self.buffer.bytes.is_empty() {
            return false;
        }
        if let DialedStream::Plain(socket) = &self.stream
            && !socket.is_readable()
        {
            return true;
        }
        // Unconstrained: a task that has used up its budget would find every connection silent.
        let look = pin!(unconstrained(poll_fn(|cx| Poll::Ready(self.poll_fill(cx).is_pending()))));
        let quiet = look.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(true);
        quiet && self.buffer.bytes.is_empty()
    }

    /// True when no byte follows the last exchange.
    pub fn is_clear(&self) -> bool {
        self.buffer.bytes.is_empty()
    }

    /// Releases the buffer of an idle connection.
    pub fn release_buffer(&mut self) {
        if self.is_clear() {
            self.buffer.release();
        }
    }

    /// Ready when the whole request was sent.
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut RequestWriter,
        upload: &mut Upload,
    ) -> Poll<Result<(), SendError>> {
        writer.poll(cx, &mut self.stream, upload)
    }

    /// The head of the response. Interim responses before it (RFC 9110 §15.2) are read and dropped, except a switch of protocols.
    pub fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        to_head: bool,
    ) -> Poll<Result<ResponseHead, WireError>> {
        loop {
            // Without the end of a line there is no complete head.
            if self.buffer.bytes.contains(&b'\n') {
                match ResponseHead::parse(&mut self.buffer.bytes, to_head).map_err(WireError::from)? {
                    Some(response) if response.status.is_informational() && response.status != SWITCHING => {
                        self.interim += 1;
                        if self.interim > MAX_INTERIM {
                            return Poll::Ready(Err(WireError::TooLong));
                        }
                        continue;
                    }
                    Some(response) => {
                        self.interim = 0;
                        return Poll::Ready(Ok(response));
                    }
                    None => {}
                }
            }
            if self.buffer.bytes.len() >= MOST {
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

    /// The next piece of the response's body, or its trailers; `None` at its end.
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

    /// The connection and its unused bytes, for another protocol.
    pub fn into_parts(self) -> (DialedStream, Vec<u8>) {
        (self.stream, self.buffer.bytes.to_vec())
    }

    /// Reads more bytes into the buffer; returns their number, 0 at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { stream, buffer, .. } = self;
        match stream {
            DialedStream::Plain(socket) => loop {
                // First, so that memory is only allocated when bytes have arrived.
                ready!(socket.poll_readable(cx))?;
                if let Poll::Ready(read) = buffer.fill(|space| socket.try_read(space)) {
                    return Poll::Ready(read);
                }
            },
            DialedStream::Tls(stream) => buffer.fill(|space| poll_read_buf(Pin::new(stream), cx, space)),
        }
    }
}

/// The highest number of interim responses to one request.
const MAX_INTERIM: u8 = 32;
const SWITCHING: http::StatusCode = http::StatusCode::SWITCHING_PROTOCOLS;
