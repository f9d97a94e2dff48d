//! What a refreshed `id_token` must keep of the one of the sign-in (OpenID Connect Core §12.2).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::loose;

/// The claims of a sign-in that every refreshed `id_token` repeats. The subject is kept as the session's user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// `iss`
    pub issuer: String,
    /// `aud`
    pub audience: Vec<String>,
    /// `auth_time`, seconds since the Unix epoch.
    pub auth_time: Option<i64>,
    /// `nonce`
    pub nonce: Option<String>,
}

impl Original {
    /// Reads the claims of a token.
    #[expect(clippy::cast_possible_truncation, reason = "a float beyond the range becomes its end")]
    pub fn of_claims(claims: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            issuer: text(&claims["iss"]),
            audience: match &claims["aud"] {
                Value::Array(many) => many.iter().map(text).collect(),
                one => vec![text(one)],
            },
            auth_time: loose::number(&claims["auth_time"]).map(|time| time as i64),
            nonce: claims["nonce"].as_str().map(str::to_owned),
        }
    }

    /// Checks the claims of a refreshed token. One without `auth_time` or `nonce` says nothing about them.
    ///
    /// # Errors
    /// The name of the claim that differs.
    pub fn check_kept(&self, refreshed: &Self) -> Result<(), &'static str> {
        if self.issuer != refreshed.issuer {
            return Err("iss");
        }
        if self.audience != refreshed.audience {
            return Err("aud");
        }
        if self.auth_time.is_some() && refreshed.auth_time.is_some() && self.auth_time != refreshed.auth_time
        {
            return Err("auth_time");
        }
        if refreshed.nonce.is_some() && self.nonce != refreshed.nonce {
            return Err("nonce");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refreshed_token_keeps_what_the_sign_in_said() {
        let good = json!({"iss": "https://ims", "aud": "Campaign1", "auth_time": 5, "nonce": "n"});
        let original = Original::of_claims(&good);
        for (name, value, expected) in [
            ("iat", json!(9), Ok(())),
            ("nonce", json!(null), Ok(())),
            ("auth_time", json!("5"), Ok(())),
            ("auth_time", json!(null), Ok(())),
            ("aud", json!(["Campaign1"]), Ok(())),
            ("iss", json!("https://other"), Err("iss")),
            ("iss", json!(null), Err("iss")),
            ("aud", json!(["Campaign1", "Campaign2"]), Err("aud")),
            ("auth_time", json!(6), Err("auth_time")),
            ("nonce", json!("m"), Err("nonce")),
        ] {
            let mut claims = good.clone();
            claims[name] = value.clone();
            assert_eq!(original.check_kept(&Original::of_claims(&claims)), expected, "{name}: {value}");
        }
    }
}
