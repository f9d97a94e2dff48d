//! What makes a logout token one (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6), and whose sessions it ends. The
//! signature is somebody else's affair.

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::id_token::Expected;
use crate::wire::loose_json;

/// A logout token whose claims are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutToken {
    /// Whose sessions end: all of them, unless `session` says which.
    pub subject: Option<String>,
    /// IMS's session whose sessions here end.
    pub session: Option<String>,
    /// The token's own name, to be taken once.
    pub id: String,
    /// When it was issued, seconds since the epoch.
    pub issued: i64,
}

/// Why a token is no logout token for this client. Holds nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Not a JSON object of the shape of a JOSE header or of claims.
    #[error("the token is malformed")]
    Malformed,
    /// Another algorithm than RS256, or an extension that is not understood (RFC 7515 §4.1.11).
    #[error("the token is not signed with RS256")]
    Algorithm,
    /// No `kid`.
    #[error("the token's header names no key (kid)")]
    NoKey,
    /// Not typed as what it has to be (RFC 8725 §3.11).
    #[error("the token's type (typ) is not logout+jwt")]
    Type,
    /// From somebody else.
    #[error("iss is not an accepted issuer")]
    Issuer,
    /// For somebody else.
    #[error("aud does not name this client")]
    Audience,
    /// Not now.
    #[error("iat, exp or nbf does not fit the time; compare the clocks of this machine and the provider")]
    Time,
    /// No name of its own.
    #[error("jti is missing")]
    NoId,
    /// Not about a logout.
    #[error("events does not name a back-channel logout")]
    Event,
    /// As only an `id_token` has it.
    #[error("a logout token has no nonce")]
    Nonce,
    /// About nobody.
    #[error("neither sub nor sid is there")]
    Nobody,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

#[derive(Deserialize)]
struct Claims {
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
    #[serde(default, deserialize_with = "is_there")]
    nonce: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Reads the decoded JOSE header; gives the key's name.
pub fn key_of(header: &[u8]) -> Result<String, Unfit> {
    let header: Header = serde_json::from_slice(header).map_err(|_| Unfit::Malformed)?;
    if header.alg != "RS256" || header.crit {
        return Err(Unfit::Algorithm);
    }
    // RFC 7515 §4.1.9: in any case, and with `application/` left out or not. The specification only recommends the type;
    // without it the claim `events` tells a logout token from others of the same keys.
    if let Some(typ) = header.typ {
        let typ = typ.to_ascii_lowercase();
        if typ.strip_prefix("application/").unwrap_or(&typ) != "logout+jwt" {
            return Err(Unfit::Type);
        }
    }
    header.kid.ok_or(Unfit::NoKey)
}

/// Reads the decoded claims of a token whose signature is good.
pub fn read(claims: &[u8], expected: &Expected<'_>) -> Result<LogoutToken, Unfit> {
    let claims: Claims = serde_json::from_slice(claims).map_err(|_| Unfit::Malformed)?;
    let issuer = claims.iss.as_ref();
    if !issuer.is_some_and(|issuer| expected.issuers.contains(issuer)) {
        return Err(Unfit::Issuer);
    }
    let is_ours = match &claims.aud {
        Some(Audience::One(one)) => one == expected.client_id,
        Some(Audience::Many(many)) => many.iter().any(|one| one == expected.client_id),
        None => false,
    };
    if !is_ours {
        return Err(Unfit::Audience);
    }
    if !is_now(&claims, expected) {
        return Err(Unfit::Time);
    }
    let event = claims.events.as_ref().and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(Unfit::Event);
    }
    if claims.nonce {
        return Err(Unfit::Nonce);
    }
    let present = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (subject, session) = (present(claims.sub), present(claims.sid));
    if subject.is_none() && session.is_none() {
        return Err(Unfit::Nobody);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is near the present")]
    let when = claims.iat.ok_or(Unfit::Time)? as i64;
    Ok(LogoutToken { subject, session, id: present(claims.jti).ok_or(Unfit::NoId)?, issued: when })
}

/// Issued neither in the future nor long ago, not expired. Older versions of the specification know no `exp`.
fn is_now(claims: &Claims, expected: &Expected<'_>) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit into 52 bits")]
    let (now, skew, age) = (expected.now as f64, expected.skew as f64, MAX_AGE as f64);
    claims.iat.is_some_and(|iat| iat <= now + skew && iat > now - skew - age)
        && claims.exp.is_none_or(|exp| exp > now - skew)
        && claims.nbf.is_none_or(|nbf| nbf <= now + skew)
}

impl LogoutToken {
    /// True when a session of this user, begun in this session of IMS, is meant. One whose `id_token` named no session
    /// cannot be told from the others of its user.
    pub fn means(&self, user: &str, ims_session: Option<&str>) -> bool {
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

/// True for whatever is there, `null` too.
fn is_there<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

/// A time, plain or in quotes; `null` counts as absent.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        value => loose_json::number(&value).map(Some).ok_or_else(|| D::Error::custom("no time")),
    }
}

/// The member of `events`.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Seconds that a logout token may be on its way; the specification recommends two minutes at most.
pub const MAX_AGE: i64 = 600;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn good() -> Value {
        json!({"iss": "https://ims", "aud": "Campaign1", "iat": NOW, "exp": NOW + 120, "jti": "1", "sub": "A", "sid": "s",
               "events": {EVENT: {}}})
    }

