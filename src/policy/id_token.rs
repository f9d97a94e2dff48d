//! What an `id_token` must say (OpenID Connect Core §3.1.3.7). The signature is somebody else's affair. Numbers may be in
//! quotes, and claims that are not used may have any type.

use serde::Deserialize;
use serde_json::Value;

use super::email::EmailClaim;
use super::refreshed::Original;
use crate::wire::loose_json;

/// What the claims are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The issuers that are accepted, exact.
    pub issuers: &'a [String],
    /// This client.
    pub client_id: &'a str,
    /// Seconds since the Unix epoch.
    pub now: i64,
    /// How many seconds the clocks may differ.
    pub skew: i64,
}

/// The claims of a good token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdToken {
    /// Who signed in.
    pub subject: String,
    /// What a refreshed token must repeat.
    pub original: Original,
    /// IMS's own session (OpenID Connect Back-Channel Logout 1.0 §2.1).
    pub session: Option<String>,
    /// Display name.
    pub name: Option<String>,
    /// What it says about the e-mail address.
    pub email: EmailClaim,
    /// Hash of the access token beside it (OpenID Connect Core §3.1.3.8).
    pub access_token_hash: Option<String>,
}

/// Why a token is refused. Holds nothing of the token but issuer and authorized party.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Something that is needed is missing, or has a type that cannot be read.
    #[error("`{0}` is missing in the id_token, or cannot be read")]
    Unreadable(&'static str),
    /// Another algorithm than RS256.
    #[error("signature: alg is not RS256")]
    Algorithm,
    /// A header that asks for more than the claims of a signed token (RFC 7515 §4.1.9 to §4.1.11).
    #[error("the header has `{0}` of a token that is no id_token")]
    Header(&'static str),
    /// From somebody else.
    #[error("issuer `{0}` is not accepted")]
    Issuer(String),
    /// For somebody else, or not for this client alone.
    #[error("aud is not this client alone")]
    Audience,
    /// Issued to another client.
    #[error("azp is `{0}`, not this client")]
    AuthorizedParty(String),
    /// `exp` is over.
    #[error("expired")]
    Expired,
    /// `iat` or `nbf` lies ahead.
    #[error("{0} lies in the future")]
    NotYet(&'static str),
    /// Of another sign-in.
    #[error("nonce is not the one of this sign-in")]
    Nonce,
}

/// A member that stands there twice makes the token unreadable; `null` counts as absent.
#[derive(Deserialize)]
struct Header {
    alg: Option<Value>,
    kid: Option<Value>,
    typ: Option<Value>,
    cty: Option<Value>,
    crit: Option<Value>,
}

/// The claims that are used.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
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

/// Reads the decoded JOSE header; gives the name of the key (`kid`), if there is one.
///
/// # Errors
/// When it is not the header of an `id_token` signed with RS256.
pub fn key_of(header: &[u8]) -> Result<Option<String>, Flaw> {
    let header: Header = object(header).ok_or(Flaw::Unreadable("header"))?;
    if header.alg.is_none_or(|alg| alg != "RS256") {
        return Err(Flaw::Algorithm);
    }
    if let Some(typ) = header.typ {
        let typ = typ.as_str().unwrap_or_default().to_ascii_lowercase();
        // The type keeps other tokens of the same keys apart (RFC 8725 §3.11).
        if !matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "jose") {
            return Err(Flaw::Header("typ"));
        }
    }
    if header.cty.is_some() {
        return Err(Flaw::Header("cty"));
    }
    if header.crit.is_some() {
        return Err(Flaw::Header("crit"));
    }
    match header.kid {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid)),
        Some(other) => loose_json::text(&other).map(Some).ok_or(Flaw::Unreadable("kid")),
    }
}

/// Reads the decoded claims. They are IMS's only when the signature is good.
///
/// # Errors
/// What is wrong with them.
pub fn read(claims: &[u8], expected: &Expected<'_>) -> Result<IdToken, Flaw> {
    let claims: Claims = object(claims).ok_or(Flaw::Unreadable("claims"))?;
    let issuer = text(&claims.iss).ok_or(Flaw::Unreadable("iss"))?;
    if !expected.issuers.contains(&issuer) {
        return Err(Flaw::Issuer(shortened(&issuer)));
    }
    let audience = audience(&claims.aud);
    if audience.is_empty() || audience.iter().any(|one| one != expected.client_id) {
        return Err(Flaw::Audience);
    }
    if !claims.azp.is_null() && claims.azp != expected.client_id {
        return Err(Flaw::AuthorizedParty(shortened(claims.azp.as_str().unwrap_or_default())));
    }
    check_times(&claims, expected)?;
    Ok(IdToken {
        subject: text(&claims.sub).ok_or(Flaw::Unreadable("sub"))?,
        session: text(&claims.sid).filter(|session| session.len() <= LONGEST_SESSION),
        name: text(&claims.name),
        email: EmailClaim::new(text(&claims.email), [&claims.email_verified, &claims.email_verified_camel]),
        access_token_hash: given(&claims.at_hash, "at_hash")?,
        original: Original {
            issuer,
            audience,
            auth_time: seconds(&claims.auth_time),
            nonce: given(&claims.nonce, "nonce")?,
        },
    })
}

impl IdToken {
    /// Checks the token of a sign-in: it has the nonce that was sent to IMS.
    ///
    /// # Errors
    /// When it has another one, or none.
    pub fn check_nonce(&self, nonce: &str) -> Result<(), Flaw> {
        if self.original.nonce.as_deref() == Some(nonce) { Ok(()) } else { Err(Flaw::Nonce) }
    }
}

/// The parser would take a list for the members in their order.
fn object<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Option<T> {
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(json).ok())?
}

fn check_times(claims: &Claims, expected: &Expected<'_>) -> Result<(), Flaw> {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit into 52 bits")]
    let (now, skew) = (expected.now as f64, expected.skew as f64);
    let expires = loose_json::number(&claims.exp).filter(|time| *time <= END_OF_TIME);
    if expires.ok_or(Flaw::Unreadable("exp"))? <= now - skew {
        return Err(Flaw::Expired);
    }
    if loose_json::number(&claims.iat).ok_or(Flaw::Unreadable("iat"))? > now + skew {
        return Err(Flaw::NotYet("iat"));
    }
    if !claims.nbf.is_null() && loose_json::number(&claims.nbf).ok_or(Flaw::Unreadable("nbf"))? > now + skew {
        return Err(Flaw::NotYet("nbf"));
    }
    Ok(())
}

/// One audience or a list. Anything else in the list is an audience that is nobody.
fn audience(claim: &Value) -> Vec<String> {
    match claim {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// A claim that binds the token when it is there: then it must be a text.
fn given(claim: &Value, name: &'static str) -> Result<Option<String>, Flaw> {
    match claim {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(Flaw::Unreadable(name)),
    }
}

fn text(claim: &Value) -> Option<String> {
    claim.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[expect(clippy::cast_possible_truncation, reason = "a float beyond the range becomes its end")]
fn seconds(claim: &Value) -> Option<i64> {
    loose_json::number(claim).map(|time| time as i64)
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

/// The end of the year 9999, seconds since the Unix epoch. A later `exp` is no time.
const END_OF_TIME: f64 = 253_402_300_799.0;
/// Bytes of a session's name; a longer one is none that could be looked for.
const LONGEST_SESSION: usize = 512;

#[cfg(test)]
mod tests;
