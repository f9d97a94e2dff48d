//! Errors of calls to IMS, as messages for operators. They never contain a token, code or secret.

use std::time::Duration;

use http::{Response, StatusCode, header};

use crate::http_client::HttpError;
use crate::unix_time::UnixTime;
use crate::wire::retry_after;

/// A failed call to IMS. `endpoint` is a short name such as `token` or `userinfo`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImsError {
    /// IMS did not answer, or answered 429 or 5xx.
    #[error("IMS {endpoint}: {reason}")]
    Unavailable {
        endpoint: &'static str,
        reason: String,
        /// IMS's `Retry-After`, if present.
        retry_after: Option<Duration>,
    },
    /// No slot for a call to the token endpoint became free in time; nothing was sent.
    #[error(
        "IMS token: too many calls at once, nothing was sent; if this happens often, raise ims.token_calls"
    )]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// IMS refused the request with an OAuth error (RFC 6749 §5.2) or a 4xx status.
    #[error("IMS {endpoint} refused: {code} ({description}); x-debug-id {debug_id}")]
    Refused {
        endpoint: &'static str,
        /// The OAuth error code, or the status.
        code: String,
        /// IMS's description, shortened.
        description: String,
        /// The `x-debug-id` that Adobe support asks for.
        debug_id: String,
    },
    /// The response does not have the documented format.
    #[error("IMS {endpoint}: unexpected response: {reason}")]
    Answer {
        endpoint: &'static str,
        /// What is wrong with the response.
        reason: String,
    },
    /// The `id_token` is not acceptable (OIDC Core §3.1.3.7).
    #[error("id_token refused: {0}")]
    IdToken(String),
    /// A time in the `id_token`, or in the login, does not fit this machine's clock.
    #[error("{0}; compare the clocks of this machine, of other gateway instances and of IMS")]
    Clock(String),
    /// The response and the `id_token` have different subjects (OIDC Core §5.3.2).
    #[error("IMS {endpoint}: the response is about another person than the id_token")]
    OtherPerson { endpoint: &'static str },
}

impl ImsError {
    pub fn transport(endpoint: &'static str, error: &HttpError) -> Self {
        Self::Unavailable { endpoint, reason: error.to_string(), retry_after: None }
    }

    /// The error for a response with a status other than 200.
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

    /// The error for a body that is not the expected JSON. Names only line and column, because the text may hold personal data.
    pub fn json(endpoint: &'static str, error: &serde_json::Error) -> Self {
        let reason = format!("{:?} error at {}:{}", error.classify(), error.line(), error.column());
        Self::Answer { endpoint, reason }
    }

    /// True when IMS rejects the access token (401).
    pub fn is_token_refused(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == StatusCode::UNAUTHORIZED.as_str())
    }

    /// How long to wait before the next call.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Busy { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// True when a later attempt may succeed.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Busy { .. })
    }

    /// Sets the time to wait of an `Unavailable` error.
    pub(super) fn with_retry_after(self, wait: Duration) -> Self {
        match self {
            Self::Unavailable { endpoint, reason, .. } => {
                Self::Unavailable { endpoint, reason, retry_after: Some(wait) }
            }
            other => other,
        }
    }
}

/// The response's `Retry-After`, limited by [`retry_after::parse`].
pub(super) fn retry_after<B>(answer: &Response<B>, now: UnixTime) -> Option<Duration> {
    text(answer, header::RETRY_AFTER.as_str()).and_then(|field| retry_after::parse(field, now))
}

/// The `x-debug-id` that Adobe support asks for; `-` when absent.
pub fn debug_id<B>(answer: &Response<B>) -> String {
    text(answer, "x-debug-id").map_or_else(|| "-".to_owned(), |id| id.chars().take(80).collect())
}

fn text<'a, B>(answer: &'a Response<B>, name: &str) -> Option<&'a str> {
    answer.headers().get(name).and_then(|value| value.to_str().ok())
}
