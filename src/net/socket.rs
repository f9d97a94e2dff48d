//! A TCP or Unix socket. The frequent reads and writes are direct system calls through rustix: reads into a vector or into initialized
//! memory, and writes from one slice. tokio does the rest, and says when the socket is ready.
//!
//! A small exchange consists of little more than four of these calls. The C library's `recv` and `send` are cancellation points, which
//! cost atomic operations before and after each call. Nothing here cancels threads.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::buffer::spare_capacity;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected socket. Reads and writes never block.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Makes the same call on either variant.
macro_rules! each {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket {
            Socket::Tcp($stream) => $call,
            Socket::Unix($stream) => $call,
        }
    };
}

impl Socket {
    /// Waits until bytes or the end of the stream can be read. Needs no buffer.
    ///
    /// # Errors
    /// When the runtime is stopping.
    pub async fn readable(&self) -> io::Result<()> {
        each!(self, stream => stream.readable().await)
    }

    /// True when bytes or the end of the stream may be readable. Makes no system call and registers no waker.
    pub fn is_readable(&self) -> bool {
        each!(self, stream => stream.try_io(Interest::READABLE, || Ok(()))).is_ok()
    }

    /// Ready when bytes or the end of the stream may be readable. Makes no system call.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read_ready(cx))
    }

    /// Reads available bytes into the spare capacity of `space`, which must not be empty. Returns their number, 0 at the end of the
    /// stream. `Pending` registers no waker; [`Socket::poll_readable`] says when to try again.
    pub fn try_read(&self, space: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let free = space.capacity() - space.len();
        self.attempt(Interest::READABLE, free, |fd| {
            recv(fd, spare_capacity(space), RecvFlags::empty()).map(|(_, count)| count)
        })
    }

    /// Makes a call that transfers at most `wanted` bytes, if the socket is ready for it.
    ///
    /// If it transfers fewer, the socket is no longer ready. The runtime is told so, which saves another call.
    fn attempt(
        &self,
        interest: Interest,
        wanted: usize,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let mut transferred = None;
        let call = || loop {
            match call(self.as_fd()) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(count @ 1..) if count < wanted => {
                    transferred = Some(count);
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                outcome => return outcome.map_err(io::Error::from),
            }
        };
        let outcome = each!(self, stream => stream.try_io(interest, call));
        match (transferred, outcome) {
            (Some(count), _) => Poll::Ready(Ok(count)),
            (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            (None, outcome) => Poll::Ready(outcome),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        each!(self, stream => stream.as_fd())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.initialized().len() < buffer.capacity() {
            // Filling it with zeros first would cost more than the direct call saves.
            return each!(this, stream => Pin::new(stream).poll_read(cx, buffer));
        }
        let space = buffer.initialize_unfilled();
        loop {
            ready!(this.poll_readable(cx))?;
            let read = this.attempt(Interest::READABLE, space.len(), |fd| {
                recv(fd, &mut *space, RecvFlags::empty()).map(|(count, _)| count)
            });
            if let Poll::Ready(read) = read {
                buffer.advance(read?);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            // NOSIGNAL: a closed peer is an error, not a SIGPIPE.
            let sent =
                self.attempt(Interest::WRITABLE, bytes.len(), |fd| send(fd, bytes, SendFlags::NOSIGNAL));
            if sent.is_ready() {
                return sent;
            }
            // Not earlier: a socket is nearly always writable, and registering a waker takes as long as the write.
            ready!(each!(&*self, stream => stream.poll_write_ready(cx)))?;
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            // The usual case, and `send` costs the kernel less than `writev`.
            [only] => self.poll_write(cx, only),
            _ => each!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, slices)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The kernel has everything that was written.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pairs() -> [(Socket, Socket); 2] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let far = listener.accept().await.unwrap().0;
        let (left, right) = UnixStream::pair().unwrap();
        [(Socket::Tcp(near), Socket::Tcp(far)), (Socket::Unix(left), Socket::Unix(right))]
    }

    /// As a connection to Campaign is read: into the room behind what there is.
    async fn append(from: &Socket, space: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|cx| {
            loop {
                ready!(from.poll_readable(cx))?;
                if let Poll::Ready(read) = from.try_read(space) {
                    return Poll::Ready(read);
                }
            }
        })
        .await
    }

    #[tokio::test]
    async fn every_byte_arrives_however_it_is_read() {
        // More than the kernel keeps, so that sends are cut short and wait.
        let sent: Vec<u8> = (0..8_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
        for (mut near, mut far) in pairs().await {
            let copy = sent.clone();
            let sending = tokio::spawn(async move {
                near.write_all(&copy).await.unwrap();
                near.shutdown().await.unwrap();
                near
            });
            let mut heard = Vec::new();
            let mut piece = vec![0; 10_000];
            for turn in 0.. {
                let count = match turn % 3 {
                    // A buffer that was filled before, one that never was, and room behind what there is.
                    0 => {
                        let count = far.read(&mut piece).await.unwrap();
                        heard.extend_from_slice(&piece[..count]);
                        count
                    }
                    1 => far.read_buf(&mut heard).await.unwrap(),
                    _ => {
                        heard.reserve(30_000);
                        append(&far, &mut heard).await.unwrap()
                    }
                };
                if count == 0 {
                    break;
                }
            }
            assert!(heard == sent, "{} bytes", heard.len());
            // The end stays the end.
            heard.reserve(1);
            assert_eq!(append(&far, &mut heard).await.unwrap(), 0);
            // The other way is still open.
            far.write_all(b"bye").await.unwrap();
            let mut near = sending.await.unwrap();
            near.readable().await.unwrap();
            let mut last = [0; 3];
            near.read_exact(&mut last).await.unwrap();
            assert_eq!(&last, b"bye");
        }
    }

    #[tokio::test]
    async fn silence_is_pending_and_costs_no_byte() {
        for (mut near, far) in pairs().await {
            let mut space = Vec::with_capacity(16);
            // The runtime takes a new socket for ready until a call has shown that it is not.
            assert!(append(&far, &mut space).now_or_never().is_none());
            assert!(poll_fn(|cx| Poll::Ready(far.poll_readable(cx))).await.is_pending());
            assert!(far.try_read(&mut space).is_pending());
            near.write_all(b"ab").await.unwrap();
            assert_eq!(append(&far, &mut space).await.unwrap(), 2);
            assert_eq!(space, b"ab");
            assert!(
                poll_fn(|cx| Poll::Ready(far.poll_readable(cx))).await.is_pending(),
                "all of it was read"
            );
        }
    }

    #[tokio::test]
    async fn who_is_gone_is_an_error_and_no_signal() {
        for (mut near, far) in pairs().await {
            drop(far);
            let broken = loop {
                match near.write(b"x").await {
                    Ok(_) => tokio::task::yield_now().await,
                    Err(error) => break error,
                }
            };
            let kinds = [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset];
            assert!(kinds.contains(&broken.kind()), "{broken}");
        }
    }
}
