//! A client's socket, TCP or Unix, with its place among the connections: free when the last of it is gone, whether HTTP or a
//! WebSocket held it.
//!
//! A send is the most expensive system call of a small exchange, for both ends. So tickets (RFC 8446 §4.6.1) are kept back here: when the
//! request has come already, they go with its answer.

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
    /// Dropped with it.
    pub permit: Permit,
    /// Taken, and not sent yet.
    kept: Vec<u8>,
    stage: Stage,
    /// How long the client may take nothing, in milliseconds, until the kernel is told; 0 when it is.
    patience: u32,
}

/// What is kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// TLS is being agreed on: tickets. True when all that was written before is sent, so that the next byte begins a record.
    Opening(bool),
    /// Nothing more.
    Open,
}

impl ClientSocket {
    /// A socket with its place, before TLS. A client that was seen not to keep up may take nothing for `patience`; until then one
    /// that the kernel hears nothing of is gone sooner (`listener`).
    pub fn new(stream: Socket, permit: Permit, patience: Duration) -> Self {
        let (kept, stage) = (Vec::new(), Stage::Opening(true));
        let patience = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
        Self { stream, permit, kept, stage, patience }
    }

    /// The handshake is over.
    pub fn opened(&mut self) {
        self.stage = Stage::Open;
    }

    /// Waits until there is something to read, or the client is gone. Needs no buffer.
    pub async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// Sends what is kept back.
    pub fn poll_send_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx, &[]).map_ok(drop)
    }

    /// True when something is kept back.
    pub fn keeps_back(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Sends what is kept back, then these bytes, together if the system takes them; tells how many of these.
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
        if sent.is_pending() && self.patience > 0 {
            let patience = Duration::from_millis(std::mem::take(&mut self.patience).into());
            // Of a Unix socket it is not wanted.
            let _ = SockRef::from(&self.stream).set_tcp_user_timeout(Some(patience));
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
        if polled.is_pending() && matches!(this.stage, Stage::Opening(_)) {
            // Nobody must wait for what is kept back.
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
        if let Stage::Opening(whole) = this.stage {
            let length = slices.iter().map(|slice| slice.len()).sum();
            let first = slices.iter().find_map(|slice| slice.first());
            // After the first flight, which begins with a hello, only tickets and alerts are records of this kind.
            if whole && first == Some(&ENCRYPTED) && length > ALERT {
                for slice in slices {
                    this.kept.extend_from_slice(slice);
                }
                return Poll::Ready(Ok(length));
            }
            let sent = ready!(this.poll_send(cx, slices))?;
            this.stage = Stage::Opening(sent == length);
            return Poll::Ready(Ok(sent));
        }
        if this.kept.is_empty() { this.send(cx, slices) } else { this.poll_send(cx, slices) }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What is kept back has its own time.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx, &[]))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

/// The first byte of an encrypted record (RFC 8446 §5.2). TLS 1.2, where a client waits for the ticket, has other ones.
const ENCRYPTED: u8 = 23;
/// Bytes of an alert; a ticket is much longer.
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
    use crate::config::Limits;
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

        let (admission, metrics) = (Arc::new(Admission::new(&Limits::default())), Metrics::new(1));
        let token = TaskTracker::new().token();
        let permit = Admission::enter(&admission, &metrics.workers()[0], token).0;
        let patience = Duration::from_mins(6);
        let mut socket = ClientSocket::new(Socket::Tcp(stream), permit, patience);
        socket.opened();
        let piece = vec![0; 65_536];
        poll_fn(|cx| {
            while Pin::new(&mut socket).poll_write(cx, &piece).map(Result::unwrap).is_ready() {}
            Poll::Ready(())
        })
        .await;
        assert_eq!(SockRef::from(&socket.stream).tcp_user_timeout().unwrap(), Some(patience));
        drop(client);
    }
}
