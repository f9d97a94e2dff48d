//! Compares a refreshed `id_token` with the `id_token` of the sign-in (OpenID Connect Core §12.2).

use serde::{Deserialize, Serialize};

use crate::unix_time::UnixTime;

/// The claims of a sign-in that every refreshed `id_token` must repeat. The subject is stored as the user of the session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// `iss`
    pub issuer: String,
    /// `aud`
    pub audience: Vec<String>,
    pub auth_time: Option<UnixTime>,
    pub nonce: Option<String>,
}

impl Original {
    /// Checks the claims of a refreshed token. `auth_time` and `nonce` may be missing there.
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
    use super::*;

    type Change = fn(&mut Original);

    #[test]
    fn a_refreshed_token_repeats_the_claims_of_the_sign_in() {
        let text = str::to_owned;
        let original = Original {
            issuer: text("https://ims"),
            audience: vec![text("Campaign1")],
            auth_time: Some(UnixTime(5)),
            nonce: Some(text("n")),
        };
        let cases: [(Change, Result<(), &str>); 7] = [
            (|_| {}, Ok(())),
            (|refreshed| refreshed.nonce = None, Ok(())),
            (|refreshed| refreshed.auth_time = None, Ok(())),
            (|refreshed| refreshed.issuer = "https://other".to_owned(), Err("iss")),
            (|refreshed| refreshed.audience.push("Campaign2".to_owned()), Err("aud")),
            (|refreshed| refreshed.auth_time = Some(UnixTime(6)), Err("auth_time")),
            (|refreshed| refreshed.nonce = Some("m".to_owned()), Err("nonce")),
        ];
        for (change, expected) in cases {
            let mut refreshed = original.clone();
            change(&mut refreshed);
            assert_eq!(original.check_kept(&refreshed), expected, "{refreshed:?}");
        }
    }
}
