//! Validation of the `id_token` (OIDC Core §3.1.3.7). The openidconnect crate does signature, algorithm, issuer,
//! audience, expiry and nonce; what it leaves to the relying party (`azp`, `iat`, several issuers, clock skew) is here.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use openidconnect::core::{
    CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IssuerUrl, Nonce, NonceVerifier,
    SignatureVerificationError,
};

use super::Ims;
use super::error::ImsError;
use super::provider::Budget;
use crate::policy::email::EmailClaim;
use crate::policy::refreshed::Original;

/// Validates the token of a login, which holds its nonce.
pub async fn validate(
    ims: &Ims,
    id_token: &CoreIdToken,
    nonce: &Nonce,
    access_token: &AccessToken,
) -> Result<CoreIdTokenClaims, ImsError> {
    validate_with(ims, id_token, nonce, access_token).await
}

/// Validates the token that came with renewed tokens: no nonce is asked for, and it speaks of the same person (OIDC Core
/// §12.2).
pub async fn validate_renewed(
    ims: &Ims,
    id_token: &CoreIdToken,
    subject: &str,
    original: Option<&Original>,
    access_token: &AccessToken,
) -> Result<(), ImsError> {
    let any = |_: Option<&Nonce>| Ok(());
    validate_with(ims, id_token, any, access_token).await?;
    check_kept(id_token, subject, original)
}

/// Fetches newer keys, within the budget of sign-ins, when the known ones do not make the signature good.
async fn validate_with(
    ims: &Ims,
    id_token: &CoreIdToken,
    nonce: impl NonceVerifier + Copy,
    access_token: &AccessToken,
) -> Result<CoreIdTokenClaims, ImsError> {
    let issuers = ims.accepted_issuers().await?;
    let keys = ims.provider.keys().await?;
    let claims = match verify(ims, &issuers, &keys, id_token, nonce) {
        Err(error) if may_need_newer_keys(&error) => {
            match ims.provider.newer_keys(&keys, Budget::SignIn).await {
                Ok(newer) => verify(ims, &issuers, &newer, id_token, nonce),
                // What a known key says holds also while IMS is away.
                Err(_) if !is_unknown_key(&error) => Err(error),
                Err(error) => return Err(error),
            }
        }
        other => other,
    };
    let claims = claims.map_err(|error| match error {
        // The crate says this of `exp` and `iat` alone.
        ClaimsVerificationError::Expired(detail) => ImsError::Clock(format!("id_token refused: {detail}")),
        other => refused(explain(&other, &issuers)),
    })?;
    check_authorized_party(ims, &claims)?;
    check_not_before(ims, id_token)?;
    check_access_token_hash(id_token, &claims, access_token)?;
    Ok(claims)
}

fn verify(
    ims: &Ims,
    issuers: &[String],
    keys: &Arc<CoreJsonWebKeySet>,
    id_token: &CoreIdToken,
    nonce: impl NonceVerifier + Copy,
) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
    let mut outcome = Err(ClaimsVerificationError::InvalidIssuer("no issuer is accepted".to_owned()));
    for issuer in issuers {
        let issuer =
            IssuerUrl::new(issuer.clone()).map_err(|e| ClaimsVerificationError::Other(e.to_string()))?;
        outcome = id_token.claims(&verifier(ims, issuer, keys), nonce).cloned();
        // Only a token of another issuer is worth another try.
        if !matches!(outcome, Err(ClaimsVerificationError::InvalidIssuer(_))) {
            break;
        }
    }
    outcome
}

fn verifier(ims: &Ims, issuer: IssuerUrl, keys: &CoreJsonWebKeySet) -> CoreIdTokenVerifier<'static> {
    let now = ims.clock.now().0;
    let skew = i64::try_from(ims.instance.ims.clock_skew.as_secs()).unwrap_or(0);
    let at = |seconds: i64| DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let (earliest_now, latest_now) = (at(now - skew), at(now + skew));
    // A public-client verifier knows no secret, so no HMAC algorithm can ever be accepted. IMS signs with RS256 only.
    CoreIdTokenVerifier::new_public_client(
        ClientId::new(ims.instance.ims.client_id.clone()),
        issuer,
        keys.clone(),
    )
    .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256])
    .set_time_fn(move || earliest_now)
    .set_issue_time_verifier_fn(move |issued| {
        if issued > latest_now { Err("iat lies in the future".to_owned()) } else { Ok(()) }
    })
}

/// `azp`, when present, is this client (OIDC Core §3.1.3.7 step 5). Further audiences are refused already.
fn check_authorized_party(ims: &Ims, claims: &CoreIdTokenClaims) -> Result<(), ImsError> {
    match claims.authorized_party() {
        Some(party) if party.as_str() != ims.instance.ims.client_id => {
            Err(refused(format!("azp is `{}`, not this client", party.as_str())))
        }
        _ => Ok(()),
    }
}

