//! Validation of an `id_token` (OpenID Connect Core §3.1.3.7). This file checks the signature; `policy::id_token` checks the
//! claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::ImsError;
use super::jws::{Jws, SignatureCheck};
use super::provider::Budget;
use super::{ImsClient, TOKEN};
use crate::policy::id_token::{self, Expected, IdToken, InvalidIdToken};
use crate::policy::refreshed::Original;

impl ImsClient {
    /// Validates the `id_token` of a login, including its nonce.
    pub(super) async fn id_token(
        &self,
        token: &str,
        access_token: &str,
        nonce: &str,
    ) -> Result<IdToken, ImsError> {
        let parts = Parts::of(token)?;
        self.check_signature(&parts).await?;
        let token = self.claims(&parts, access_token).await?;
        token.check_nonce(nonce).map_err(|flaw| refused(&flaw))?;
        Ok(token)
    }

    /// Validates the `id_token` of a refresh: it must have the same subject and repeat the claims in `original` (OpenID Connect
    /// Core §12.2). If IMS's keys are unavailable, TLS authenticates IMS instead (§3.1.3.7, step 6), so that the rotated refresh
    /// token is not lost. Sessions of older versions have no `original`.
    pub(super) async fn check_refreshed_id_token(
        &self,
        token: &str,
        access_token: &str,
        subject: &str,
        original: Option<&Original>,
    ) -> Result<(), ImsError> {
        let parts = Parts::of(token)?;
        match self.check_signature(&parts).await {
            Err(error) if error.is_temporary() => {
                tracing::warn!(%error, "IMS's keys are unavailable: the signature of a refreshed id_token is not checked");
            }
            checked => checked?,
        }
        let token = self.claims(&parts, access_token).await?;
        if token.subject != subject {
            return Err(ImsError::OtherPerson { endpoint: TOKEN });
        }
        let unchanged = original.map_or(Ok(()), |original| original.check_kept(&token.original));
        unchanged.map_err(|name| {
            ImsError::IdToken(format!("{name} of the refreshed id_token differs from the sign-in's id_token"))
        })
    }

    async fn check_signature(&self, parts: &Parts<'_>) -> Result<(), ImsError> {
        let reason = match parts.jws.verify(&self.provider, parts.kid.as_deref(), Budget::SignIn).await? {
            SignatureCheck::Valid => return Ok(()),
            SignatureCheck::Invalid => "the signature does not match IMS's key",
            SignatureCheck::NoSuchKey => "signature: IMS publishes no key with the key id (kid) of the token",
            SignatureCheck::Ambiguous => {
                "signature: the token has no key id (kid), and IMS does not publish exactly one RS256 key"
            }
        };
        Err(ImsError::IdToken(reason.to_owned()))
    }

    /// Reads the claims. Checks issuer, audience, times, and the hash of the access token.
    async fn claims(&self, parts: &Parts<'_>, access_token: &str) -> Result<IdToken, ImsError> {
        let issuers = self.accepted_issuers().await?;
        let ims = &self.instance.ims;
        let (now, skew) = (self.clock.now(), ims.clock_skew);
        let expected = Expected { issuers: &issuers, client_id: &ims.client_id, now, skew };
        let token = id_token::read(&parts.jws.claims, &expected).map_err(|flaw| match flaw {
            InvalidIdToken::Issuer(_) => ImsError::IdToken(format!(
                "{flaw}; accepted: {}. If IMS uses this issuer, add it to ims.id_token_issuers",
                issuers.join(", ")
            )),
            flaw => refused(&flaw),
        })?;
        if token.access_token_hash.as_ref().is_some_and(|hash| *hash != left_half(access_token)) {
            return Err(ImsError::IdToken("at_hash does not match the access token".to_owned()));
        }
        Ok(token)
    }
}

/// A parsed token and its key id.
struct Parts<'a> {
    jws: Jws<'a>,
    kid: Option<String>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, ImsError> {
        let jws = Jws::parse(token).ok_or_else(|| refused(&InvalidIdToken::Unreadable("header")))?;
        let kid = id_token::key_id(&jws.header).map_err(|flaw| refused(&flaw))?;
        Ok(Self { jws, kid })
    }
}

/// The left half of the access token's SHA-256: `at_hash` for RS256 (OpenID Connect Core §3.1.3.6).
fn left_half(access_token: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

/// An unreadable token makes the response invalid. A readable token with wrong claims is refused.
fn refused(flaw: &InvalidIdToken) -> ImsError {
    match flaw {
        InvalidIdToken::Unreadable(_) => ImsError::Answer { endpoint: TOKEN, reason: flaw.to_string() },
        InvalidIdToken::Expired | InvalidIdToken::NotYet(_) => {
            ImsError::Clock(format!("id_token refused: {flaw}"))
        }
        flaw => ImsError::IdToken(flaw.to_string()),
    }
}
