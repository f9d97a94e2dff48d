//! Checks header and claims of an IMS access token that a technical account sends. `ims` checks the signature.
//!
//! IMS's access tokens have no `iss`, `aud` and `exp`. `created_at` and `expires_in` are milliseconds, often as text. The claim `type`
//! distinguishes them from the other tokens that IMS signs with the same keys (RFC 8725 §3.11).

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::unix_time::UnixTime;
use crate::wire::loose_json;

/// The claims of an access token that are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The client that IMS issued it to.
    pub client_id: String,
    /// The owner: a technical account, or a person.
    pub user: String,
    /// When it expires, without clock skew.
    pub expires: UnixTime,
}

/// Why an access token is refused. Holds no part of the token except the client ID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccessToken {
    /// Not a JWS in compact form, a part that is not JSON, or a claim twice.
    #[error("it is not a signed token of IMS")]
    Malformed,
    /// Signed with another algorithm than RS256, or not at all.
    #[error("alg is not RS256")]
    Algorithm,
    /// The header has no key id.
    #[error("kid is missing")]
    NoKey,
    /// Another kind of token.
    #[error("type is not access_token")]
    Type,
    /// A claim is missing or has a wrong type.
    #[error("`{0}` is missing, or cannot be read")]
    Claim(&'static str),
    /// Issued to a client that is no technical account.
    #[error("client_id {0} is no [[campaign.technical_account]]")]
    Client(String),
    /// `created_at` is in the future.
    #[error("created_at is in the future: compare the clocks of this machine and of IMS")]
    NotYet,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// The signature does not match the key of IMS.
    #[error("the signature matches no key of IMS")]
    Signature,
    /// IMS reports that it is no longer valid (`ims.validate_token`).
    #[error("IMS does not accept it any more")]
    Revoked,
}

impl InvalidAccessToken {
    /// The code for the audit trail.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::NoKey => "no_key",
            Self::Type => "type",
            Self::Claim(_) => "claim",
            Self::Client(_) => "client",
            Self::NotYet => "not_yet",
            Self::Expired => "expired",
            Self::Signature => "signature",
            Self::Revoked => "revoked",
        }
    }
}

/// The header fields that are used. `x5u` names a file at IMS and is never followed; only keys of IMS's key set count.
#[derive(Deserialize)]
struct AccessTokenHeader {
    alg: Value,
    #[serde(default)]
    kid: Value,
    crit: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AccessTokenClaims {
    r#type: Value,
    client_id: Value,
    user_id: Value,
    created_at: Value,
    expires_in: Value,
}

/// Reads the decoded JOSE header; returns the id of the key (`kid`).
///
/// # Errors
/// When it is not the header of a token signed with RS256.
pub fn key_id(header: &[u8]) -> Result<String, InvalidAccessToken> {
    let header: AccessTokenHeader = loose_json::object(header).ok_or(InvalidAccessToken::Malformed)?;
    if header.alg != "RS256" || header.crit.is_some() {
        return Err(InvalidAccessToken::Algorithm);
    }
    loose_json::text(&header.kid).ok_or(InvalidAccessToken::NoKey)
}

/// Reads the decoded claims. `is_listed` says which clients are technical accounts. Only a valid signature proves that the claims come
/// from IMS.
///
/// # Errors
/// Why the token is refused.
pub fn read(
    claims: &[u8],
    is_listed: impl FnOnce(&str) -> bool,
    now: UnixTime,
    skew: Duration,
) -> Result<AccessToken, InvalidAccessToken> {
    let claims: AccessTokenClaims = loose_json::object(claims).ok_or(InvalidAccessToken::Malformed)?;
    if claims.r#type != "access_token" {
        return Err(InvalidAccessToken::Type);
    }
    let client_id = text(&claims.client_id).ok_or(InvalidAccessToken::Claim("client_id"))?;
    if !is_listed(&client_id) {
        return Err(InvalidAccessToken::Client(client_id.chars().take(SHOWN).collect()));
    }
    let user = text(&claims.user_id).ok_or(InvalidAccessToken::Claim("user_id"))?;
    let created = seconds(&claims.created_at).ok_or(InvalidAccessToken::Claim("created_at"))?;
    let lifetime = seconds(&claims.expires_in).ok_or(InvalidAccessToken::Claim("expires_in"))?;
    if UnixTime(created) > now.plus(skew) {
        return Err(InvalidAccessToken::NotYet);
    }
    let expires = UnixTime(created.saturating_add(lifetime));
    if has_expired(expires, now, skew) {
        return Err(InvalidAccessToken::Expired);
    }
    Ok(AccessToken { client_id, user, expires })
}

