//! Validates the claims of an `id_token` (OpenID Connect Core §3.1.3.7). `ims` checks the signature. Numbers may be in quotes. Unused
//! claims may have any type.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::email::EmailClaim;
use super::refreshed::Original;
use crate::unix_time::UnixTime;
use crate::wire::loose_json;

#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The accepted issuers.
    pub issuers: &'a [String],
    pub client_id: &'a str,
    pub now: UnixTime,
    /// How far the clocks of IMS and of the gateway may differ.
    pub skew: Duration,
}

/// The claims of a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdToken {
    /// The user id.
    pub subject: String,
    /// The claims that a refreshed token must repeat.
    pub original: Original,
    /// The session at IMS (OpenID Connect Back-Channel Logout 1.0 §2.1).
    pub session: Option<String>,
    pub name: Option<String>,
    /// The e-mail address and its flags.
    pub email: EmailClaim,
    /// Hash of the access token that was issued with it (OpenID Connect Core §3.1.3.8).
    pub access_token_hash: Option<String>,
}

/// Why a token is refused. Holds no part of the token except issuer and authorized party.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdToken {
    /// A required claim is missing or has a wrong type.
    #[error("`{0}` is missing in the id_token, or cannot be read")]
    Unreadable(&'static str),
    /// The algorithm is not RS256.
    #[error("signature: alg is not RS256")]
    Algorithm,
    /// The header describes another kind of token (RFC 7515 §4.1.9 to §4.1.11).
    #[error("the header has `{0}` of a token that is no id_token")]
    Header(&'static str),
    /// The issuer is not accepted.
    #[error("issuer `{0}` is not accepted")]
    Issuer(String),
    /// The audience is not exactly this client.
    #[error("aud is not exactly this client")]
    Audience,
    /// The token was issued to another client.
    #[error("azp is `{0}`, not this client")]
    AuthorizedParty(String),
    /// `exp` is in the past.
    #[error("expired")]
    Expired,
    /// `iat` or `nbf` is in the future.
    #[error("{0} is in the future")]
    NotYet(&'static str),
    /// The token belongs to another sign-in.
    #[error("nonce does not belong to this sign-in")]
    Nonce,
}

/// The header fields that are used. A repeated field is an error; `null` counts as absent.
#[derive(Deserialize)]
struct IdTokenHeader {
    alg: Option<Value>,
    kid: Option<Value>,
    typ: Option<Value>,
    cty: Option<Value>,
    crit: Option<Value>,
}

/// The claims that are used.
#[derive(Default, Deserialize)]
#[serde(default)]
struct IdTokenClaims {
    iss: Value,
    sub: Value,
    aud: Value,
    azp: Value,
    exp: Value,
    iat: Value,
    nbf: Value,
    auth_time: Value,
    nonce: Value,
    at_hash: Value,
    sid: Value,
    name: Value,
    email: Value,
    email_verified: Value,
    #[serde(rename = "emailVerified")]
    email_verified_camel: Value,
}

/// Reads the decoded JOSE header; returns the id of the key (`kid`), if any.
///
/// # Errors
/// When it is not the header of an `id_token` signed with RS256.
pub fn key_id(header: &[u8]) -> Result<Option<String>, InvalidIdToken> {
    let header: IdTokenHeader = object(header).ok_or(InvalidIdToken::Unreadable("header"))?;
    if header.alg.is_none_or(|alg| alg != "RS256") {
        return Err(InvalidIdToken::Algorithm);
    }
    if let Some(typ) = header.typ {
        let typ = typ.as_str().unwrap_or_default().to_ascii_lowercase();
        // The type excludes other tokens that are signed with the same keys (RFC 8725 §3.11).
        if !matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "jose") {
            return Err(InvalidIdToken::Header("typ"));
        }
    }
    if header.cty.is_some() {
        return Err(InvalidIdToken::Header("cty"));
    }
    if header.crit.is_some() {
        return Err(InvalidIdToken::Header("crit"));
    }
    match header.kid {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid)),
        Some(other) => loose_json::text(&other).map(Some).ok_or(InvalidIdToken::Unreadable("kid")),
    }
}

