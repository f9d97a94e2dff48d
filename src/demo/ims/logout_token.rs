//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4), valid or not.

use std::io;

use serde_json::{Value, json};

use super::{ImsSimulator, Signing};
use crate::demo::random::{bytes, hex};

impl ImsSimulator {
    /// A logout token without a subject. `change` adds `sub` or `sid`, and may change any part of header and claims.
    pub fn logout_token(
        &self,
        signing: &Signing,
        change: impl FnOnce(&mut Value, &mut Value),
    ) -> io::Result<String> {
        let ims = &self.ims;
        let now = ims.options.clock.now().0;
        let mut header = json!({ "alg": "RS256", "kid": ims.keys.current().kid(), "typ": "logout+jwt" });
        let mut claims = json!({
            "iss": ims.options.id_token_issuer.as_deref().unwrap_or(ims.issuer()),
            "aud": ims.options.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": hex(&bytes::<16>()),
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        change(&mut header, &mut claims);
        ims.keys.sign_as(signing, &mut header, &claims)
    }

    /// The IMS sessions of this person: the `sid` values of their `id_token`s.
    pub fn sessions_of(&self, username: &str) -> Vec<String> {
        self.ims.browsers.sessions_of(username)
    }
}
