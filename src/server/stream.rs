//! The bytes between TLS and HTTP: passed through, noted when the client does not take them or sends what must be refused.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::client_socket::ClientSocket;
use super::pieces::{MOST, are_short, cut};
use crate::wire::query;
use crate::wire::strict_head::StrictHead;

/// A TLS connection whose writes are noted.
#[derive(Debug)]
pub struct Stream {
    tls: Box<TlsStream<ClientSocket>>,
    activity: Arc<Activity>,
    /// Read before, and not used. Boxed: rare.
    unread: Option<Box<Bytes>>,
    /// Reads along with what comes in over HTTP/1.1.
    heads: Option<StrictHead>,
}

impl Stream {
    /// Wraps a connection that speaks HTTP/1.1. `longest` is how long a head may be that hyper reads.
    pub fn http1(tls: Box<TlsStream<ClientSocket>>, activity: Arc<Activity>, longest: usize) -> Self {
        Self { tls, activity, unread: None, heads: Some(StrictHead::new(longest)) }
    }

    /// Wraps a connection that speaks HTTP/2.
    pub fn http2(tls: Box<TlsStream<ClientSocket>>, activity: Arc<Activity>) -> Self {
        Self { tls, activity, unread: None, heads: None }
    }

    /// Gives bytes back that were read too early; they are read again first.
    pub fn put_back(&mut self, bytes: Bytes) {
        let bytes = match self.unread.take() {
            Some(rest) => Bytes::from([bytes, *rest].concat()),
            None => bytes,
        };
        self.unread = (!bytes.is_empty()).then(|| Box::new(bytes));
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
        if let Some(heads) = &mut this.heads {
            let read = &buffer.filled()[before..];
            // Only where the parser and this reader agree that a request begins: no other byte is ever changed.
            let begun =
                heads.request_line().filter(|_| this.activity.is_idle() && !this.activity.is_tunnel());
            let encoded = begun.and_then(|begun| query::encoded(begun, read));
            if let Some(flawed) = heads.read(read) {
                this.activity.is_flawed(flawed);
            }
            if let Some(encoded) = encoded {
                buffer.set_filled(before);
                let (now, later) = encoded.split_at(encoded.len().min(buffer.remaining()));
                buffer.put_slice(now);
                this.put_back(Bytes::copy_from_slice(later));
            }
        }
        if polled.is_pending() && this.tls.get_ref().0.keeps_back() && this.activity.is_idle() {
            // The request did not come with the handshake's last bytes. A client that has Nagle's algorithm (RFC 1122
            // §4.2.3.4) sends it when these are acknowledged, which the ticket does at once, and the kernel only after a while.
            ready!(this.tls.get_mut().0.poll_send_kept(cx))?;
        }
        polled
    }
}

impl AsyncWrite for Stream {
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
            tls.poll_write_vectored(cx, cut(slices, &mut [IoSlice::new(&[]); MOST]))
        };
        if let Poll::Ready(Ok(count)) = polled {
            self.activity.held.took(count);
        }
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
