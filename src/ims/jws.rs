//! Signed tokens in compact form (RFC 7515 §7.1), verified with the keys of IMS.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey as _;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};

use super::error::ImsError;
use super::provider::{Budget, Provider};

/// A token with decoded parts.
pub(super) struct Jws<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    pub header: Vec<u8>,
    pub claims: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureCheck {
    /// The signature matches a key.
    Valid,
    /// The signature matches no key with the token's key id.
    Invalid,
    /// No key has the token's key id.
    NoSuchKey,
    /// The token has no key id, and there is not exactly one key (OpenID Connect Core §10.1).
    Ambiguous,
}

impl<'a> Jws<'a> {
    /// Parses a token; `None` when it is not in compact form.
    pub fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self { signed, signature: decode(signature)?, header: decode(header)?, claims: decode(claims)? })
    }

    /// Checks the signature with the keys of IMS. If it is not valid, fetches newer keys when `budget` allows it: IMS may use a
    /// new key, even under a known key id.
    ///
    /// # Errors
    /// When the keys are unavailable.
    pub async fn verify(
        &self,
        provider: &Provider,
        kid: Option<&str>,
        budget: Budget,
    ) -> Result<SignatureCheck, ImsError> {
        let keys = provider.keys().await?;
        let verdict = self.verdict(&keys, kid);
        if verdict == SignatureCheck::Valid {
            return Ok(verdict);
        }
        match provider.newer_keys(&keys, budget).await {
            Ok(newer) if !Arc::ptr_eq(&newer, &keys) => Ok(self.verdict(&newer, kid)),
            Ok(_) => Ok(verdict),
            // IMS is unavailable: the result of the known key counts.
            Err(_) if verdict == SignatureCheck::Invalid => Ok(verdict),
            Err(error) => Err(error),
        }
    }

    fn verdict(&self, keys: &CoreJsonWebKeySet, kid: Option<&str>) -> SignatureCheck {
        // The provider keeps only keys for RS256.
        let is_valid = |key: &CoreJsonWebKey| {
            let algorithm = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
            key.verify_signature(&algorithm, self.signed.as_bytes(), &self.signature).is_ok()
        };
        let Some(kid) = kid else {
            return match keys.keys().as_slice() {
                [key] if is_valid(key) => SignatureCheck::Valid,
                [_] => SignatureCheck::Invalid,
                _ => SignatureCheck::Ambiguous,
            };
        };
        let mut named =
            keys.keys().iter().filter(|key| key.key_id().is_some_and(|id| id.as_str() == kid)).peekable();
        if named.peek().is_none() {
            SignatureCheck::NoSuchKey
        } else if named.any(is_valid) {
            SignatureCheck::Valid
        } else {
            SignatureCheck::Invalid
        }
    }
}
