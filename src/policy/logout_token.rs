//! Validates the claims of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6), and decides which sessions it ends.
//! `ims` checks the signature.

use std::time::Duration;

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::id_token::Expected;
use crate::unix_time::UnixTime;
use crate::wire::loose_json;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutToken {
    /// The user whose sessions end: all of them, unless `session` selects one.
    pub subject: Option<String>,
    /// The IMS session whose sessions at the gateway end.
    pub session: Option<String>,
    /// The id of the token (`jti`). Each token is accepted once.
    pub id: String,
    pub issued: UnixTime,
}

/// Why a logout token is refused. Holds no part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogoutToken {
    /// The JOSE header or the claims cannot be parsed.
    #[error("the token is malformed")]
    Malformed,
    /// The algorithm is not RS256, or the header demands an unknown extension (RFC 7515 §4.1.11).
    #[error("the token is not signed with RS256")]
    Algorithm,
    #[error("the token's header names no key (kid)")]
    NoKey,
    /// The type is wrong (RFC 8725 §3.11).
    #[error("the token's type (typ) is not logout+jwt")]
    Type,
    /// The issuer is not accepted.
    #[error("iss is not an accepted issuer")]
    Issuer,
    /// The token is for another client.
    #[error("aud does not name this client")]
    Audience,
    /// The token is expired, too old, or not valid yet.
    #[error("iat, exp or nbf does not fit the time; compare the clocks of this machine and the provider")]
    Time,
    #[error("jti is missing")]
    NoId,
    /// The token reports no logout.
    #[error("events does not name a back-channel logout")]
    Event,
    /// The token has a nonce, as only an `id_token` may.
    #[error("a logout token has no nonce")]
    Nonce,
    /// The token names neither a user nor a session.
    #[error("sub and sid are both missing")]
    NoSubject,
}

#[derive(Deserialize)]
struct LogoutTokenHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