/// True when a token is no longer accepted at `now`.
pub fn has_expired(expires: UnixTime, now: UnixTime, skew: Duration) -> bool {
    now >= expires.plus(skew)
}

/// A text that is not empty and has no control character: it goes into header fields and log lines.
fn text(claim: &Value) -> Option<String> {
    claim.as_str().filter(|text| !text.is_empty() && !text.contains(char::is_control)).map(str::to_owned)
}

/// Milliseconds, as a number or as text, in whole seconds.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn seconds(claim: &Value) -> Option<i64> {
    let seconds = loose_json::number(claim)? / 1000.0;
    (0.0..=loose_json::END_OF_TIME).contains(&seconds).then_some(seconds as i64)
}

/// Characters of an unknown client ID in the audit trail.
const SHOWN: usize = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const SKEW: Duration = Duration::from_mins(1);

    fn good() -> Value {
        json!({"id": "1", "type": "access_token", "client_id": "account", "user_id": "A@techacct.adobe.com", "as": "ims-na1",
               "scope": "openid", "created_at": (NOW * 1000).to_string(), "expires_in": "86400000"})
    }

    fn judged(claims: &Value) -> Result<AccessToken, InvalidAccessToken> {
        read(claims.to_string().as_bytes(), |client| client == "account", UnixTime(NOW), SKEW)
    }

    #[test]
    fn every_claim_is_checked() {
        let token = judged(&good()).unwrap();
        assert_eq!((token.client_id.as_str(), token.user.as_str()), ("account", "A@techacct.adobe.com"));
        assert_eq!(token.expires, UnixTime(NOW + 86_400));
        let (day, skew) = (86_400, 60);
        for (name, value, why) in [
            ("type", json!("refresh_token"), InvalidAccessToken::Type),
            ("type", json!(null), InvalidAccessToken::Type),
            ("type", json!(["access_token"]), InvalidAccessToken::Type),
            ("client_id", json!("other"), InvalidAccessToken::Client("other".into())),
            ("client_id", json!("Account"), InvalidAccessToken::Client("Account".into())),
            ("client_id", json!(["account"]), InvalidAccessToken::Claim("client_id")),
            ("client_id", json!(null), InvalidAccessToken::Claim("client_id")),
            ("user_id", json!(null), InvalidAccessToken::Claim("user_id")),
            ("user_id", json!(""), InvalidAccessToken::Claim("user_id")),
            ("user_id", json!("a\r\nb"), InvalidAccessToken::Claim("user_id")),
            ("created_at", json!(null), InvalidAccessToken::Claim("created_at")),
            ("created_at", json!("soon"), InvalidAccessToken::Claim("created_at")),
            ("created_at", json!("1e300"), InvalidAccessToken::Claim("created_at")),
            ("created_at", json!((NOW + skew + 1) * 1000), InvalidAccessToken::NotYet),
            ("created_at", json!((NOW - day - skew) * 1000), InvalidAccessToken::Expired),
            // Seconds in place of milliseconds.
            ("created_at", json!(NOW), InvalidAccessToken::Expired),
            ("expires_in", json!(null), InvalidAccessToken::Claim("expires_in")),
            ("expires_in", json!(-1), InvalidAccessToken::Claim("expires_in")),
            ("expires_in", json!(true), InvalidAccessToken::Claim("expires_in")),
        ] {
            let mut claims = good();
            claims[name] = value.clone();
            assert_eq!(judged(&claims), Err(why), "{name}: {value}");
        }
        for (name, value) in [
            ("created_at", json!(NOW * 1000)),
            ("created_at", json!((NOW + skew) * 1000)),
            ("created_at", json!(((NOW - day - skew + 1) * 1000).to_string())),
            ("expires_in", json!(86_400_000)),
            ("scope", json!(null)),
            ("exp", json!(1)),
            ("iss", json!(["x"])),
        ] {
            let mut claims = good();
            claims[name] = value.clone();
            assert!(judged(&claims).is_ok(), "{name}: {value}");
        }
        let twice = good().to_string().replacen('{', r#"{"client_id":"account","#, 1);
        let list = br#"["access_token","account","A",1,2]"#.to_vec();
        for malformed in [twice.into_bytes(), list, Vec::new(), b"null".to_vec()] {
            let read = read(&malformed, |_| true, UnixTime(NOW), SKEW);
            assert_eq!(read, Err(InvalidAccessToken::Malformed), "{}", String::from_utf8_lossy(&malformed));
        }
    }

    #[test]
    fn the_header_names_rs256_and_a_key() {
        let good =
            json!({"alg": "RS256", "x5u": "ims_na1-key-at-1.cer", "kid": "ims_na1-key-at-1", "itt": "at"});
        assert_eq!(key_id(good.to_string().as_bytes()), Ok("ims_na1-key-at-1".to_owned()));
        for (name, value, why) in [
            ("alg", json!("none"), InvalidAccessToken::Algorithm),
            ("alg", json!("None"), InvalidAccessToken::Algorithm),
            ("alg", json!("HS256"), InvalidAccessToken::Algorithm),
            ("alg", json!("rs256"), InvalidAccessToken::Algorithm),
            ("alg", json!(["RS256"]), InvalidAccessToken::Algorithm),
            ("alg", json!(null), InvalidAccessToken::Algorithm),
            ("crit", json!(["b64"]), InvalidAccessToken::Algorithm),
            ("kid", json!(null), InvalidAccessToken::NoKey),
            ("kid", json!(""), InvalidAccessToken::NoKey),
            ("kid", json!(["a"]), InvalidAccessToken::NoKey),
        ] {
            let mut header = good.clone();
            header[name] = value.clone();
            assert_eq!(key_id(header.to_string().as_bytes()), Err(why), "{name}: {value}");
        }
        let twice = br#"{"alg":"none","alg":"RS256","kid":"k"}"#;
        assert_eq!(key_id(twice), Err(InvalidAccessToken::Malformed));
        assert_eq!(key_id(b"{}"), Err(InvalidAccessToken::Malformed));
        // Where the certificate may be is never asked for.
        let mut far = good;
        far["x5u"] = json!("https://evil.example/key.cer");
        assert!(key_id(far.to_string().as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn a_token_is_accepted_exactly_during_its_time(
            created in NOW - 200_000..NOW + 200_000, lifetime in 0_i64..200_000, skew in 0_u64..600, as_text: bool,
        ) {
            let mut claims = good();
            let value = |seconds: i64| if as_text { json!((seconds * 1000).to_string()) } else { json!(seconds * 1000) };
            (claims["created_at"], claims["expires_in"]) = (value(created), value(lifetime));
            let skew_seconds = i64::try_from(skew).unwrap();
            let read = read(claims.to_string().as_bytes(), |_| true, UnixTime(NOW), Duration::from_secs(skew));
            prop_assert_eq!(read.is_ok(), created <= NOW + skew_seconds && NOW < created + lifetime + skew_seconds);
        }

        #[test]
        fn no_bytes_panic_and_no_other_client_passes(bytes in any::<Vec<u8>>(), client in "[a-z]{0,8}") {
            let _ = key_id(&bytes);
            prop_assert!(read(&bytes, |_| true, UnixTime(NOW), SKEW).is_err());
            let mut claims = good();
            claims["client_id"] = json!(client);
            prop_assert_eq!(judged(&claims).is_ok(), client == "account");
        }
    }
}
