//! Validation of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6): the signature under IMS's keys, then what
//! the token says, which `policy` judges.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKeySet, CoreJsonWebKeyUse, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey as _, JsonWebKeyId};

use super::Ims;
use super::error::ImsError;
use super::provider::Budget;
use crate::policy::logout_token::{self, Expected, LogoutToken, Unfit};

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
        let (signed, signature) = token.rsplit_once('.').ok_or(Unfit::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Unfit::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Unfit::Malformed);
        let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
        let kid = logout_token::key_of(&header)?;
        let issuers = self.accepted_issuers().await?;
        let keys = self.provider.keys().await?;
        let judged = match is_signed(&keys, &kid, signed, &signature) {
            Some(true) => Some(true),
            judged => match self.provider.newer_keys(&keys, Budget::Logout).await {
                Ok(newer) => is_signed(&newer, &kid, signed, &signature),
                // What a known key says holds also while IMS is away.
                Err(_) if judged == Some(false) => judged,
                Err(error) => return Err(error.into()),
            },
        };
        if judged != Some(true) {
            return Err(LogoutTokenError::Signature);
        }
        let ims = &self.instance.ims;
        let skew = i64::try_from(ims.clock_skew.as_secs()).unwrap_or(0);
        let now = self.clock.now().0;
        let expected = Expected { issuers: &issuers, client_id: &ims.client_id, now, skew };
        Ok(logout_token::read(&claims, &expected)?)
    }
}

/// Whether one of the keys of this name made the signature; `None` when none has this name.
fn is_signed(keys: &CoreJsonWebKeySet, kid: &str, signed: &str, signature: &[u8]) -> Option<bool> {
    let kid = JsonWebKeyId::new(kid.to_owned());
    let named = keys.keys().iter().filter(|key| {
        key.key_id() == Some(&kid) && key.key_use().is_none_or(|usage| *usage == CoreJsonWebKeyUse::Signature)
    });
    named
        .map(|key| {
            key.verify_signature(&CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256, signed.as_bytes(), signature)
                .is_ok()
        })
        .reduce(|one, other| one || other)
}
