//! The bytes between TLS and HTTP: passed through, noted when the client does not take them or sends what must be refused.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::socket::Socket;
use crate::policy::heads::Heads;

/// A TLS connection whose writes are noted.
#[derive(Debug)]
pub struct Stream {
    tls: Box<TlsStream<Socket>>,
    activity: Arc<Activity>,
    /// Read before, and not used.
    unread: Bytes,
    /// Reads along, over HTTP/1.1.
    heads: Option<Heads>,
}

impl Stream {
    /// Wraps a connection.
    pub fn new(tls: Box<TlsStream<Socket>>, activity: Arc<Activity>) -> Self {
        Self { tls, activity, unread: Bytes::new(), heads: None }
    }

    /// The same, with an eye on the heads that come.
    #[must_use]
    pub fn with_heads(self) -> Self {
        Self { heads: Some(Heads::default()), ..self }
    }

    /// Gives bytes back that were read too early; they are read again first.
    pub fn put_back(&mut self, bytes: Bytes) {
        self.unread = bytes;
    }

    /// Waits until the client speaks or leaves, without a buffer.
    pub async fn readable(&self) -> io::Result<()> {
        self.tls.get_ref().0.readable().await
    }

    fn noted<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.activity.blocked(polled.is_pending());
        polled
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            let before = buffer.filled().len();
            let polled = Pin::new(&mut self.tls).poll_read(cx, buffer);
            let this = &mut *self;
            if let Some(flawed) = this.heads.as_mut().and_then(|heads| heads.read(&buffer.filled()[before..]))
            {
                this.activity.is_flawed(flawed);
            }
            return polled;
        }
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread[..count]);
        self.unread.advance(count);
        if self.unread.is_empty() {
            // The buffer it was a part of.
            self.unread = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tls).poll_write(cx, bytes);
        self.noted(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tls).poll_write_vectored(cx, slices);
        self.noted(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.tls).poll_flush(cx);
        self.noted(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}
