//! Copies bytes in both directions between two connections. A silent tunnel has no buffer, because thousands of WebSockets are silent.

use std::future::{Future as _, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Copies bytes until both sides have ended, or one fails. `ahead` holds bytes that were already read from the right.
///
/// When one side ends, the end is passed on. The other side may then pause for at most `half`: a WebSocket does not use a half-closed connection
/// (RFC 6455 §7.1.1), and a client that is gone sends nothing more.
///
/// # Errors
/// The first error of either side.
pub(super) async fn copy(
    left: &mut (impl AsyncRead + AsyncWrite + Unpin),
    right: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ahead: Vec<u8>,
    half: Duration,
) -> io::Result<()> {
    let mut forth = OneWay::default();
    let mut back = OneWay { unflushed: !ahead.is_empty(), rest: ahead, ..OneWay::default() };
    let mut timer: Option<Pin<Box<tokio::time::Sleep>>> = None;
    let mut progress = 0_u32;
    poll_fn(|cx| {
        let ready = (forth.poll(cx, left, right)?.is_ready(), back.poll(cx, right, left)?.is_ready());
        match ready {
            (true, true) => Poll::Ready(Ok(())),
            (false, false) => Poll::Pending,
            _ => {
                // Boxed: silent tunnels have no timer.
                let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(half)));
                let now = forth.progress.wrapping_add(back.progress);
                if std::mem::replace(&mut progress, now) != now {
                    timer.as_mut().reset(tokio::time::Instant::now() + half);
                }
                timer.as_mut().poll(cx).map(Ok)
            }
        }
    })
    .await
}

/// One direction.
#[derive(Debug, Default)]
struct OneWay {
    /// Bytes that were read, but not accepted by the receiver. While there are some, nothing more is read.
    rest: Vec<u8>,
    /// How many of them were accepted since.
    accepted: usize,
    unflushed: bool,
    ended: bool,
    over: bool,
    /// Changes with every piece that was read or accepted.
    progress: u32,
}

impl OneWay {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        // On the stack: a silent tunnel needs no memory for it.
        let mut space = [MaybeUninit::uninit(); AT_ONCE];
        while !self.over {
            ready!(self.poll_rest(cx, to))?;
            if self.ended {
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.over = true;
                break;
            }
            let mut piece = ReadBuf::uninit(&mut space);
            if Pin::new(&mut *from).poll_read(cx, &mut piece)?.is_pending() {
                if self.unflushed {
                    ready!(Pin::new(&mut *to).poll_flush(cx))?;
                    self.unflushed = false;
                }
                return Poll::Pending;
            }
            self.ended = piece.filled().is_empty();
            self.progress = self.progress.wrapping_add(1);
            self.unflushed |= !self.ended;
            let mut rest = piece.filled();
            while !rest.is_empty() {
                let Poll::Ready(count) = Pin::new(&mut *to).poll_write(cx, rest)? else {
                    self.rest = rest.to_vec();
                    return Poll::Pending;
                };
                rest = &rest[written(count)?..];
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready once the receiver has accepted everything that was read.
    fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while self.accepted < self.rest.len() {
            let count = ready!(Pin::new(&mut *to).poll_write(cx, &self.rest[self.accepted..]))?;
            self.accepted += written(count)?;
            self.progress = self.progress.wrapping_add(1);
        }
        (self.rest, self.accepted) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

fn written(count: usize) -> io::Result<usize> {
    if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) }
}

/// A full TLS record (RFC 8446 §5.1).
const AT_ONCE: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn bytes_arrive_in_order_through_a_receiver_that_takes_little() {
        let (mut client, mut left) = duplex(1 << 20);
        let (mut right, mut server) = duplex(7);
        let copied = tokio::spawn(async move { copy(&mut left, &mut right, Vec::new(), PATIENCE).await });
        let sent: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.unwrap();
        assert!(heard == sent, "{} bytes", heard.len());
        // The other way is still open, and ends by itself.
        server.write_all(b"bye").await.unwrap();
        drop(server);
        let mut last = String::new();
        client.read_to_string(&mut last).await.unwrap();
        assert_eq!(last, "bye");
        copied.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_receiver_that_takes_nothing_stops_the_sender() {
        let (mut client, mut left) = duplex(1024);
        let (mut right, mut server) = duplex(1024);
        let copied = tokio::spawn(async move { copy(&mut left, &mut right, Vec::new(), PATIENCE).await });
        let (mut sent, mut refused) = (0, 0);
        // On one thread: whoever could go on did so in between.
        while refused < 100 {
            match client.write(&[b'x'; 512]).now_or_never() {
                Some(count) => sent += count.unwrap(),
                None => refused += 1,
            }
            tokio::task::yield_now().await;
        }
        assert!(sent <= 2 * 1024 + AT_ONCE, "{sent}");
        drop(client);
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard.len(), sent);
        drop(server);
        copied.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn one_side_alone_does_not_keep_a_tunnel_open() {
        let (client, mut left) = duplex(1024);
        let (mut right, mut server) = duplex(1024);
        let half = Duration::from_millis(50);
        let copied = tokio::spawn(async move { copy(&mut left, &mut right, Vec::new(), half).await });
        drop(client);
        // It hears of the end, and says nothing to it.
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.unwrap();
        copied.await.unwrap().unwrap();
        drop(server);
    }

    #[test]
    fn nothing_is_kept_for_silence() {
        let (mut left, mut right) = (tokio::io::empty(), tokio::io::empty());
        let size = size_of_val(&copy(&mut left, &mut right, Vec::new(), PATIENCE));
        assert!(size < 256, "{size} bytes");
    }
}
