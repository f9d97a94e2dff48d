//! Why a request's body ended early.

use std::time::Duration;

use crate::policy::min_rate::MinRate;

/// Why a request's body ended early.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The client broke off.
    #[error(transparent)]
    Client(#[from] hyper::Error),
    /// The client reset its HTTP/2 stream before the end of its request.
    #[error("the client reset the stream before the end of its request")]
    Reset,
    /// Longer than allowed.
    #[error("longer than {0} bytes")]
    TooLarge(u64),
    /// The client paused for too long.
    #[error("nothing came for {0:?}")]
    Stalled(Duration),
    /// Slower than allowed.
    #[error("it came at less than {} bytes a second", .0.per_second)]
    TooSlow(MinRate),
    /// Not as long as its head says.
    #[error("not as long as its Content-Length")]
    Length,
    /// A filter refuses it.
    #[error("it holds a session token of another session, or a login with its password")]
    Refused,
}
