//! Writes a request: head and body, in as few writes as possible.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http_body::Body as _;
use tokio::io::AsyncWrite as _;

use crate::http_client::DialedStream;
use crate::proxy::upload::Upload;
use crate::proxy::upload_error::UploadError;
use crate::wire::request_head::BodyLength;

/// The unsent part of a request.
#[derive(Debug)]
pub struct RequestWriter {
    queue: Queue,
    /// The framing of the body, until its end was queued.
    body: Option<BodyLength>,
    /// Grows with every piece that arrives or is sent.
    progress: u64,
    /// True once a byte was sent.
    started: bool,
    /// True while the client has not sent the next piece.
    waits_for_client: bool,
    /// True when TLS has sent everything too.
    flushed: bool,
}

/// Why a request was not sent.
#[derive(Debug)]
pub enum SendError {
    /// The client did not send the body.
    Upload(UploadError),
    /// The connection failed.
    Connection(io::Error),
}

impl RequestWriter {
    /// Begins with a head that announces `body`.
    pub fn new(head: Bytes, body: BodyLength) -> Self {
        let body = (body != BodyLength::None).then_some(body);
        Self {
            queue: Queue::of(head),
            body,
            progress: 0,
            started: false,
            waits_for_client: false,
            flushed: false,
        }
    }

    /// True when everything was sent.
    pub fn is_over(&self) -> bool {
        self.body.is_none() && self.queue.count == 0 && self.flushed
    }

    /// True when nothing was sent.
    pub fn has_not_started(&self) -> bool {
        !self.started
    }

    /// Returns the first piece to the upload if nothing was sent, so that the request can use another connection.
    pub fn return_body(&mut self, upload: &mut Upload) {
        // After the head, and after the size of a chunk.
        let index = match (self.body, self.queue.count) {
            (Some(BodyLength::Known(_)), 2) => 1,
            (Some(BodyLength::Chunked), 4) => 2,
            _ => return,
        };
        upload.put_back(std::mem::take(&mut self.queue.parts[index]));
    }

    /// A number that grows with every piece that arrives or is sent.
    pub fn progress(&self) -> u64 {
        self.progress
    }

    /// True while the gateway waits for the client.
    pub fn waits_for_client(&self) -> bool {
        self.waits_for_client && (self.queue.count == 0)
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut DialedStream,
        upload: &mut Upload,
    ) -> Poll<Result<(), SendError>> {
        loop {
            // A piece that has already arrived is sent with the head.
            if self.body.is_some() && self.queue.count <= 1 {
                self.take(cx, upload)?;
            }
            if self.queue.count == 0 {
                ready!(Pin::new(&mut *stream).poll_flush(cx)).map_err(SendError::Connection)?;
                self.flushed = true;
                if self.body.is_none() {
                    return Poll::Ready(Ok(()));
                }
                if self.waits_for_client {
                    return Poll::Pending;
                }
                // What arrived was empty, and no waker was registered: poll again.
                continue;
            }
            self.flushed = false;
            let written = ready!(self.write(cx, stream)).map_err(SendError::Connection)?;
            self.progress += 1;
            self.started = true;
            self.queue.advance(written);
        }
    }

    /// Queues the next piece of the client, if it has arrived.
    fn take(&mut self, cx: &mut Context<'_>, upload: &mut Upload) -> Result<(), SendError> {
        let polled = Pin::new(upload).poll_frame(cx);
        self.waits_for_client = polled.is_pending();
        let Poll::Ready(frame) = polled else { return Ok(()) };
        self.progress += 1;
        match (frame.transpose().map_err(SendError::Upload)?, &mut self.body) {
            (Some(frame), body) => {
                // Trailers are dropped: their fields were not checked (RFC 9110 §6.5.1).
                let Ok(piece) = frame.into_data() else { return Ok(()) };
                match body {
                    Some(BodyLength::Chunked) if !piece.is_empty() => {
                        self.queue.push(format!("{:x}\r\n", piece.len()).into());
                        self.queue.push(piece);
                        self.queue.push(Bytes::from_static(b"\r\n"));
                    }
                    Some(BodyLength::Known(left)) => {
                        let rest = left.checked_sub(piece.len() as u64);
                        *left = rest.ok_or(SendError::Upload(UploadError::Length))?;
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

    fn write(&self, cx: &mut Context<'_>, stream: &mut DialedStream) -> Poll<io::Result<usize>> {
        let parts = self.queue.parts.each_ref().map(|bytes| IoSlice::new(bytes));
        let written = ready!(Pin::new(stream).poll_write_vectored(cx, &parts[..self.queue.count]))?;
        Poll::Ready(if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) })
    }
}

/// What is written next: at most a head, and a piece with its chunk framing.
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

    /// What a peer receives; `None` if there is no peer, and sending fails.
    async fn sent(writer: &mut RequestWriter, upload: &mut Upload, peer: bool) -> Option<Vec<u8>> {
        let (near, far) = UnixStream::pair().unwrap();
        let far = peer.then_some(far);
        let mut wire = DialedStream::from(near);
        let outcome = poll_fn(|cx| writer.poll(cx, &mut wire, upload)).await;
        assert_eq!(outcome.is_ok(), peer);
        let mut heard = vec![0; 100];
        let far = far?;
        far.readable().await.unwrap();
        let count = far.try_read(&mut heard).unwrap();
        heard.truncate(count);
        Some(heard)
    }

    #[tokio::test]
    async fn an_unsent_request_can_use_another_connection() {
        for (length, whole) in
            [(BodyLength::Known(4), "head body"), (BodyLength::Chunked, "head 4\r\nbody\r\n0\r\n\r\n")]
        {
            let mut upload = Upload::Whole(Some(Bytes::from_static(b"body")));
            let mut first = RequestWriter::new(Bytes::from_static(b"head "), length);
            assert!(sent(&mut first, &mut upload, false).await.is_none());
            assert!(first.has_not_started() && matches!(upload, Upload::Whole(None)));
            first.return_body(&mut upload);
            let mut second = RequestWriter::new(Bytes::from_static(b"head "), length);
            assert_eq!(sent(&mut second, &mut upload, true).await.unwrap(), whole.as_bytes());
            assert!(second.is_over() && !second.has_not_started());
        }
    }
}
