//! Bytes both ways between two connections, without a buffer while nobody speaks: thousands of WebSockets are open and silent.

use std::future::{Future as _, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Carries bytes until both sides have ended, or one fails. The end of one side is passed on to the other, which may go on, with no
/// pause longer than `half`: a WebSocket has no use for half a connection (RFC 6455 §7.1.1), and who is gone is not heard of any more.
/// `ahead` has come from the right already.
///
/// # Errors
/// The first of either side.
pub(super) async fn carry(
    left: &mut (impl AsyncRead + AsyncWrite + Unpin),
    right: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ahead: Vec<u8>,
    half: Duration,
) -> io::Result<()> {
    let mut there = OneWay::default();
    let mut back = OneWay { unflushed: !ahead.is_empty(), left: ahead, ..OneWay::default() };
    let mut timer: Option<Pin<Box<tokio::time::Sleep>>> = None;
    let mut moved = 0_u32;
    poll_fn(|cx| {
        let ready = (there.poll(cx, left, right)?.is_ready(), back.poll(cx, right, left)?.is_ready());
        match ready {
            (true, true) => Poll::Ready(Ok(())),
            (false, false) => Poll::Pending,
            _ => {
                // Boxed: silent tunnels have no timer.
                let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(half)));
                let now = there.moved.wrapping_add(back.moved);
                if std::mem::replace(&mut moved, now) != now {
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
    /// Read, and not taken by the receiver. While there is any, nothing more is read.
    left: Vec<u8>,
    /// How much of it was taken since.
    taken: usize,
    unflushed: bool,
    ended: bool,
    over: bool,
    /// Grows with every piece that was read, or taken at last.
    moved: u32,
}

impl OneWay {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        // On the stack, hence gone when there is nothing to carry.
        let mut space = [MaybeUninit::uninit(); AT_ONCE];
        while !self.over {
            ready!(self.poll_left(cx, to))?;
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
            self.moved = self.moved.wrapping_add(1);
            self.unflushed |= !self.ended;
            let mut rest = piece.filled();
            while !rest.is_empty() {
                let Poll::Ready(count) = Pin::new(&mut *to).poll_write(cx, rest)? else {
                    self.left = rest.to_vec();
                    return Poll::Pending;
                };
                rest = &rest[some(count)?..];
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready once the receiver has everything that was read.
    fn poll_left(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while self.taken < self.left.len() {
            let count = ready!(Pin::new(&mut *to).poll_write(cx, &self.left[self.taken..]))?;
            self.taken += some(count)?;
            self.moved = self.moved.wrapping_add(1);
        }
        (self.left, self.taken) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

fn some(count: usize) -> io::Result<usize> {
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
        let carried = tokio::spawn(async move { carry(&mut left, &mut right, Vec::new(), PATIENCE).await });
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
        carried.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_receiver_that_takes_nothing_stops_the_sender() {
        let (mut client, mut left) = duplex(1024);
        let (mut right, mut server) = duplex(1024);
        let carried = tokio::spawn(async move { carry(&mut left, &mut right, Vec::new(), PATIENCE).await });
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
        carried.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn one_side_alone_does_not_keep_a_tunnel_open() {
        let (client, mut left) = duplex(1024);
        let (mut right, mut server) = duplex(1024);
        let half = Duration::from_millis(50);
        let carried = tokio::spawn(async move { carry(&mut left, &mut right, Vec::new(), half).await });
        drop(client);
        // It hears of the end, and says nothing to it.
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.unwrap();
        carried.await.unwrap().unwrap();
        drop(server);
    }

    #[test]
    fn nothing_is_kept_for_silence() {
        let (mut left, mut right) = (tokio::io::empty(), tokio::io::empty());
        let size = size_of_val(&carry(&mut left, &mut right, Vec::new(), PATIENCE));
        assert!(size < 256, "{size} bytes");
    }
}
