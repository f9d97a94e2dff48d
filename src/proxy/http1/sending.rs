//! A request on its way to an upstream: head and body in as few writes as they come in.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http_body::Body as _;
use tokio::io::AsyncWrite as _;

use crate::http_client::Wire;
use crate::policy::head::BodyLength;
use crate::proxy::upload::{Upload, UploadError};

/// What of a request has not gone out.
#[derive(Debug)]
pub struct Sending {
    queue: Queue,
    /// How the body's end is said, until it has come.
    body: Option<BodyLength>,
    /// Changes whenever anything moves.
    moved: u64,
    /// True while the next piece has not come from the client.
    waits_for_client: bool,
    /// True when TLS keeps nothing back either.
    flushed: bool,
}

/// Why a request did not go out.
#[derive(Debug)]
pub enum SendError {
    /// The body did not come.
    Upload(UploadError),
    /// The connection failed.
    Wire(io::Error),
}

impl Sending {
    /// Begins with a head that says `body`.
    pub fn new(head: Bytes, body: BodyLength) -> Self {
        let body = (body != BodyLength::None).then_some(body);
        Self { queue: Queue::of(head), body, moved: 0, waits_for_client: false, flushed: false }
    }

    /// True when everything has gone out.
    pub fn is_over(&self) -> bool {
        self.body.is_none() && self.queue.count == 0 && self.flushed
    }

    /// True when nothing has gone out.
    pub fn has_not_begun(&self) -> bool {
        self.moved == 0
    }

    /// A number that changes whenever anything moves.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// True while it is the client's turn.
    pub fn waits_for_client(&self) -> bool {
        self.waits_for_client && (self.queue.count == 0)
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire,
        upload: &mut Upload,
    ) -> Poll<Result<(), SendError>> {
        loop {
            // A piece that is there already goes with the head.
            if self.body.is_some() && self.queue.count <= 1 {
                self.take(cx, upload)?;
            }
            if self.queue.count == 0 {
                ready!(Pin::new(&mut *wire).poll_flush(cx)).map_err(SendError::Wire)?;
                self.flushed = true;
                if self.body.is_none() {
                    return Poll::Ready(Ok(()));
                }
                if self.waits_for_client {
                    return Poll::Pending;
                }
                // What came was nothing to send, and nobody will say when there is more.
                continue;
            }
            self.flushed = false;
            let written = ready!(self.write(cx, wire)).map_err(SendError::Wire)?;
            self.moved += 1;
            self.queue.advance(written);
        }
    }

    /// Takes a piece from the client, if there is one.
    fn take(&mut self, cx: &mut Context<'_>, upload: &mut Upload) -> Result<(), SendError> {
        let polled = Pin::new(upload).poll_frame(cx);
        self.waits_for_client = polled.is_pending();
        let Poll::Ready(frame) = polled else { return Ok(()) };
        self.moved += 1;
        match (frame.transpose().map_err(SendError::Upload)?, &mut self.body) {
            (Some(frame), body) => {
                // Trailers end here: no field of theirs was judged (RFC 9110 §6.5.1).
                let Ok(piece) = frame.into_data() else { return Ok(()) };
                match body {
                    Some(BodyLength::Chunked) if !piece.is_empty() => {
                        self.queue.push(format!("{:x}\r\n", piece.len()).into());
                        self.queue.push(piece);
                        self.queue.push(Bytes::from_static(b"\r\n"));
                    }
                    Some(BodyLength::Known(left)) => {
                        let behind = left.checked_sub(piece.len() as u64);
                        *left = behind.ok_or(SendError::Upload(UploadError::Length))?;
                        self.queue.push(piece);
                    }
                    _ => {}
                }
            }
            (None, body) => match body.take() {
                Some(BodyLength::Chunked) => self.queue.push(Bytes::from_static(b"0\r\n\r\n")),
                Some(BodyLength::Known(1..)) => return Err(SendError::Upload(UploadError::Length)),
                _ => {}
            },
        }
        Ok(())
    }

    fn write(&self, cx: &mut Context<'_>, wire: &mut Wire) -> Poll<io::Result<usize>> {
        let parts = self.queue.parts.each_ref().map(|bytes| IoSlice::new(bytes));
        let written = ready!(Pin::new(wire).poll_write_vectored(cx, &parts[..self.queue.count]))?;
        Poll::Ready(if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) })
    }
}

/// What goes out next: at most a head, and a piece with what frames it.
#[derive(Debug)]
struct Queue {
    parts: [Bytes; 4],
    count: usize,
}

impl Queue {
    fn of(head: Bytes) -> Self {
        Self { parts: [head, Bytes::new(), Bytes::new(), Bytes::new()], count: 1 }
    }

    fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.parts[self.count] = bytes;
            self.count += 1;
        }
    }

    fn advance(&mut self, mut written: usize) {
        while self.count > 0 {
            let first = &mut self.parts[0];
            if first.len() > written {
                return first.advance(written);
            }
            written -= first.len();
            *first = Bytes::new();
            self.parts.rotate_left(1);
            self.count -= 1;
        }
    }
}
