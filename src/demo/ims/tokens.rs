//! Issues tokens: a standard `id_token`, and an access token with IMS's non-standard claims.

use std::io;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::grants::{Grant, GrantedToken};
use super::{ImsEndpoint, ImsState, Signing};
use crate::demo::people::Person;
use crate::demo::random::{bytes, hex};

impl ImsState {
    /// The person of a grant; `None` for a technical account.
    pub(super) fn person(&self, grant: &Grant) -> Option<&Person> {
        let username = grant.username.as_ref()?;
        self.options.people.iter().find(|person| &person.username == username)
    }

    /// The response of the token endpoint: the tokens for the grant's scopes.
    pub(super) fn token_answer(&self, grant: &Grant, nonce: Option<&str>) -> io::Result<Value> {
        let access_token = self.issue_access_token(grant)?;
        let mut answer = json!({ "token_type": "bearer", "expires_in": self.options.token_lifetime.as_secs().saturating_sub(1) });
        if let Some(person) = self.person(grant) {
            answer["sub"] = person.sub.as_str().into();
            if grant.has("openid") {
                answer["id_token"] = self.id_token(grant, person, nonce, &access_token)?.into();
            }
            if grant.has("offline_access") && self.options.refresh_tokens {
                let expires_at = self.options.clock.now().plus(REFRESH_LIFETIME);
                answer["refresh_token"] = self.grants.issue_refresh(grant, expires_at).into();
            }
        }
        answer["access_token"] = access_token.into();
        self.faults.apply(ImsEndpoint::Token, &mut answer);
        Ok(answer)
    }

    /// OIDC Core §2, §3.1.3.6.
    fn id_token(
        &self,
        grant: &Grant,
        person: &Person,
        nonce: Option<&str>,
        access_token: &str,
    ) -> io::Result<String> {
        let now = self.options.clock.now();
        let mut header = json!({ "alg": "RS256", "kid": self.keys.current().kid(), "typ": "JWT" });
        let mut claims = json!({
            "iss": self.options.id_token_issuer.as_deref().unwrap_or(self.issuer()),
            "sub": person.sub,
            "aud": self.options.client_id,
            "iat": now.0,
            "exp": now.plus(self.options.token_lifetime).0,
            "auth_time": grant.auth_time.0,
            "at_hash": at_hash(access_token),
            "account_type": "ent",
        });
        if let Some(session) = &grant.session {
            claims["sid"] = session.as_str().into();
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let signing = self.faults.apply_to_id_token(&mut header, &mut claims);
        self.keys.sign_as(&signing, &mut header, &claims)
    }

    /// As at IMS: no `iss`, `aud` and `exp`; times are milliseconds in strings; `x5u` is a file name without a path.
    pub(super) fn issue_access_token(&self, grant: &Grant) -> io::Result<String> {
        let (mut header, claims) = self.access_token_parts(grant);
        let token = self.keys.sign_as(&Signing::Honest, &mut header, &claims)?;
        let expires_at = self.options.clock.now().plus(self.options.token_lifetime);
        self.grants.add_access(&token, GrantedToken { grant: grant.clone(), claims, expires_at });
        Ok(token)
    }

    /// Header and claims of an access token.
    pub(super) fn access_token_parts(&self, grant: &Grant) -> (Value, Value) {
        let key = self.keys.current();
        let now = self.options.clock.now();
        let (client_id, technical_user) = self.client_of(grant);
        let user_id = self.person(grant).map_or(technical_user, |person| person.sub.clone());
        let header =
            json!({ "alg": "RS256", "x5u": format!("{}.cer", key.kid()), "kid": key.kid(), "itt": "at" });
        let claims = json!({
            "id": format!("{}_ue1", hex(&bytes::<16>())),
            "type": "access_token",
            "client_id": client_id,
            "user_id": user_id,
            "as": "ims-na1",
            "aa_id": user_id,
            "ctp": 0,
            "fg": hex(&bytes::<20>()).to_uppercase(),
            "sid": hex(&bytes::<16>()),
            "moi": hex(&bytes::<4>()),
            "pba": "",
            "org": self.options.organization_id,
            "state": json!({ "session": hex(&bytes::<64>()) }).to_string(),
            "scope": grant.scopes.join(","),
            "created_at": (now.0 * 1000).to_string(),
            "expires_in": self.options.token_lifetime.as_millis().to_string(),
        });
        (header, claims)
    }
}

/// The left half of the SHA-256 of the access token, base64url (OIDC Core §3.1.3.6).
fn at_hash(access_token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

/// Adobe documents 14 days.
const REFRESH_LIFETIME: Duration = Duration::from_hours(336);
