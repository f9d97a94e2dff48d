//! Validation of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6): the signature under IMS's keys, then what
//! the token says, which `policy` judges.

use super::Ims;
use super::error::ImsError;
use super::jws::{Jws, Verdict};
use super::provider::Budget;
use crate::policy::id_token::Expected;
use crate::policy::logout_token::{self, LogoutToken, Unfit};

/// Why a logout token ends nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogoutTokenError {
    /// What it says does not make it one.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// No key of IMS made the signature.
    #[error("the signature is not IMS's")]
    Signature,
    /// IMS's keys cannot be had at the moment; the token may well be good.
    #[error(transparent)]
    Ims(#[from] ImsError),
}

impl Ims {
    /// Validates the token; fetches newer keys once when it names one that is not known.
    pub async fn logout_token(&self, token: &str) -> Result<LogoutToken, LogoutTokenError> {
        let jws = Jws::parse(token).ok_or(Unfit::Malformed)?;
        let kid = logout_token::key_of(&jws.header)?;
        let issuers = self.accepted_issuers().await?;
        if jws.verify(&self.provider, Some(&kid), Budget::Logout).await? != Verdict::Good {
            return Err(LogoutTokenError::Signature);
        }
        let ims = &self.instance.ims;
        let skew = i64::try_from(ims.clock_skew.as_secs()).unwrap_or(0);
        let now = self.clock.now().0;
        let expected = Expected { issuers: &issuers, client_id: &ims.client_id, now, skew };
        Ok(logout_token::read(&jws.claims, &expected)?)
    }
}
