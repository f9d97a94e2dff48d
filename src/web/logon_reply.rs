//! Campaign's response to a logon that the gateway forwarded: its tokens are read, and may be exchanged.

use http::{Response, header, response};
use http_body_util::Full;

use crate::campaign::{logon_answer, logon_response};
use crate::policy::campaign_tokens::TokenPair;
use crate::proxy::Body;

/// A response whose beginning was read.
pub struct LogonReply {
    head: response::Parts,
    beginning: Vec<u8>,
    body: Body,
}

impl LogonReply {
    /// Reads the beginning of a response.
    pub async fn read(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let (beginning, body) = body.peek(MAX_LOGON, |_| false).await;
        Self { head, beginning, body }
    }

    /// The tokens of the new session; `None` when Campaign opened none.
    pub fn tokens(&self) -> Option<TokenPair> {
        let answer = logon_answer(&self.beginning).ok()?;
        Some(TokenPair { session: answer.session_token, security: answer.security_token })
    }

    /// True when login or password are wrong.
    pub fn is_invalid_login(&self) -> bool {
        memchr::memmem::find(&self.beginning, b"XSV-350012").is_some()
    }

    /// The response as Campaign sent it.
    pub fn unchanged(self) -> Response<Body> {
        Response::from_parts(self.head, self.body)
    }

    pub fn with_tokens(mut self, tokens: &TokenPair) -> Response<Body> {
        let Some(envelope) = logon_response(&self.beginning, tokens) else { return self.unchanged() };
        self.head.headers.insert(header::CONTENT_LENGTH, envelope.len().into());
        Response::from_parts(self.head, axum::body::Body::new(Full::from(envelope)).into())
    }
}

/// A response with the rights of an administrator has some 50 kB.
const MAX_LOGON: usize = 512 * 1024;