/// Reads the decoded claims. Only a valid signature proves that they come from IMS.
///
/// # Errors
/// Why the token is refused.
pub fn read(claims: &[u8], expected: &Expected<'_>) -> Result<IdToken, InvalidIdToken> {
    let claims: IdTokenClaims = object(claims).ok_or(InvalidIdToken::Unreadable("claims"))?;
    let issuer = text(&claims.iss).ok_or(InvalidIdToken::Unreadable("iss"))?;
    if !expected.issuers.contains(&issuer) {
        return Err(InvalidIdToken::Issuer(shortened(&issuer)));
    }
    let audience = audience(&claims.aud);
    if audience.is_empty() || audience.iter().any(|one| one != expected.client_id) {
        return Err(InvalidIdToken::Audience);
    }
    if !claims.azp.is_null() && claims.azp != expected.client_id {
        return Err(InvalidIdToken::AuthorizedParty(shortened(claims.azp.as_str().unwrap_or_default())));
    }
    check_times(&claims, expected)?;
    Ok(IdToken {
        subject: text(&claims.sub).ok_or(InvalidIdToken::Unreadable("sub"))?,
        session: text(&claims.sid).filter(|session| session.len() <= LONGEST_SESSION),
        name: text(&claims.name),
        email: EmailClaim::new(text(&claims.email), [&claims.email_verified, &claims.email_verified_camel]),
        access_token_hash: optional_text(&claims.at_hash, "at_hash")?,
        original: Original {
            issuer,
            audience,
            auth_time: time(&claims.auth_time),
            nonce: optional_text(&claims.nonce, "nonce")?,
        },
    })
}

impl IdToken {
    /// Checks that the token of a sign-in has the nonce that was sent to IMS.
    ///
    /// # Errors
    /// [`InvalidIdToken::Nonce`] for another nonce or none.
    pub fn check_nonce(&self, nonce: &str) -> Result<(), InvalidIdToken> {
        if self.original.nonce.as_deref() == Some(nonce) { Ok(()) } else { Err(InvalidIdToken::Nonce) }
    }
}

fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    loose_json::object(&loose_json::readable(json))
}

fn check_times(claims: &IdTokenClaims, expected: &Expected<'_>) -> Result<(), InvalidIdToken> {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit into 52 bits")]
    let (now, skew) = (expected.now.0 as f64, expected.skew.as_secs() as f64);
    let expires = loose_json::number(&claims.exp).filter(|time| *time <= loose_json::END_OF_TIME);
    if expires.ok_or(InvalidIdToken::Unreadable("exp"))? <= now - skew {
        return Err(InvalidIdToken::Expired);
    }
    if loose_json::number(&claims.iat).ok_or(InvalidIdToken::Unreadable("iat"))? > now + skew {
        return Err(InvalidIdToken::NotYet("iat"));
    }
    if !claims.nbf.is_null()
        && loose_json::number(&claims.nbf).ok_or(InvalidIdToken::Unreadable("nbf"))? > now + skew
    {
        return Err(InvalidIdToken::NotYet("nbf"));
    }
    Ok(())
}

/// One audience or a list. An entry that is not text counts as an unknown audience.
fn audience(claim: &Value) -> Vec<String> {
    match claim {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// An optional claim that must be text if it is present.
fn optional_text(claim: &Value, name: &'static str) -> Result<Option<String>, InvalidIdToken> {
    match claim {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(InvalidIdToken::Unreadable(name)),
    }
}

fn text(claim: &Value) -> Option<String> {
    claim.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[expect(clippy::cast_possible_truncation, reason = "a number out of range becomes the nearest limit")]
fn time(claim: &Value) -> Option<UnixTime> {
    loose_json::number(claim).map(|seconds| UnixTime(seconds as i64))
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Longest session id in bytes. A longer one is ignored.
const LONGEST_SESSION: usize = 512;

#[cfg(test)]
mod tests;
