//! Why a Bearer token is refused.

use std::time::Duration;

use super::refusal_code;
use crate::ims::{AccessTokenError, ImsError};
use crate::policy::access::RefusalReason;
use crate::policy::access_token::InvalidAccessToken;

/// Why a Bearer token is refused. Holds no part of the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BearerRefusal {
    /// The token is not valid here.
    #[error(transparent)]
    Invalid(#[from] InvalidAccessToken),
    /// The token is valid, but IMS gives its owner no group that the association mask accepts.
    #[error("the account has no right here: {}", refusal_code(*.0).code())]
    NoRight(RefusalReason),
    /// IMS does not answer, so the token cannot be checked now. Holds how long IMS asks to wait.
    #[error("the token cannot be checked now: IMS does not answer")]
    Unavailable(Option<Duration>),
}

impl BearerRefusal {
    /// The code for the audit trail.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Invalid(flaw) => flaw.code(),
            Self::NoRight(reason) => refusal_code(*reason).code(),
            Self::Unavailable(_) => "ims_unavailable",
        }
    }
}

impl From<AccessTokenError> for BearerRefusal {
    fn from(error: AccessTokenError) -> Self {
        match error {
            AccessTokenError::Invalid(flaw) => Self::Invalid(flaw),
            AccessTokenError::Ims(error) => error.into(),
        }
    }
}

impl From<ImsError> for BearerRefusal {
    fn from(error: ImsError) -> Self {
        if error.is_token_refused() {
            return Self::Invalid(InvalidAccessToken::Revoked);
        }
        tracing::warn!(%error, "the token of a technical account cannot be checked");
        Self::Unavailable(error.retry_after())
    }
}
