//! Validation of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6). This file checks the signature;
//! `policy::logout_token` checks the claims.

use super::ImsClient;
use super::error::ImsError;
use super::jws::{Jws, SignatureCheck};
use super::provider::Budget;
use crate::policy::id_token::Expected;
use crate::policy::logout_token::{self, InvalidLogoutToken, LogoutToken};

/// Why a logout token is rejected.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogoutTokenError {
    /// Header or claims are not those of a logout token.
    #[error(transparent)]
    Invalid(#[from] InvalidLogoutToken),
    /// The signature matches no key of IMS.
    #[error("the signature matches no key of IMS")]
    Signature,
    /// IMS's keys are unavailable; the token may be valid.
    #[error(transparent)]
    Ims(#[from] ImsError),
}

impl ImsClient {
    /// Validates a logout token. Fetches newer keys once if its signature matches no known key.
    pub async fn logout_token(&self, token: &str) -> Result<LogoutToken, LogoutTokenError> {
        let jws = Jws::parse(token).ok_or(InvalidLogoutToken::Malformed)?;
        let kid = logout_token::key_id(&jws.header)?;
        let issuers = self.accepted_issuers().await?;
        if jws.verify(&self.provider, Some(&kid), Budget::Logout).await? != SignatureCheck::Valid {
            return Err(LogoutTokenError::Signature);
        }
        let ims = &self.instance.ims;
        let (now, skew) = (self.clock.now(), ims.clock_skew);
        let expected = Expected { issuers: &issuers, client_id: &ims.client_id, now, skew };
        Ok(logout_token::read(&jws.claims, &expected)?)
    }
}
