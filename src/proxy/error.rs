//! Why there is no response of Campaign.

use std::sync::Arc;
use std::time::Duration;

use super::http1::WireError;
use super::upload_error::UploadError;
use crate::config::Limit;
use crate::http_client::chain;

/// Why there is no response of Campaign.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No connection to any upstream; nothing was sent.
    #[error("no connection to {upstream}: {reason}")]
    Connect {
        /// The server that was tried last.
        upstream: Arc<str>,
        /// What happened.
        reason: String,
    },
    /// Every connection to the upstream is in use, and none became free in time; nothing was sent.
    #[error("all {connections} connections to {upstream} were in use for {limit:?}")]
    Busy {
        /// The server that was tried last.
        upstream: Arc<str>,
        /// `campaign.max_connections`.
        connections: usize,
        /// The limit that passed.
        limit: Duration,
    },
    /// Callers without a session have used up their quota of connections, and none became free in time; nothing was sent.
    #[error("callers without a session had their {connections} connections to {upstream} in use ({})", .limit.name())]
    Share {
        /// The server.
        upstream: Arc<str>,
        /// Which share: of all of them, or of one address.
        limit: Limit,
        /// How many connections it is.
        connections: usize,
    },
    /// The client's body came more slowly than `limits.min_rate`.
    #[error("the request's body came at less than {per_second} bytes a second")]
    TooSlow {
        /// The limit.
        per_second: u32,
    },
    /// The connection broke before a response.
    #[error("{upstream} broke off: {reason}")]
    Broken {
        /// The server that was tried last.
        upstream: Arc<str>,
        /// What happened.
        reason: String,
    },
    /// No response in time after the last byte of the request was sent.
    #[error("{upstream} sent no response within {limit:?}")]
    Deadline {
        /// The server.
        upstream: Arc<str>,
        /// The limit that passed.
        limit: Duration,
    },
    /// The client's body broke off or paused for too long, so Campaign never got a complete request.
    #[error("the request's body did not come: {reason}")]
    Client {
        /// What happened.
        reason: String,
        /// True when it paused for too long, false when it broke off.
        stalled: bool,
    },
    /// The client's body is longer than `limits.body_bytes`.
    #[error("the request's body is longer than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The client's body holds a foreign session token. Campaign never got a complete request.
    #[error("the request's body holds a session token of another session, or a login with its password")]
    ForeignToken,
    /// The upstream switched protocols unasked, or to another one (RFC 9110 §7.8), or answered a WebSocket over HTTP/2 with a success
    /// that is no switch (RFC 8441 §5).
    #[error(
        "{upstream} switched to a protocol that was not requested, or answered a WebSocket with a success that is no switch"
    )]
    Upgrade {
        /// The server.
        upstream: Arc<str>,
    },
}

impl From<UploadError> for ProxyError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::TooLarge(limit) => Self::TooLarge { limit },
            UploadError::TooSlow(least) => Self::TooSlow { per_second: least.per_second },
            UploadError::Refused => Self::ForeignToken,
            error @ UploadError::Stalled(_) => Self::Client { reason: chain(&error), stalled: true },
            error => Self::Client { reason: chain(&error), stalled: false },
        }
    }
}

/// Why a response is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection broke, or the response cannot be parsed.
    #[error("{upstream} broke off within a response: {error}")]
    Broken {
        /// The server.
        upstream: Arc<str>,
        /// What happened.
        error: WireError,
    },
    /// The server paused for too long.
    #[error("{upstream} paused for {limit:?} within its response")]
    Stalled {
        /// The server.
        upstream: Arc<str>,
        /// The limit that passed.
        limit: Duration,
    },
}