#[derive(Deserialize)]
struct LogoutTokenClaims {
    iss: Option<String>,
    aud: Option<Audience>,
    #[serde(default, deserialize_with = "seconds")]
    iat: Option<f64>,
    #[serde(default, deserialize_with = "seconds")]
    exp: Option<f64>,
    #[serde(default, deserialize_with = "seconds")]
    nbf: Option<f64>,
    jti: Option<String>,
    events: Option<Map<String, Value>>,
    sub: Option<String>,
    sid: Option<String>,
    #[serde(default, deserialize_with = "is_present")]
    nonce: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Reads the decoded JOSE header; returns the id of the key (`kid`).
///
/// # Errors
/// When it is not the header of a logout token signed with RS256.
pub fn key_id(header: &[u8]) -> Result<String, InvalidLogoutToken> {
    let header: LogoutTokenHeader =
        serde_json::from_slice(header).map_err(|_| InvalidLogoutToken::Malformed)?;
    if header.alg != "RS256" || header.crit {
        return Err(InvalidLogoutToken::Algorithm);
    }
    // RFC 7515 §4.1.9: any letter case, with or without `application/`. The specification only recommends the type. Without it, the
    // claim `events` tells a logout token from other tokens signed with the same keys.
    if let Some(typ) = header.typ {
        let typ = typ.to_ascii_lowercase();
        if typ.strip_prefix("application/").unwrap_or(&typ) != "logout+jwt" {
            return Err(InvalidLogoutToken::Type);
        }
    }
    header.kid.ok_or(InvalidLogoutToken::NoKey)
}

/// Reads the decoded claims of a token with a valid signature.
///
/// # Errors
/// Why the token is refused.
pub fn read(claims: &[u8], expected: &Expected<'_>) -> Result<LogoutToken, InvalidLogoutToken> {
    let claims: LogoutTokenClaims =
        serde_json::from_slice(claims).map_err(|_| InvalidLogoutToken::Malformed)?;
    if !claims.iss.as_ref().is_some_and(|issuer| expected.issuers.contains(issuer)) {
        return Err(InvalidLogoutToken::Issuer);
    }
    let is_ours = match &claims.aud {
        Some(Audience::One(one)) => one == expected.client_id,
        Some(Audience::Many(many)) => many.iter().any(|one| one == expected.client_id),
        None => false,
    };
    if !is_ours {
        return Err(InvalidLogoutToken::Audience);
    }
    if !is_current(&claims, expected) {
        return Err(InvalidLogoutToken::Time);
    }
    let event = claims.events.as_ref().and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(InvalidLogoutToken::Event);
    }
    if claims.nonce {
        return Err(InvalidLogoutToken::Nonce);
    }
    let not_empty = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (subject, session) = (not_empty(claims.sub), not_empty(claims.sid));
    if subject.is_none() && session.is_none() {
        return Err(InvalidLogoutToken::NoSubject);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is close to the current time")]
    let issued = UnixTime(claims.iat.ok_or(InvalidLogoutToken::Time)? as i64);
    Ok(LogoutToken { subject, session, id: not_empty(claims.jti).ok_or(InvalidLogoutToken::NoId)?, issued })
}

/// True when the token is valid now and not too old. Older versions of the specification have no `exp`.
fn is_current(claims: &LogoutTokenClaims, expected: &Expected<'_>) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit into 52 bits")]
    let (now, skew, age) = (expected.now.0 as f64, expected.skew.as_secs() as f64, MAX_AGE.as_secs() as f64);
    claims.iat.is_some_and(|iat| iat <= now + skew && iat > now - skew - age)
        && claims.exp.is_none_or(|exp| exp > now - skew)
        && claims.nbf.is_none_or(|nbf| nbf <= now + skew)
}

impl LogoutToken {
    /// True when the token ends a session of this user that began in this IMS session. A session without a known IMS session ends when
    /// the token names its user.
    pub fn covers(&self, user: &str, ims_session: Option<&str>) -> bool {
        let subject = self.subject.as_deref();
        if subject.is_some_and(|subject| subject != user) {
            return false;
        }
        match (self.session.as_deref(), ims_session) {
            (None, _) => true,
            (Some(wanted), Some(session)) => wanted == session,
            (Some(_), None) => subject.is_some(),
        }
    }
}

/// True for any value, including `null`.
fn is_present<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

/// Parses a time, as a number or in quotes; `null` counts as absent.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        value => loose_json::number(&value).map(Some).ok_or_else(|| D::Error::custom("not a time")),
    }
}

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How old a logout token may be when it arrives. The specification recommends at most two minutes.
pub const MAX_AGE: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn good() -> Value {
        json!({"iss": "https://ims", "aud": "Campaign1", "iat": NOW, "exp": NOW + 120, "jti": "1", "sub": "A", "sid": "s",
               "events": {EVENT: {}}})
    }

    fn judged(claims: &Value) -> Result<LogoutToken, InvalidLogoutToken> {
        let issuers = ["https://ims".to_owned()];
        let expected = Expected {
            issuers: &issuers,
            client_id: "Campaign1",
            now: UnixTime(NOW),
            skew: Duration::from_mins(1),
        };
        read(claims.to_string().as_bytes(), &expected)
    }

    #[test]
    fn every_claim_is_checked() {
        let token = judged(&good()).unwrap();
        assert_eq!(
            token,
            LogoutToken {
                subject: Some("A".into()),
                session: Some("s".into()),
                id: "1".into(),
                issued: UnixTime(NOW)
            }
        );
        let long_ago = NOW - 600 - 60;
        for (name, value, why) in [
            ("iss", json!("https://ims/"), InvalidLogoutToken::Issuer),
            ("iss", json!(null), InvalidLogoutToken::Issuer),
            ("aud", json!("Campaign2"), InvalidLogoutToken::Audience),
            ("aud", json!([]), InvalidLogoutToken::Audience),
            ("aud", json!(7), InvalidLogoutToken::Malformed),
            ("iat", json!(null), InvalidLogoutToken::Time),
            ("iat", json!(NOW + 61), InvalidLogoutToken::Time),
            ("iat", json!(long_ago), InvalidLogoutToken::Time),
            ("iat", json!("now"), InvalidLogoutToken::Malformed),
            ("exp", json!(NOW - 60), InvalidLogoutToken::Time),
            ("nbf", json!(NOW + 61), InvalidLogoutToken::Time),
            ("exp", json!((NOW - 60).to_string()), InvalidLogoutToken::Time),
            ("jti", json!(null), InvalidLogoutToken::NoId),
            ("jti", json!(""), InvalidLogoutToken::NoId),
            ("events", json!(null), InvalidLogoutToken::Event),
            ("events", json!({}), InvalidLogoutToken::Event),
            ("events", json!({EVENT: true}), InvalidLogoutToken::Event),
            ("events", json!([EVENT]), InvalidLogoutToken::Malformed),
            (
                "events",
                json!({"http://schemas.openid.net/event/backchannel-logout/": {}}),
                InvalidLogoutToken::Event,
            ),
            ("nonce", json!("n"), InvalidLogoutToken::Nonce),
            ("nonce", json!(null), InvalidLogoutToken::Nonce),
        ] {
            let mut claims = good();
            claims[name] = value.clone();
            assert_eq!(judged(&claims), Err(why), "{name}: {value}");
        }
        for (name, value) in [
            ("aud", json!(["other", "Campaign1"])),
            ("iat", json!(NOW + 60)),
            ("iat", json!(NOW.to_string())),
            ("exp", json!((NOW + 120).to_string())),
            ("nbf", json!(NOW.to_string())),
            ("amr", json!("pwd")),
            ("iat", json!(long_ago + 1)),
            ("exp", json!(null)),
            ("exp", json!(1e300)),
            ("sub", json!(null)),
            ("sid", json!(null)),
            ("more", json!({"a": 1})),
        ] {
            let mut claims = good();
            claims[name] = value.clone();
            assert!(judged(&claims).is_ok(), "{name}: {value}");
        }
        let mut anonymous = good();
        (anonymous["sub"], anonymous["sid"]) = (json!(null), json!(""));
        assert_eq!(judged(&anonymous), Err(InvalidLogoutToken::NoSubject));
        let twice = good().to_string().replacen('{', r#"{"sub":"B","#, 1);
        let expected = Expected {
            issuers: &[],
            client_id: "Campaign1",
            now: UnixTime(NOW),
            skew: Duration::from_mins(1),
        };
        assert_eq!(read(twice.as_bytes(), &expected), Err(InvalidLogoutToken::Malformed), "a claim twice");
        assert_eq!(read(b"", &expected), Err(InvalidLogoutToken::Malformed));
    }

    #[test]
    fn the_header_is_checked() {
        let good = json!({"alg": "RS256", "kid": "k", "typ": "logout+jwt"});
        assert_eq!(key_id(good.to_string().as_bytes()), Ok("k".to_owned()));
        for (name, value, verdict) in [
            ("typ", json!("Application/Logout+JWT"), Ok("k".to_owned())),
            ("typ", json!("JWT"), Err(InvalidLogoutToken::Type)),
            ("typ", json!("at+jwt"), Err(InvalidLogoutToken::Type)),
            ("typ", json!(null), Ok("k".to_owned())),
            ("typ", json!(""), Err(InvalidLogoutToken::Type)),
            ("alg", json!("none"), Err(InvalidLogoutToken::Algorithm)),
            ("alg", json!("HS256"), Err(InvalidLogoutToken::Algorithm)),
            ("alg", json!("rs256"), Err(InvalidLogoutToken::Algorithm)),
            ("crit", json!(["exp"]), Err(InvalidLogoutToken::Algorithm)),
            ("kid", json!(null), Err(InvalidLogoutToken::NoKey)),
            ("kid", json!(1), Err(InvalidLogoutToken::Malformed)),
        ] {
            let mut header = good.clone();
            header[name] = value.clone();
            assert_eq!(key_id(header.to_string().as_bytes()), verdict, "{name}: {value}");
        }
    }

    #[test]
    fn a_token_ends_only_the_sessions_that_it_names() {
        let token = |subject: Option<&str>, session: Option<&str>| LogoutToken {
            subject: subject.map(str::to_owned),
            session: session.map(str::to_owned),
            id: "1".to_owned(),
            issued: UnixTime(NOW),
        };
        for (subject, session, means) in [
            // User A in session s; A in another session; A in an unknown session; user B in session s.
            (Some("A"), None, [true, true, true, false]),
            (None, Some("s"), [true, false, false, true]),
            (Some("A"), Some("s"), [true, false, true, false]),
        ] {
            let token = token(subject, session);
            let cases = [("A", Some("s")), ("A", Some("t")), ("A", None), ("B", Some("s"))];
            assert_eq!(cases.map(|(user, session)| token.covers(user, session)), means, "{token:?}");
        }
    }
}
