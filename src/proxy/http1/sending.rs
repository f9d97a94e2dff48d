//! A request on its way to an upstream: head and body in as few writes as they come in.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http_body::Body as _;
use tokio::io::AsyncWrite as _;

use crate::http_client::Wire;
use crate::proxy::upload::Upload;
use crate::proxy::upload_error::UploadError;
use crate::wire::request_head::BodyLength;

/// What of a request has not gone out.
#[derive(Debug)]
pub struct Sending {
    queue: Queue,
    /// How the body's end is said, until it has come.
    body: Option<BodyLength>,
    /// Changes whenever anything moves.
    moved: u64,
    /// True once a byte has gone out.
    begun: bool,
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
        Self { queue: Queue::of(head), body, moved: 0, begun: false, waits_for_client: false, flushed: false }
    }

    /// True when everything has gone out.
    pub fn is_over(&self) -> bool {
        self.body.is_none() && self.queue.count == 0 && self.flushed
    }

    /// True when nothing has gone out.
    pub fn has_not_begun(&self) -> bool {
        !self.begun
    }

    /// Gives back what was taken of the upload, when nothing has gone out: then all of it may go over another connection.
    pub fn hand_back(&mut self, upload: &mut Upload) {
        // Behind the head, and the size of a chunk.
        let place = match (self.body, self.queue.count) {
            (Some(BodyLength::Known(_)), 2) => 1,
            (Some(BodyLength::Chunked), 4) => 2,
            _ => return,
        };
        upload.put_back(std::mem::take(&mut self.queue.parts[place]));
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
            self.begun = true;
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::net::UnixStream;

    use super::*;

    /// What a peer hears that was sent until it failed or was over; `None`: the peer is gone.
    async fn sent(sending: &mut Sending, upload: &mut Upload, peer: bool) -> Option<Vec<u8>> {
        let (near, far) = UnixStream::pair().unwrap();
        let far = peer.then_some(far);
        let mut wire = Wire::from(near);
        let outcome = poll_fn(|cx| sending.poll(cx, &mut wire, upload)).await;
        assert_eq!(outcome.is_ok(), peer);
        let mut heard = vec![0; 100];
        let far = far?;
        far.readable().await.unwrap();
        let count = far.try_read(&mut heard).unwrap();
        heard.truncate(count);
        Some(heard)
    }

    #[tokio::test]
    async fn what_did_not_go_out_goes_out_over_another_connection() {
        for (length, whole) in
            [(BodyLength::Known(4), "head body"), (BodyLength::Chunked, "head 4\r\nbody\r\n0\r\n\r\n")]
        {
            let mut upload = Upload::Whole(Some(Bytes::from_static(b"body")));
            let mut first = Sending::new(Bytes::from_static(b"head "), length);
            assert!(sent(&mut first, &mut upload, false).await.is_none());
            assert!(first.has_not_begun() && matches!(upload, Upload::Whole(None)));
            first.hand_back(&mut upload);
            let mut second = Sending::new(Bytes::from_static(b"head "), length);
            assert_eq!(sent(&mut second, &mut upload, true).await.unwrap(), whole.as_bytes());
            assert!(second.is_over() && !second.has_not_begun());
        }
    }
}
