//! The bytes between TLS and HTTP. Passes them on, notes when the client does not read, and checks heads more strictly than hyper.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::client_socket::ClientSocket;
use super::short_writes::{MOST, are_short, split};
use crate::wire::query;
use crate::wire::strict_head::StrictHead;

/// A client's TLS connection.
#[derive(Debug)]
pub struct ClientStream {
    tls: Box<TlsStream<ClientSocket>>,
    activity: Arc<Activity>,
    /// Bytes that were read but not used. Boxed: rare.
    unread: Option<Box<Bytes>>,
    /// Checks the heads of HTTP/1.1 requests.
    strict_head: Option<StrictHead>,
}

impl ClientStream {
    /// An HTTP/1.1 connection. hyper accepts heads of at most `longest_head` bytes.
    pub fn http1(tls: Box<TlsStream<ClientSocket>>, activity: Arc<Activity>, longest_head: usize) -> Self {
        Self { tls, activity, unread: None, strict_head: Some(StrictHead::new(longest_head)) }
    }

    /// An HTTP/2 connection.
    pub fn http2(tls: Box<TlsStream<ClientSocket>>, activity: Arc<Activity>) -> Self {
        Self { tls, activity, unread: None, strict_head: None }
    }

    /// Returns bytes that were read too early. The next read returns them first.
    pub fn put_back(&mut self, bytes: Bytes) {
        let bytes = match self.unread.take() {
            Some(rest) => Bytes::from([bytes, *rest].concat()),
            None => bytes,
        };
        self.unread = (!bytes.is_empty()).then(|| Box::new(bytes));
    }

    /// Waits until the client sends or disconnects. Needs no buffer.
    pub async fn readable(&self) -> io::Result<()> {
        self.tls.get_ref().0.readable().await
    }

    fn note_blocked<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.activity.set_blocked(polled.is_pending());
        polled
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(unread) = &mut this.unread {
            let count = unread.len().min(buffer.remaining());
            buffer.put_slice(&unread[..count]);
            unread.advance(count);
            if unread.is_empty() {
                this.unread = None;
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.tls).poll_read(cx, buffer);
        if polled.is_pending() {
            if this.tls.get_ref().0.has_kept() && this.activity.is_idle() {
                // The request did not come with the end of the handshake. With Nagle's algorithm (RFC 1122 §4.2.3.4) the client sends it
                // when that is acknowledged: a ticket acknowledges it at once, the kernel only after a delay.
                ready!(this.tls.get_mut().0.poll_send_kept(cx))?;
            }
            return Poll::Pending;
        }
        if let Some(strict_head) = &mut this.strict_head {
            let read = &buffer.filled()[before..];
            // Bytes change only where hyper's parser and this reader agree that a request begins.
            let line = strict_head.request_line();
            let line = line.filter(|_| this.activity.is_idle() && !this.activity.is_tunnel());
            let encoded = line.and_then(|line| query::encoded(line, read));
            if let Some(flawed) = strict_head.read(read) {
                this.activity.set_flawed_head(flawed);
            }
            if let Some(encoded) = encoded {
                buffer.set_filled(before);
                let (now, later) = encoded.split_at(encoded.len().min(buffer.remaining()));
                buffer.put_slice(now);
                this.put_back(Bytes::copy_from_slice(later));
            }
        }
        polled
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tls = Pin::new(&mut self.tls);
        let polled = if are_short(slices) {
            tls.poll_write_vectored(cx, slices)
        } else {
            tls.poll_write_vectored(cx, split(slices, &mut [IoSlice::new(&[]); MOST]))
        };
        if let Poll::Ready(Ok(count)) = polled {
            self.activity.unread.add_read(count);
        }
        self.note_blocked(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.tls).poll_flush(cx);
        self.note_blocked(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}
