//! What IMS has given out: one-time codes, access tokens, refresh tokens.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::error::Error;
use crate::demo::random::{lock, opaque};
use crate::unix_time::UnixTime;

/// Who a token speaks for, and for what.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// Tokens that came from one sign-in share it, and die together.
    pub(super) family: String,
    /// `None`: a technical account.
    pub(super) username: Option<String>,
    pub(super) scopes: Vec<String>,
    /// When the person typed the name.
    pub(super) auth_time: UnixTime,
    /// The browser's session at IMS.
    pub(super) session: Option<String>,
}

impl Grant {
    pub(super) fn new(username: Option<String>, scopes: Vec<String>, auth_time: UnixTime) -> Self {
        Self { family: opaque(), username, scopes, auth_time, session: None }
    }

    pub(super) fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }
}

/// An authorization code and all it is bound to.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    /// PKCE S256 challenge (RFC 7636 §4.2).
    pub(super) challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) expires_at: UnixTime,
}

/// An access token and what `/ims/validate_token/v1` tells about it.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) grant: Grant,
    pub(super) claims: Value,
    pub(super) expires_at: UnixTime,
}

#[derive(Default)]
pub(super) struct Grants(Mutex<Given>);

#[derive(Default)]
struct Given {
    codes: HashMap<String, Code>,
    /// Used code → family of the tokens it gave.
    used_codes: HashMap<String, String>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, (Grant, UnixTime)>,
    revoked: Vec<String>,
}

impl Grants {
    pub(super) fn issue_code(&self, code: Code) -> String {
        let name = opaque();
        lock(&self.0).codes.insert(name.clone(), code);
        name
    }

    /// Uses up a code. One that is used a second time takes its tokens with it (RFC 6749 §4.1.2).
    pub(super) fn redeem(
        &self,
        name: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
        now: UnixTime,
    ) -> Result<Code, Error> {
        let mut given = lock(&self.0);
        if let Some(family) = given.used_codes.get(name).cloned() {
            given.forget_family(&family);
            return Err(Error::InvalidGrant("the code was used before"));
        }
        let code = given.codes.remove(name).ok_or(Error::InvalidGrant("the code is unknown"))?;
        given.used_codes.insert(name.to_owned(), code.grant.family.clone());
        if now >= code.expires_at {
            return Err(Error::InvalidGrant("the code has expired"));
        }
        if redirect_uri != Some(code.redirect_uri.as_str()) {
            return Err(Error::InvalidGrant("redirect_uri is not the one of the authorization request"));
        }
        if verifier.map(challenge_of) != code.challenge {
            return Err(Error::InvalidGrant("code_verifier does not fit the code_challenge"));
        }
        Ok(code)
    }

    pub(super) fn keep_access(&self, token: &str, access: Access) {
        let mut given = lock(&self.0);
        if given.access.len() >= MANY {
            let now = access.expires_at;
            given.access.retain(|_, kept| kept.expires_at.plus(Duration::from_hours(1)) > now);
        }
        given.access.insert(token.to_owned(), access);
    }

    /// The living access token, or `None`.
    pub(super) fn access(&self, token: &str, now: UnixTime) -> Option<Access> {
        lock(&self.0).access.get(token).filter(|access| now < access.expires_at).cloned()
    }

    pub(super) fn knows_access(&self, token: &str) -> bool {
        lock(&self.0).access.contains_key(token)
    }

    pub(super) fn issue_refresh(&self, grant: &Grant, expires_at: UnixTime) -> String {
        let name = opaque();
        lock(&self.0).refresh.insert(name.clone(), (grant.clone(), expires_at));
        name
    }

    /// Uses up a refresh token: every refresh returns a new one.
    pub(super) fn redeem_refresh(&self, name: &str, now: UnixTime) -> Result<Grant, Error> {
        match lock(&self.0).refresh.remove(name) {
            Some((grant, expires_at)) if now < expires_at => Ok(grant),
            Some(_) => Err(Error::InvalidGrant("the refresh token has expired")),
            None => Err(Error::InvalidGrant("the refresh token is unknown, used or revoked")),
        }
    }

    /// Revokes an access or refresh token; the latter with all of its family (RFC 7009 §2.1). Unknown ones are fine (§2.2).
    pub(super) fn revoke(&self, token: &str) {
        let mut given = lock(&self.0);
        if given.access.remove(token).is_some() {
            given.revoked.push(token.to_owned());
        } else if let Some((grant, _)) = given.refresh.get(token).cloned() {
            given.forget_family(&grant.family);
            given.revoked.push(token.to_owned());
        }
    }

    pub(super) fn revoked(&self) -> Vec<String> {
        lock(&self.0).revoked.clone()
    }

    pub(super) fn forget_access_tokens(&self) {
        lock(&self.0).access.clear();
    }

    pub(super) fn forget_refresh_tokens(&self) {
        lock(&self.0).refresh.clear();
    }
}

impl Given {
    fn forget_family(&mut self, family: &str) {
        self.access.retain(|_, access| access.grant.family != family);
        self.refresh.retain(|_, (grant, _)| grant.family != family);
    }
}

/// `BASE64URL(SHA256(verifier))`, RFC 7636 §4.2.
fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// From here on expired access tokens are swept.
const MANY: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_the_rfc() {
        // RFC 7636 appendix B.
        let challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_code_used_twice_takes_its_tokens_with_it() {
        let grants = Grants::default();
        let grant = Grant::new(Some("alice".into()), vec![], UnixTime(0));
        let name = grants.issue_code(Code {
            grant: grant.clone(),
            redirect_uri: "https://rp/cb".into(),
            challenge: None,
            nonce: None,
            expires_at: UnixTime(10),
        });
        assert!(grants.redeem(&name, Some("https://rp/cb"), None, UnixTime(1)).is_ok());
        grants.keep_access("token", Access { grant, claims: Value::Null, expires_at: UnixTime(10) });
        assert!(grants.redeem(&name, Some("https://rp/cb"), None, UnixTime(1)).is_err());
        assert!(grants.access("token", UnixTime(1)).is_none());
    }
}
