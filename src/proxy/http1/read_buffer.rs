//! What has been read of a connection and not used, and the memory that it lies in.

use std::io;
use std::task::{Poll, ready};

use bytes::Bytes;

/// Bytes read buffer.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    /// Not used yet.
    pub bytes: Bytes,
    /// Holds the memory of what was read last, for the next: as soon as nobody else holds any of it.
    memory: Bytes,
    /// How much is read at once: more while it comes in large pieces.
    at_once: usize,
}

impl ReadBuffer {
    /// Nothing.
    pub fn new() -> Self {
        Self { bytes: Bytes::new(), memory: Bytes::new(), at_once: LEAST }
    }

    /// Nothing, and no memory for more.
    pub fn let_go(&mut self) {
        (self.bytes, self.memory) = (Bytes::new(), Bytes::new());
    }

    /// Has `read` put more behind what there is; gives what it says, the count.
    pub fn fill(
        &mut self,
        read: impl FnOnce(&mut Vec<u8>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut space = self.space();
        space.reserve_exact(self.at_once);
        let room = space.capacity() - space.len();
        let polled = read(&mut space);
        // Also when nothing came: what was read before stays where it can be looked at.
        self.bytes = space.into();
        self.memory = self.bytes.clone();
        let count = ready!(polled)?;
        if count == room {
            self.at_once = (self.at_once * 2).min(AT_MOST);
        } else if count < self.at_once / 4 {
            self.at_once = (self.at_once / 2).max(LEAST);
        }
        Poll::Ready(Ok(count))
    }

    /// What there is, in the memory of before if nobody else has a part of that.
    fn space(&mut self) -> Vec<u8> {
        let (bytes, mut memory) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.memory));
        if bytes.is_empty() {
            drop(bytes);
            memory.clear();
            memory.into()
        } else {
            // A head in pieces, which has to lie in one.
            drop(memory);
            bytes.into()
        }
    }
}

/// Read at once in the beginning: a small answer with its head.
const LEAST: usize = 8 * 1024;
/// Room made for one read at most, and the longest head. Where a client reads slower than Campaign writes, one such piece waits here for
/// it: two, when a head of this length came in pieces, until the connection has rested.
pub(super) const AT_MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(buffer: &mut ReadBuffer, bytes: &[u8]) -> *const u8 {
        let count = buffer.fill(|space| {
            space.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        });
        assert!(matches!(count, Poll::Ready(Ok(count)) if count == bytes.len()));
        buffer.bytes.as_ptr()
    }

    #[test]
    fn the_same_memory_is_used_again_once_nobody_holds_it() {
        let mut buffer = ReadBuffer::new();
        let first = filled(&mut buffer, b"one");
        let (piece, all) = (buffer.bytes.split_to(3), buffer.bytes.len());
        assert_eq!((&piece[..], all), (&b"one"[..], 0));
        let second = filled(&mut buffer, b"two");
        assert_ne!(first, second, "somebody holds the first");
        assert_eq!((&piece[..], &buffer.bytes[..]), (&b"one"[..], &b"two"[..]));
        drop(buffer.bytes.split_to(3));
        // Would get the memory if it were free.
        let taker = Vec::<u8>::with_capacity(LEAST);
        assert_ne!(taker.as_ptr(), second);
        assert_eq!(filled(&mut buffer, b"three"), second);
        buffer.let_go();
        assert!(buffer.bytes.is_empty() && buffer.memory.is_empty());
    }

    #[test]
    fn what_is_left_stays_before_what_comes() {
        let mut buffer = ReadBuffer::new();
        filled(&mut buffer, b"a head, and its en");
        let piece = buffer.bytes.split_to(8);
        filled(&mut buffer, b"d");
        assert_eq!((&piece[..], &buffer.bytes[..]), (&b"a head, "[..], &b"and its end"[..]));
        assert!(buffer.fill(|_| Poll::Pending).is_pending());
        assert_eq!(buffer.bytes, "and its end");
        let broken = buffer.fill(|_| Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())));
        assert!(matches!(broken, Poll::Ready(Err(_))));
        assert_eq!(buffer.bytes, "and its end");
    }

    #[test]
    fn large_pieces_are_read_in_larger_ones() {
        let mut buffer = ReadBuffer::new();
        let room = |buffer: &mut ReadBuffer, all: bool| {
            let mut room = 0;
            let _ = buffer.fill(|space| {
                room = space.capacity() - space.len();
                let count = if all { room } else { 1 };
                space.resize(space.len() + count, b'x');
                Poll::Ready(Ok(count))
            });
            buffer.bytes = Bytes::new();
            room
        };
        let rooms: Vec<usize> = (0..5).map(|_| room(&mut buffer, true)).collect();
        assert_eq!(rooms, [LEAST, LEAST * 2, LEAST * 4, AT_MOST, AT_MOST]);
        buffer.let_go();
        for expected in [AT_MOST, AT_MOST / 2, AT_MOST / 4, LEAST, LEAST] {
            assert_eq!(room(&mut buffer, false), expected);
            buffer.memory = Bytes::new();
        }
    }
}
