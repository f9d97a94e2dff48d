//! Signed tokens in compact form (RFC 7515 §7.1), and their signatures under the keys of IMS.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey as _;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};

use super::error::ImsError;
use super::provider::{Budget, Provider};

/// A token in its parts, decoded.
pub(super) struct Jws<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    /// The JOSE header.
    pub header: Vec<u8>,
    /// The claims.
    pub claims: Vec<u8>,
}

/// What the keys say about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One of the keys made it.
    Good,
    /// None of the keys of this name made it.
    Bad,
    /// No key has this name.
    NoSuchKey,
    /// The token names no key, and not exactly one key fits (OpenID Connect Core §10.1).
    Ambiguous,
}

impl<'a> Jws<'a> {
    /// Takes a token apart; `None` when it is not in compact form.
    pub fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self { signed, signature: decode(signature)?, header: decode(header)?, claims: decode(claims)? })
    }

    /// Checks the signature under the keys of IMS. When they do not make it good, fetches newer ones, as often as `budget`
    /// allows: IMS may use a new key, also under a known name.
    ///
    /// # Errors
    /// When the keys cannot be had.
    pub async fn verify(
        &self,
        provider: &Provider,
        kid: Option<&str>,
        budget: Budget,
    ) -> Result<Verdict, ImsError> {
        let keys = provider.keys().await?;
        let verdict = self.verdict(&keys, kid);
        if verdict == Verdict::Good {
            return Ok(verdict);
        }
        match provider.newer_keys(&keys, budget).await {
            Ok(newer) if !Arc::ptr_eq(&newer, &keys) => Ok(self.verdict(&newer, kid)),
            Ok(_) => Ok(verdict),
            // What a known key says holds also while IMS is away.
            Err(_) if verdict == Verdict::Bad => Ok(verdict),
            Err(error) => Err(error),
        }
    }

    fn verdict(&self, keys: &CoreJsonWebKeySet, kid: Option<&str>) -> Verdict {
        // The provider keeps only keys for RS256.
        let fitting = || keys.keys().iter();
        let is_good = |key: &CoreJsonWebKey| {
            let algorithm = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
            key.verify_signature(&algorithm, self.signed.as_bytes(), &self.signature).is_ok()
        };
        let Some(kid) = kid else {
            let mut fitting = fitting();
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) if is_good(key) => Verdict::Good,
                (Some(_), None) => Verdict::Bad,
                _ => Verdict::Ambiguous,
            };
        };
        let mut named = fitting().filter(|key| key.key_id().is_some_and(|id| id.as_str() == kid)).peekable();
        if named.peek().is_none() {
            Verdict::NoSuchKey
        } else if named.any(is_good) {
            Verdict::Good
        } else {
            Verdict::Bad
        }
    }
}
