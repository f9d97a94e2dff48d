//! Validation of an `id_token` (OpenID Connect Core §3.1.3.7): the signature under IMS's keys here, the claims in
//! `policy::id_token`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::ImsError;
use super::jws::{Jws, Verdict};
use super::provider::Budget;
use super::{Ims, TOKEN};
use crate::policy::id_token::{self, Expected, Flaw, IdToken};
use crate::policy::refreshed::Original;

impl Ims {
    /// Validates the token of a login, which holds its nonce.
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

    /// Validates the token that came with refreshed tokens: it is of the same person and keeps what the sign-in's said (OpenID
    /// Connect Core §12.2). When the keys cannot be had now, TLS vouches for it (§3.1.3.7, step 6): the rotated refresh token
    /// must not be lost for that. Sessions of older versions have no `original`.
    pub(super) async fn check_refreshed_id_token(
        &self,
        token: &str,
        access_token: &str,
        subject: &str,
        original: Option<&Original>,
    ) -> Result<(), ImsError> {
        let parts = Parts::of(token)?;
        match self.check_signature(&parts).await {
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "no keys to check the id_token of refreshed tokens with");
            }
            checked => checked?,
        }
        let token = self.claims(&parts, access_token).await?;
        if token.subject != subject {
            return Err(ImsError::OtherPerson { endpoint: TOKEN });
        }
        let kept = original.map_or(Ok(()), |original| original.check_kept(&token.original));
        kept.map_err(|name| {
            ImsError::IdToken(format!(
                "the refreshed id_token has another {name} than the one of the sign-in"
            ))
        })
    }

    async fn check_signature(&self, parts: &Parts<'_>) -> Result<(), ImsError> {
        let reason = match parts.jws.verify(&self.provider, parts.kid.as_deref(), Budget::SignIn).await? {
            Verdict::Good => return Ok(()),
            Verdict::Bad => "signature: it was not made by IMS's key",
            Verdict::NoSuchKey => "signature: IMS publishes no key of this name (kid)",
            Verdict::Ambiguous => {
                "signature: the header names no key (kid), and not exactly one of IMS's keys fits"
            }
        };
        Err(ImsError::IdToken(reason.to_owned()))
    }

    /// What the token says, once it fits this client, the time, and the access token beside it.
    async fn claims(&self, parts: &Parts<'_>, access_token: &str) -> Result<IdToken, ImsError> {
        let issuers = self.accepted_issuers().await?;
        let ims = &self.instance.ims;
        let skew = i64::try_from(ims.clock_skew.as_secs()).unwrap_or(0);
        let now = self.clock.now().0;
        let expected = Expected { issuers: &issuers, client_id: &ims.client_id, now, skew };
        let token = id_token::read(&parts.jws.claims, &expected).map_err(|flaw| match flaw {
            Flaw::Issuer(_) => ImsError::IdToken(format!(
                "{flaw}; accepted: {}. If IMS really uses the other one, add it to ims.id_token_issuers",
                issuers.join(", ")
            )),
            flaw => refused(&flaw),
        })?;
        if token.access_token_hash.as_ref().is_some_and(|hash| *hash != left_half(access_token)) {
            return Err(ImsError::IdToken("at_hash does not fit the access token".to_owned()));
        }
        Ok(token)
    }
}

/// A token taken apart, with the name of its key.
struct Parts<'a> {
    jws: Jws<'a>,
    kid: Option<String>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, ImsError> {
        let jws = Jws::parse(token).ok_or_else(|| refused(&Flaw::Unreadable("header")))?;
        let kid = id_token::key_of(&jws.header).map_err(|flaw| refused(&flaw))?;
        Ok(Self { jws, kid })
    }
}

/// The left half of the SHA-256 of the access token, as RS256 asks for (OpenID Connect Core §3.1.3.8).
fn left_half(access_token: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

/// A token that cannot be read is a fault of the response; one that can be read and does not fit is refused.
fn refused(flaw: &Flaw) -> ImsError {
    match flaw {
        Flaw::Unreadable(_) => ImsError::Answer { endpoint: TOKEN, reason: flaw.to_string() },
        Flaw::Expired | Flaw::NotYet(_) => ImsError::Clock(format!("id_token refused: {flaw}")),
        flaw => ImsError::IdToken(flaw.to_string()),
    }
}