/// `nbf`, when present, has come (RFC 7519 §4.1.5). The crate does not know this claim; the signature is checked above.
fn check_not_before(ims: &Ims, id_token: &CoreIdToken) -> Result<(), ImsError> {
    let claims = claims(id_token);
    let Some(not_before) = claims.as_ref().and_then(|claims| claims.get("nbf")) else { return Ok(()) };
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit into 52 bits")]
    let latest = ims.clock.now().plus(ims.instance.ims.clock_skew).0 as f64;
    match not_before.as_f64() {
        Some(time) if time <= latest => Ok(()),
        _ => Err(ImsError::Clock("id_token refused: nbf lies in the future".to_owned())),
    }
}

/// The same person, and what the `id_token` of the sign-in said (OIDC Core §12.2). Sessions of older versions do not hold that.
pub fn check_kept(
    id_token: &CoreIdToken,
    subject: &str,
    original: Option<&Original>,
) -> Result<(), ImsError> {
    let claims = claims(id_token).unwrap_or_default();
    if claims["sub"] != subject {
        return Err(ImsError::OtherPerson { endpoint: "token" });
    }
    let kept = original.map_or(Ok(()), |original| original.check_kept(&Original::of_claims(&claims)));
    kept.map_err(|name| {
        refused(format!("the refreshed id_token has another {name} than the one of the sign-in"))
    })
}

/// What a refreshed token has to keep of this one.
pub fn original(id_token: &CoreIdToken) -> Original {
    Original::of_claims(&claims(id_token).unwrap_or_default())
}

/// `at_hash`, when present, is that of the access token beside it (OIDC Core §3.1.3.8).
fn check_access_token_hash(
    id_token: &CoreIdToken,
    claims: &CoreIdTokenClaims,
    access_token: &AccessToken,
) -> Result<(), ImsError> {
    let Some(expected) = claims.access_token_hash() else { return Ok(()) };
    // RS256 was enforced above, so the hash is SHA-256 and needs no key.
    let algorithm = id_token.signing_alg().map_err(|e| refused(e.to_string()))?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, access_token.secret().as_bytes());
    let actual = AccessTokenHash::new(base64_left_half(digest.as_ref()));
    if *algorithm == CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256 && *expected == actual {
        Ok(())
    } else {
        Err(refused("at_hash does not fit the access token".to_owned()))
    }
}

fn base64_left_half(digest: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..digest.len() / 2])
}

/// IMS's own session (OpenID Connect Back-Channel Logout 1.0 §2.1), of a token that is validated. The crate does not know
/// this claim.
pub fn session(id_token: &CoreIdToken) -> Option<String> {
    let session = claims(id_token)?.get("sid")?.as_str()?.to_owned();
    (!session.is_empty() && session.len() <= LONGEST_SESSION).then_some(session)
}

/// What a validated token says about the e-mail address. Read from the claims as they came: IMS may put booleans in quotes.
pub fn email(id_token: &CoreIdToken) -> EmailClaim {
    claims(id_token).map_or_else(EmailClaim::default, |claims| EmailClaim::of_claims(&claims))
}

/// The claims as they came.
fn claims(id_token: &CoreIdToken) -> Option<serde_json::Value> {
    use base64::Engine as _;
    let token = id_token.to_string();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// IMS may use a key that is not known yet, also under a known name.
fn may_need_newer_keys(error: &ClaimsVerificationError) -> bool {
    let bad =
        |error: &SignatureVerificationError| matches!(error, SignatureVerificationError::CryptoError(_));
    is_unknown_key(error)
        || matches!(error, ClaimsVerificationError::SignatureVerification(inner) if bad(inner))
}

fn is_unknown_key(error: &ClaimsVerificationError) -> bool {
    matches!(error, ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey))
}

/// An operator's sentence for the likely mistakes, the crate's own for the rest.
fn explain(error: &ClaimsVerificationError, issuers: &[String]) -> String {
    match error {
        ClaimsVerificationError::InvalidIssuer(detail) => format!(
            "{detail}; accepted: {}. If IMS really uses the other one, add it to ims.id_token_issuers",
            issuers.join(", ")
        ),
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::AmbiguousKeyId(_)) => {
            "signature: the header names no key (kid), and more than one of IMS's keys fits".to_owned()
        }
        ClaimsVerificationError::SignatureVerification(inner) => format!("signature: {inner}"),
        other => other.to_string(),
    }
}

fn refused(reason: String) -> ImsError {
    ImsError::IdToken(reason)
}

/// Characters of a session's name; a longer one is none that could be looked for.
const LONGEST_SESSION: usize = 512;
