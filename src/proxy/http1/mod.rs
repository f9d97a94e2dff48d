//! HTTP/1.1 towards Campaign (RFC 9112), for one exchange after the other on one connection.
//!
//! A request's head comes written, and `wire::response` says where answers end. It runs in the task that serves the client:
//! no other task, no channel, no copy of a body in between (but for `early`). [`Http1Stream`] is the connection, [`Sending`] a request on its way.

mod read_buffer;
mod sending;
mod stream;

pub(super) use sending::{SendError, Sending};
pub(super) use stream::Http1Stream;

use crate::wire::response::ResponseError;

/// What an upstream sends that is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It ended before an answer began.
    #[error("the connection was closed before an answer")]
    Closed,
    /// A head, or interim answers before it, without end.
    #[error("the answer's head is too long")]
    TooLong,
    /// It is none, or it is not clear where it ends.
    #[error(transparent)]
    ResponseHead(#[from] ResponseError),
}

impl WireError {
    /// True when an answer came, if an unreadable one: asking again would bring the same.
    pub fn is_an_answer(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::Closed)
    }
}