    fn judged(claims: &Value) -> Result<LogoutToken, Unfit> {
        let issuers = ["https://ims".to_owned()];
        let expected = Expected { issuers: &issuers, client_id: "Campaign1", now: NOW, skew: 60 };
        read(claims.to_string().as_bytes(), &expected)
    }

    #[test]
    fn every_claim_counts() {
        let token = judged(&good()).unwrap();
        assert_eq!(
            token,
            LogoutToken { subject: Some("A".into()), session: Some("s".into()), id: "1".into(), issued: NOW }
        );
        let long_ago = NOW - MAX_AGE - 60;
        for (name, value, why) in [
            ("iss", json!("https://ims/"), Unfit::Issuer),
            ("iss", json!(null), Unfit::Issuer),
            ("aud", json!("Campaign2"), Unfit::Audience),
            ("aud", json!([]), Unfit::Audience),
            ("aud", json!(7), Unfit::Malformed),
            ("iat", json!(null), Unfit::Time),
            ("iat", json!(NOW + 61), Unfit::Time),
            ("iat", json!(long_ago), Unfit::Time),
            ("iat", json!("now"), Unfit::Malformed),
            ("exp", json!(NOW - 60), Unfit::Time),
            ("nbf", json!(NOW + 61), Unfit::Time),
            ("exp", json!((NOW - 60).to_string()), Unfit::Time),
            ("jti", json!(null), Unfit::NoId),
            ("jti", json!(""), Unfit::NoId),
            ("events", json!(null), Unfit::Event),
            ("events", json!({}), Unfit::Event),
            ("events", json!({EVENT: true}), Unfit::Event),
            ("events", json!([EVENT]), Unfit::Malformed),
            ("events", json!({"http://schemas.openid.net/event/backchannel-logout/": {}}), Unfit::Event),
            ("nonce", json!("n"), Unfit::Nonce),
            ("nonce", json!(null), Unfit::Nonce),
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
        let mut nobody = good();
        (nobody["sub"], nobody["sid"]) = (json!(null), json!(""));
        assert_eq!(judged(&nobody), Err(Unfit::Nobody));
        let twice = good().to_string().replacen('{', r#"{"sub":"B","#, 1);
        let expected = Expected { issuers: &[], client_id: "Campaign1", now: NOW, skew: 60 };
        assert_eq!(read(twice.as_bytes(), &expected), Err(Unfit::Malformed), "a claim twice");
        assert_eq!(read(b"", &expected), Err(Unfit::Malformed));
    }

    #[test]
    fn the_header_says_what_the_token_is() {
        let good = json!({"alg": "RS256", "kid": "k", "typ": "logout+jwt"});
        assert_eq!(key_of(good.to_string().as_bytes()), Ok("k".to_owned()));
        for (name, value, verdict) in [
            ("typ", json!("Application/Logout+JWT"), Ok("k".to_owned())),
            ("typ", json!("JWT"), Err(Unfit::Type)),
            ("typ", json!("at+jwt"), Err(Unfit::Type)),
            ("typ", json!(null), Ok("k".to_owned())),
            ("typ", json!(""), Err(Unfit::Type)),
            ("alg", json!("none"), Err(Unfit::Algorithm)),
            ("alg", json!("HS256"), Err(Unfit::Algorithm)),
            ("alg", json!("rs256"), Err(Unfit::Algorithm)),
            ("crit", json!(["exp"]), Err(Unfit::Algorithm)),
            ("kid", json!(null), Err(Unfit::NoKey)),
            ("kid", json!(1), Err(Unfit::Malformed)),
        ] {
            let mut header = good.clone();
            header[name] = value.clone();
            assert_eq!(key_of(header.to_string().as_bytes()), verdict, "{name}: {value}");
        }
    }

    #[test]
    fn a_token_means_the_sessions_it_names_and_no_other() {
        let token = |subject: Option<&str>, session: Option<&str>| LogoutToken {
            subject: subject.map(str::to_owned),
            session: session.map(str::to_owned),
            id: "1".to_owned(),
            issued: NOW,
        };
        for (subject, session, means) in [
            // Of A in s, of A in another, of A in none that is known, of B in s.
            (Some("A"), None, [true, true, true, false]),
            (None, Some("s"), [true, false, false, true]),
            (Some("A"), Some("s"), [true, false, true, false]),
        ] {
            let token = token(subject, session);
            let cases = [("A", Some("s")), ("A", Some("t")), ("A", None), ("B", Some("s"))];
            assert_eq!(cases.map(|(user, session)| token.means(user, session)), means, "{token:?}");
        }
    }
}
