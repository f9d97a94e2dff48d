//! What can go wrong with IMS, said so that an operator can act on it. Never holds a token, code or secret.

use std::time::Duration;

use http::{Response, StatusCode, header};

use crate::http_client::HttpError;
use crate::unix_time::UnixTime;
use crate::wire::retry_after;

/// A failed exchange with IMS. `endpoint` is its path-like name in IMS's own terms.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImsError {
    /// IMS did not answer, or said that it cannot now.
    #[error("IMS {endpoint}: {reason}")]
    Unavailable {
        /// Which endpoint.
        endpoint: &'static str,
        /// What happened.
        reason: String,
        /// IMS's own `Retry-After`, when it gave one.
        retry_after: Option<Duration>,
    },
    /// Too many calls to the token endpoint wait already; nothing was sent.
    #[error("too many calls to IMS wait for their turn (ims.token_calls)")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// IMS refused the request with an OAuth error (RFC 6749 §5.2) or a 4xx status.
    #[error("IMS {endpoint} refused: {code} ({description}); x-debug-id {debug_id}")]
    Refused {
        /// Which endpoint.
        endpoint: &'static str,
        /// The OAuth error code, or the status.
        code: String,
        /// IMS's description, shortened.
        description: String,
        /// What Adobe support asks for.
        debug_id: String,
    },
    /// The answer does not have the documented shape.
    #[error("IMS {endpoint} answered something unexpected: {reason}")]
    Answer {
        /// Which endpoint.
        endpoint: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The `id_token` is not acceptable (OIDC Core §3.1.3.7).
    #[error("id_token refused: {0}")]
    IdToken(String),
    /// A time in the `id_token`, or in the login, does not fit this machine's clock.
    #[error("{0}; compare the clocks of this machine, of other instances and of IMS")]
    Clock(String),
    /// An endpoint speaks of another person than the `id_token` (OIDC Core §5.3.2).
    #[error("IMS {endpoint} answered for another person than the id_token's subject")]
    OtherPerson {
        /// Which endpoint.
        endpoint: &'static str,
    },
}

impl ImsError {
    /// Wraps a transport error.
    pub fn transport(endpoint: &'static str, error: &HttpError) -> Self {
        Self::Unavailable { endpoint, reason: error.to_string(), retry_after: None }
    }

    /// The error that an answer other than 200 means.
    pub fn status<B>(endpoint: &'static str, answer: &Response<B>, now: UnixTime) -> Self {
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Self::Unavailable {
                endpoint,
                reason: format!("status {status}; x-debug-id {}", debug_id(answer)),
                retry_after: retry_after(answer, now),
            };
        }
        Self::Refused {
            endpoint,
            code: status.as_u16().to_string(),
            description: status.canonical_reason().unwrap_or_default().to_owned(),
            debug_id: debug_id(answer),
        }
    }

    /// True when IMS does not take the access token (any more).
    pub fn is_token_refused(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == StatusCode::UNAUTHORIZED.as_str())
    }

    /// How long IMS asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Busy { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// True when trying again later may help.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Busy { .. })
    }

    /// The same, with this time to wait when it is one that passes.
    pub(super) fn with_retry_after(self, wait: Duration) -> Self {
        match self {
            Self::Unavailable { endpoint, reason, .. } => {
                Self::Unavailable { endpoint, reason, retry_after: Some(wait) }
            }
            other => other,
        }
    }
}

/// The response's `Retry-After`, within the bounds of [`retry_after::parse`].
pub(super) fn retry_after<B>(answer: &Response<B>, now: UnixTime) -> Option<Duration> {
    text(answer, header::RETRY_AFTER.as_str()).and_then(|field| retry_after::parse(field, now.0))
}

/// The id that Adobe support asks for; `-` when absent.
pub fn debug_id<B>(answer: &Response<B>) -> String {
    text(answer, "x-debug-id").map_or_else(|| "-".to_owned(), |id| id.chars().take(80).collect())
}

fn text<'a, B>(answer: &'a Response<B>, name: &str) -> Option<&'a str> {
    answer.headers().get(name).and_then(|value| value.to_str().ok())
}
