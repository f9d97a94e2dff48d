//! How the body of an answer ends (RFC 9112 §6.3).

use std::mem;

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::ResponseError;
use super::chunks::{Chunks, Step};

/// How the rest of an answer's body ends.
#[derive(Debug)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked(Box<Chunks>),
    /// With the connection.
    Closing,
}

/// What the next bytes of a body are.
#[derive(Debug)]
pub enum Next {
    /// A piece of it, or what comes behind it.
    Frame(Frame<Bytes>),
    /// It is over.
    End,
    /// More bytes are needed.
    More,
}

impl Framing {
    /// No body.
    pub const NONE: Self = Self::Length(0);

    /// Chunks from the first one on.
    pub fn chunked() -> Self {
        Self::Chunked(Box::default())
    }

    /// Takes what is next out of `bytes`.
    ///
    /// # Errors
    /// [`ResponseError::Chunk`].
    pub fn next(&mut self, bytes: &mut Bytes) -> Result<Next, ResponseError> {
        Ok(match self {
            Self::Length(0) => Next::End,
            Self::Length(_) | Self::Closing if bytes.is_empty() => Next::More,
            Self::Length(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= count as u64;
                let piece = if count == bytes.len() { mem::take(bytes) } else { bytes.split_to(count) };
                Next::Frame(Frame::data(piece))
            }
            Self::Closing => Next::Frame(Frame::data(mem::take(bytes))),
            Self::Chunked(chunks) => match chunks.step(bytes)? {
                Step::Data(piece) => Next::Frame(Frame::data(piece)),
                Step::Trailers(fields) => Next::Frame(Frame::trailers(fields)),
                Step::End => Next::End,
                Step::More => Next::More,
            },
        })
    }

    /// The connection has ended: so has a body that ends with it, and no other.
    ///
    /// # Errors
    /// [`ResponseError::Incomplete`].
    pub fn close(&mut self) -> Result<(), ResponseError> {
        match self {
            Self::Closing => {
                *self = Self::NONE;
                Ok(())
            }
            _ => Err(ResponseError::Incomplete),
        }
    }

    /// True when nothing more belongs to the body.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_over(),
            Self::Closing => false,
        }
    }

    /// What is known of the rest's length.
    pub fn size_hint(&self) -> SizeHint {
        match self {
            Self::Length(left) => SizeHint::with_exact(*left),
            Self::Chunked(chunks) if chunks.is_over() => SizeHint::with_exact(0),
            Self::Chunked(_) | Self::Closing => SizeHint::new(),
        }
    }
}
