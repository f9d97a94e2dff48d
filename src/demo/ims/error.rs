//! Errors of the JSON endpoints (RFC 6749 §5.2, RFC 6750 §3.1).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{0}")]
    InvalidRequest(&'static str),
    #[error("client authentication failed")]
    InvalidClient,
    #[error("{0}")]
    InvalidGrant(&'static str),
    #[error("this grant type is not supported")]
    UnsupportedGrantType,
    /// IMS does not answer this error with JSON, but redirects the caller to the redirect URI.
    #[error("a scope is not provisioned for this client")]
    InvalidScope { redirect_uri: String },
    #[error("the token is unknown, expired or revoked")]
    InvalidToken,
    #[error("the token lacks the scope {0}")]
    InsufficientScope(&'static str),
    #[error("the simulator failed: {0}")]
    Internal(#[from] std::io::Error),
}

impl Error {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope { .. } => "invalid_scope",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope(_) => "insufficient_scope",
            Self::Internal(_) => "server_error",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::InvalidClient | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::InvalidScope { redirect_uri } = &self {
            let separator = if redirect_uri.contains('?') { '&' } else { '?' };
            return crate::demo::wire::found(&format!("{redirect_uri}{separator}error=invalid_scope"));
        }
        let body = json!({ "error": self.code(), "error_description": self.to_string() });
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            // RFC 6749 §5.2 requires the scheme for clients that sent `Authorization`. IMS sends it to all clients.
            Self::InvalidClient => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Basic realm=\"IMS simulator\""),
                );
            }
            Self::InvalidToken | Self::InsufficientScope(_) => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"IMS simulator\""),
                );
            }
            _ => {}
        }
        response
    }
}
