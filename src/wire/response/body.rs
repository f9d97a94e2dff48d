//! The framing of a response body (RFC 9112 §6.3).

use std::mem;

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::ResponseError;
use super::chunks::{ChunkStep, Chunks};

/// How the rest of a response body ends.
#[derive(Debug)]
pub enum Framing {
    /// After this many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked(Box<Chunks>),
    /// When the connection closes.
    Closing,
}

/// The next step of reading a body.
#[derive(Debug)]
pub enum Next {
    /// A piece of the body, or the trailers.
    Frame(Frame<Bytes>),
    /// The body is complete.
    End,
    /// More bytes are needed.
    More,
}

impl Framing {
    /// No body.
    pub const NONE: Self = Self::Length(0);

    /// The framing of a chunked body, before its first chunk.
    pub fn chunked() -> Self {
        Self::Chunked(Box::default())
    }

    /// Takes the next piece from `bytes`.
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
                ChunkStep::Data(piece) => Next::Frame(Frame::data(piece)),
                ChunkStep::Trailers(fields) => Next::Frame(Frame::trailers(fields)),
                ChunkStep::End => Next::End,
                ChunkStep::More => Next::More,
            },
        })
    }

    /// Reports that the connection has closed. Only a body with the framing `Closing` is complete then.
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

    /// True when the body is complete.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_over(),
            Self::Closing => false,
        }
    }

    /// The known length of the rest.
    pub fn size_hint(&self) -> SizeHint {
        match self {
            Self::Length(left) => SizeHint::with_exact(*left),
            Self::Chunked(chunks) if chunks.is_over() => SizeHint::with_exact(0),
            Self::Chunked(_) | Self::Closing => SizeHint::new(),
        }
    }
}
