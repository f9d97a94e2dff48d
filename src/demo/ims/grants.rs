//! The issued one-time codes, access tokens and refresh tokens.

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

/// The person and scopes of a token.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// The same for all tokens of one sign-in. They are revoked together.
    pub(super) family: String,
    /// `None`: a technical account.
    pub(super) username: Option<String>,
    /// A technical account's own client.
    pub(super) client: Option<String>,
    pub(super) scopes: Vec<String>,
    /// When the person signed in.
    pub(super) auth_time: UnixTime,
    /// The browser's session at IMS.
    pub(super) session: Option<String>,
}

impl Grant {
    pub(super) fn new(username: Option<String>, scopes: Vec<String>, auth_time: UnixTime) -> Self {
        Self { family: opaque(), username, client: None, scopes, auth_time, session: None }
    }

    pub(super) fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }
}

/// An authorization code and the data it is bound to.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    /// PKCE S256 challenge (RFC 7636 §4.2).
    pub(super) challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) expires_at: UnixTime,
}

/// An access token and its claims for `/ims/validate_token/v1`.
#[derive(Clone, Debug)]
pub(super) struct GrantedToken {
    pub(super) grant: Grant,
    pub(super) claims: Value,
    pub(super) expires_at: UnixTime,
}

#[derive(Default)]
pub(super) struct Grants(Mutex<Issued>);

#[derive(Default)]
struct Issued {
    codes: HashMap<String, Code>,
    /// Used code → family of its tokens.
    used_codes: HashMap<String, String>,
    access: HashMap<String, GrantedToken>,
    refresh: HashMap<String, (Grant, UnixTime)>,
    revoked: Vec<String>,
}

impl Grants {
    pub(super) fn issue_code(&self, code: Code) -> String {
        let name = opaque();
        lock(&self.0).codes.insert(name.clone(), code);
        name
    }

    /// Redeems a code. A second use revokes its tokens (RFC 6749 §4.1.2).
    pub(super) fn redeem(
        &self,
        name: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
        now: UnixTime,
    ) -> Result<Code, Error> {
        let mut issued = lock(&self.0);
        if let Some(family) = issued.used_codes.get(name).cloned() {
            issued.forget_family(&family);
            return Err(Error::InvalidGrant("the code was used before"));
        }
        let code = issued.codes.remove(name).ok_or(Error::InvalidGrant("the code is unknown"))?;
        issued.used_codes.insert(name.to_owned(), code.grant.family.clone());
        if now >= code.expires_at {
            return Err(Error::InvalidGrant("the code has expired"));
        }
        if redirect_uri != Some(code.redirect_uri.as_str()) {
            return Err(Error::InvalidGrant("redirect_uri differs from the authorization request"));
        }
        if verifier.map(challenge_of) != code.challenge {
            return Err(Error::InvalidGrant("code_verifier does not match the code_challenge"));
        }
        Ok(code)
    }

    pub(super) fn add_access(&self, token: &str, access: GrantedToken) {
        let mut issued = lock(&self.0);
        if issued.access.len() >= SWEEP_AT {
            let now = access.expires_at;
            issued.access.retain(|_, access| access.expires_at.plus(Duration::from_hours(1)) > now);
        }
        issued.access.insert(token.to_owned(), access);
    }

    /// The access token, unless it is unknown or has expired.
    pub(super) fn access(&self, token: &str, now: UnixTime) -> Option<GrantedToken> {
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

    /// Redeems a refresh token. It is valid once; every refresh returns a new one.
    pub(super) fn redeem_refresh(&self, name: &str, now: UnixTime) -> Result<Grant, Error> {
        match lock(&self.0).refresh.remove(name) {
            Some((grant, expires_at)) if now < expires_at => Ok(grant),
            Some(_) => Err(Error::InvalidGrant("the refresh token has expired")),
            None => Err(Error::InvalidGrant("the refresh token is unknown, used or revoked")),
        }
    }

    /// Revokes an access token, or a refresh token with its whole family (RFC 7009 §2.1). An unknown token is not an error (§2.2).
    pub(super) fn revoke(&self, token: &str) {
        let mut issued = lock(&self.0);
        if issued.access.remove(token).is_some() {
            issued.revoked.push(token.to_owned());
        } else if let Some((grant, _)) = issued.refresh.get(token).cloned() {
            issued.forget_family(&grant.family);
            issued.revoked.push(token.to_owned());
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

impl Issued {
    fn forget_family(&mut self, family: &str) {
        self.access.retain(|_, access| access.grant.family != family);
        self.refresh.retain(|_, (grant, _)| grant.family != family);
    }
}

/// `BASE64URL(SHA256(verifier))`, RFC 7636 §4.2.
fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// Number of access tokens above which expired ones are removed.
const SWEEP_AT: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_matches_the_example_of_the_rfc() {
        // RFC 7636 appendix B.
        let challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_second_use_of_a_code_revokes_its_tokens() {
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
        grants.add_access("token", GrantedToken { grant, claims: Value::Null, expires_at: UnixTime(10) });
        assert!(grants.redeem(&name, Some("https://rp/cb"), None, UnixTime(1)).is_err());
        assert!(grants.access("token", UnixTime(1)).is_none());
    }
}
