//! Request bodies for uploads, and digests of bodies.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;

/// Bytes of the body of [`counted`].
pub const LENGTH: usize = 200 << 20;
/// Bytes of each chunk.
pub const CHUNK: usize = 64 << 10;

pub type Frames = Box<dyn Iterator<Item = Result<Frame<Bytes>, Infallible>> + Send>;
pub type Chunks = StreamBody<stream::Iter<Frames>>;

/// [`LENGTH`] bytes in chunks that are all different.
pub fn counted() -> Chunks {
    chunks(0..LENGTH / CHUNK)
}

/// A chunk, `count` times, between a beginning and an end.
pub fn around(beginning: Bytes, chunk: Bytes, count: usize, end: Bytes) -> Chunks {
    let all = std::iter::once(beginning).chain(std::iter::repeat_n(chunk, count)).chain([end]);
    let frames: Frames = Box::new(all.map(|bytes| Ok(Frame::data(bytes))));
    StreamBody::new(stream::iter(frames))
}

/// Chunks without end.
pub fn endless() -> Chunks {
    chunks(0..)
}

fn chunks(numbers: impl Iterator<Item = usize> + Send + 'static) -> Chunks {
    let frames: Frames = Box::new(numbers.map(|number| Ok(Frame::data(chunk(number)))));
    StreamBody::new(stream::iter(frames))
}

/// One chunk, which begins with its number.
pub fn chunk(number: usize) -> Bytes {
    let mut bytes = vec![number.to_le_bytes()[0]; CHUNK];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes.into()
}

/// SHA-256 of these bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}

/// These bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|d| char::from_digit(d.into(), 16))
        .collect()
}
