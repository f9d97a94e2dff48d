//! An HTTP/1.1 client for Campaign (RFC 9112): one exchange after the other on one connection.
//!
//! The head of a request arrives already written, and `wire::response` decides where responses end. Everything runs in the task of the
//! client: no other task, no channel, and no copy of a body. Only `early_response` needs a task. [`Http1Stream`] is the connection,
//! [`RequestWriter`] sends a request.

mod read_buffer;
mod request_writer;
mod stream;

pub(super) use request_writer::{RequestWriter, SendError};
pub(super) use stream::Http1Stream;

use crate::wire::response::ResponseError;

/// Why there is no valid response.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It ended before a response began.
    #[error("the connection was closed before a response")]
    Closed,
    /// The head is too long, or there are too many interim responses.
    #[error("the response's head is too long")]
    TooLong,
    /// It cannot be parsed, or its end is not clear.
    #[error(transparent)]
    ResponseHead(#[from] ResponseError),
}

impl WireError {
    /// True when a response arrived, even one that cannot be parsed: repeating the request would bring the same.
    pub fn is_response(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::Closed)
    }
}
