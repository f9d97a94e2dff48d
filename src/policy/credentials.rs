//! The header fields that the gateway adds to a signed-in caller's requests to Campaign. They are rendered once for each session.

use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use super::campaign_tokens::TokenPair;
use super::cookies::CAMPAIGN_COOKIE;
use super::identity::IdentityFields;
use crate::wire::fields::header_text;
use crate::wire::request_head::HeaderLines;

/// The prepared fields of one caller. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The identity headers except the assertion.
    pub identity: IdentityFields,
    /// The same fields as lines of a request head.
    pub lines: HeaderLines,
    /// `__sessiontoken=…`, in mode `bearer-logon`.
    pub campaign_cookie: Option<HeaderValue>,
    /// `X-Security-Token`, in mode `bearer-logon`.
    pub security_token: Option<HeaderValue>,
    /// `Authorization: Bearer …`, which mode `bearer` sends.
    pub authorization: HeaderValue,
}

impl Credentials {
    /// Renders the fields; `access` is the access token of IMS.
    pub fn new(identity: IdentityFields, campaign: Option<&TokenPair>, access: &SecretString) -> Self {
        Self {
            lines: identity.lines(),
            identity,
            campaign_cookie: campaign.map(|tokens| campaign_cookie(&tokens.session)),
            security_token: campaign.map(|tokens| secret(tokens.security.expose_secret())),
            authorization: secret(&format!("Bearer {}", access.expose_secret())),
        }
    }
}

/// `__sessiontoken=…`.
pub fn campaign_cookie(session: &SecretString) -> HeaderValue {
    secret(&format!("{CAMPAIGN_COOKIE}={}", session.expose_secret()))
}

/// A value that `Debug` does not show and HPACK does not index (RFC 7541 §7.1.3).
fn secret(text: &str) -> HeaderValue {
    let mut value = header_text(text);
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_rendered_and_hidden_from_debug_output() {
        let identity = IdentityFields::new("A1@B2.e", Some("alice@example.com"), "O@AdobeOrg", &[]);
        let campaign = TokenPair { session: "___secret".into(), security: "@secret".into() };
        let credentials = Credentials::new(identity, Some(&campaign), &"secret-access".into());
        assert_eq!(credentials.campaign_cookie.as_ref().unwrap(), "__sessiontoken=___secret");
        assert_eq!(credentials.security_token.as_ref().unwrap(), "@secret");
        assert_eq!(credentials.authorization, "Bearer secret-access");
        assert!(!format!("{credentials:?}").contains("secret"), "{credentials:?}");
    }
}
