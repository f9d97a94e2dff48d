//! A client's socket, TCP or Unix, with the permit of its connection. The permit is returned when HTTP, or a WebSocket, drops the socket.
//!
//! A send is the most expensive system call of a small exchange, for both ends. So TLS tickets (RFC 8446 §4.6.1) are kept until the
//! response of a request that has already arrived goes out.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::admission::Permit;
use crate::net::Socket;

/// A connected client.
#[derive(Debug)]
pub struct ClientSocket {
    stream: Socket,
    /// Returned with the socket.
    pub permit: Permit,
    /// Bytes that were accepted and not sent yet.
    kept: Vec<u8>,
    stage: Stage,
    /// How long the client may read nothing, in milliseconds; 0 once the kernel knows it.
    stall_timeout: u32,
}

/// The stage of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The TLS handshake: tickets are kept. True when everything before was sent, so that the next byte begins a record.
    Handshake(bool),
    /// After the handshake: nothing more is kept.
    Open,
}

impl ClientSocket {
    /// A socket before its TLS handshake.
    ///
    /// A client that is known to be slow may read nothing for `stall_timeout`. For others the kernel gives up sooner (`listener`).
    pub fn new(stream: Socket, permit: Permit, stall_timeout: Duration) -> Self {
        let (kept, stage) = (Vec::new(), Stage::Handshake(true));
        let stall_timeout = u32::try_from(stall_timeout.as_millis()).unwrap_or(u32::MAX);
        Self { stream, permit, kept, stage, stall_timeout }
    }

    /// Records the end of the handshake.
    pub fn set_open(&mut self) {
        self.stage = Stage::Open;
    }

    /// Waits until the client sends or disconnects. Needs no buffer.
    pub async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// Sends the kept bytes.
    pub fn poll_send_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx, &[]).map_ok(drop)
    }

    /// True while bytes are kept.
    pub fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Sends the kept bytes and then these, in one call if possible. Returns how many of these were sent.
    fn poll_send(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        while !self.kept.is_empty() {
            let kept = self.kept.len();
            let mut all = vec![IoSlice::new(&self.kept)];
            all.extend_from_slice(slices);
            match ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &all))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent if sent > kept => {
                    self.kept = Vec::new();
                    return Poll::Ready(Ok(sent - kept));
                }
                sent => drop(self.kept.drain(..sent)),
            }
        }
        self.kept = Vec::new();
        if slices.is_empty() { Poll::Ready(Ok(0)) } else { self.send(cx, slices) }
    }

    fn send(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if sent.is_pending() && self.stall_timeout > 0 {
            let timeout = Duration::from_millis(std::mem::take(&mut self.stall_timeout).into());
            // It fails for a Unix socket, which does not need it.
            let _ = SockRef::from(&self.stream).set_tcp_user_timeout(Some(timeout));
        }
        sent
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if polled.is_pending() && matches!(this.stage, Stage::Handshake(_)) {
            // The client may wait for the kept bytes.
            ready!(this.poll_send(cx, &[]))?;
        }
        polled
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Stage::Handshake(whole) = this.stage {
            let length = slices.iter().map(|slice| slice.len()).sum();
            let first = slices.iter().find_map(|slice| slice.first());
            // The first flight begins with a hello. After it, only tickets and alerts are records of this type.
            if whole && first == Some(&ENCRYPTED) && length > ALERT {
                for slice in slices {
                    this.kept.extend_from_slice(slice);
                }
                return Poll::Ready(Ok(length));
            }
            let sent = ready!(this.poll_send(cx, slices))?;
            this.stage = Stage::Handshake(sent == length);
            return Poll::Ready(Ok(sent));
        }
        if this.kept.is_empty() { this.send(cx, slices) } else { this.poll_send(cx, slices) }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Kept bytes go out with the first response, or when the client waits.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx, &[]))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

/// The first byte of an encrypted record (RFC 8446 §5.2). In TLS 1.2 tickets come in other records, and clients wait for them.
const ENCRYPTED: u8 = 23;
/// Length of an alert, in bytes. A ticket is much longer.
const ALERT: usize = 24;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::task::TaskTracker;

    use super::super::admission::Admission;
    use super::super::listener::{Listening, bind};
    use super::*;
    use crate::telemetry::Metrics;

    #[tokio::test]
    async fn a_vanished_client_is_found_soon_and_a_slow_one_has_its_time() {
        let mut bound = bind(([127, 0, 0, 1], 0).into(), 1, Duration::from_mins(5)).unwrap();
        let Some(Listening::Tcp(listener)) = bound.sockets.pop() else { panic!("a TCP socket") };
        let listener = TcpListener::from_std(listener).unwrap();
        let client = TcpStream::connect(bound.address.unwrap()).await.unwrap();
        let stream = listener.accept().await.unwrap().0;
        // The kernel looks at the time whenever it sends a probe.
        let options = SockRef::from(&stream);
        let last = options.tcp_user_timeout().unwrap().unwrap() + options.tcp_keepalive_interval().unwrap();
        assert!(options.keepalive().unwrap() && last < Duration::from_secs(80), "{last:?}");

        let (admission, metrics) = (Arc::new(Admission::new()), Metrics::new(1));
        let token = TaskTracker::new().token();
        let permit = Admission::enter(&admission, &metrics.workers()[0], 1, token).0;
        let timeout = Duration::from_mins(6);
        let mut socket = ClientSocket::new(Socket::Tcp(stream), permit, timeout);
        socket.set_open();
        let piece = vec![0; 65_536];
        poll_fn(|cx| {
            while Pin::new(&mut socket).poll_write(cx, &piece).map(Result::unwrap).is_ready() {}
            Poll::Ready(())
        })
        .await;
        assert_eq!(SockRef::from(&socket.stream).tcp_user_timeout().unwrap(), Some(timeout));
        drop(client);
    }
}
