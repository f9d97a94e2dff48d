//! Bytes that were read from a connection but not used, and their memory.

use std::io;
use std::task::{Poll, ready};

use bytes::Bytes;

/// The read buffer of one connection.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    /// Bytes that were not used yet.
    pub bytes: Bytes,
    /// The memory of the last read. The next read uses it again if nobody else holds a part of it.
    memory: Bytes,
    /// Bytes to read at once: more while large pieces arrive.
    read_size: usize,
}

impl ReadBuffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self { bytes: Bytes::new(), memory: Bytes::new(), read_size: LEAST }
    }

    /// Drops the bytes and the memory.
    pub fn release(&mut self) {
        (self.bytes, self.memory) = (Bytes::new(), Bytes::new());
    }

    /// Lets `read` append bytes; returns their number, as `read` does.
    pub fn fill(
        &mut self,
        read: impl FnOnce(&mut Vec<u8>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut space = self.space();
        space.reserve_exact(self.read_size);
        let capacity = space.capacity() - space.len();
        let polled = read(&mut space);
        // Also if nothing arrived: the bytes from before stay available.
        self.bytes = space.into();
        self.memory = self.bytes.clone();
        let count = ready!(polled)?;
        if count == capacity {
            self.read_size = (self.read_size * 2).min(MOST);
        } else if count < self.read_size / 4 {
            self.read_size = (self.read_size / 2).max(LEAST);
        }
        Poll::Ready(Ok(count))
    }

    /// The bytes, in the memory of the last read if nobody else holds a part of it.
    fn space(&mut self) -> Vec<u8> {
        let (bytes, mut memory) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.memory));
        if bytes.is_empty() {
            drop(bytes);
            memory.clear();
            memory.into()
        } else {
            // An incomplete head, which has to be contiguous.
            drop(memory);
            bytes.into()
        }
    }
}

/// The smallest read, in bytes: a small response with its head.
const LEAST: usize = 8 * 1024;
/// The largest read and the longest head, in bytes. If a client reads slower than Campaign writes, one piece of this size waits here; after a
/// head of this length there can be two, until the connection is idle.
pub(super) const MOST: usize = 64 * 1024;

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
        buffer.release();
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
        let capacity = |buffer: &mut ReadBuffer, all: bool| {
            let mut capacity = 0;
            let _ = buffer.fill(|space| {
                capacity = space.capacity() - space.len();
                let count = if all { capacity } else { 1 };
                space.resize(space.len() + count, b'x');
                Poll::Ready(Ok(count))
            });
            buffer.bytes = Bytes::new();
            capacity
        };
        let capacities: Vec<usize> = (0..5).map(|_| capacity(&mut buffer, true)).collect();
        assert_eq!(capacities, [LEAST, LEAST * 2, LEAST * 4, MOST, MOST]);
        buffer.release();
        for expected in [MOST, MOST / 2, MOST / 4, LEAST, LEAST] {
            assert_eq!(capacity(&mut buffer, false), expected);
            buffer.memory = Bytes::new();
        }
    }
}
