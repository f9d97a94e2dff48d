//! `[ims]` as written.

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawIms {
    /// Base URL of IMS. https; http only for loopback addresses.
    #[schemars(required)]
    pub server: Option<String>,
    /// Client identifier issued by Adobe.
    #[schemars(required)]
    pub client_id: Option<String>,
    /// Client secret issued by Adobe. Either this or `client_secret_file`.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub client_secret: Option<SecretString>,
    /// File that holds the client secret.
    pub client_secret_file: Option<PathBuf>,
    /// Scopes, separated by commas or spaces. Must hold `openid` and at least one of `read_organizations` and
    /// `additional_info.projectedProductContext`.
    #[schemars(required)]
    pub scope: Option<String>,
    /// Public origin of the gateway, https. The redirect URI registered at IMS is this with `/ims/callback`.
    #[schemars(required)]
    pub callback_server: Option<String>,
    /// ID of the organisation whose members may enter, `<ident>@AdobeOrg`.
    #[schemars(required)]
    pub organization_id: Option<String>,
    /// Which configuration names give which Campaign group: a regular expression whose one capture group is the group,
    /// or a literal prefix.
    #[schemars(required)]
    pub association_mask: Option<String>,
    /// Only product profiles with this service code count.
    pub product_context: Option<String>,
    /// Address of the discovery document. Default: `server` with `/.well-known/openid-configuration`.
    pub discovery_url: Option<String>,
    /// The `iss` values accepted in an `id_token`, exact. Empty: the issuer of the discovery document only.
    #[serde(default)]
    pub id_token_issuers: Vec<String>,
    /// How the client authenticates at the token endpoint (RFC 6749 §2.3.1).
    #[serde(default = "default::token_auth")]
    pub token_auth: RawTokenAuth,
    /// Deadline of one exchange with IMS.
    #[serde(default = "default::ims_timeout")]
    pub timeout: String,
    /// Tolerated difference between the clocks of IMS and this machine.
    #[serde(default = "default::clock_skew")]
    pub clock_skew: String,
    /// Calls to the token endpoint at the same time: half of them for sign-ins, half for refreshes.
    #[serde(default = "default::ims_token_calls")]
    #[schemars(range(min = 2, max = 1000))]
    pub token_calls: usize,
    /// PEM file of certificate authorities trusted for IMS besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// HTTP proxy through which IMS is reached, `http://[user:password@]host:port`. Default: the one that `HTTPS_PROXY` names,
    /// except for `NO_PROXY` and loopback addresses. `none` or an empty text: no proxy.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub proxy: Option<SecretString>,
    /// File that holds the address of the proxy.
    pub proxy_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum RawTokenAuth {
    Post,
    Basic,
}

/// The defaults, in the spelling of the file.
mod default {
    use super::RawTokenAuth;

    pub(super) fn token_auth() -> RawTokenAuth {
        RawTokenAuth::Post
    }
    pub(super) fn ims_timeout() -> String {
        "10s".into()
    }
    pub(super) fn ims_token_calls() -> usize {
        16
    }
    pub(super) fn clock_skew() -> String {
        "60s".into()
    }
}
