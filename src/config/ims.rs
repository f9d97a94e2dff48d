//! `[ims]` and `[experience_cloud]`: the external account, field by field.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::formats;
use super::proxy;
use crate::policy::mask::Mask;
use crate::policy::outbound_proxy::OutboundProxy;

/// `[ims]`: the external account, field by field.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Ims {
    /// Base URL of IMS. https; http only for loopback addresses.
    #[schemars(with = "formats::ServerUrl", extend("add" = "server = \"https://ims-na1.adobelogin.com\""))]
    pub server: Url,
    /// Client identifier issued by Adobe.
    #[schemars(
        with = "formats::Name",
        extend("add" = "client_id = \"…\", the IMS client identifier of the external account")
    )]
    pub client_id: String,
    /// Client secret issued by Adobe. Either this or `client_secret_file`.
    #[schemars(
        with = "formats::Secret",
        extend("writeOnly" = true, "add" = "client_secret_file = \"…\", a file with the secret that Adobe issued")
    )]
    pub client_secret: SecretString,
    /// Scopes, separated by commas or spaces. Must hold `openid` and at least one of `read_organizations` and
    /// `additional_info.projectedProductContext`.
    #[serde(rename = "scope")]
    #[schemars(
        with = "formats::Scopes",
        extend("add" = "scope = \"openid,AdobeID,read_organizations,session,additional_info.projectedProductContext\"")
    )]
    pub scopes: Vec<String>,
    /// Public origin of the gateway, https. The redirect URI registered at IMS is this with `/ims/callback`.
    #[schemars(
        with = "formats::PublicOrigin",
        extend("add" = "callback_server = \"https://campaign.example.com\"")
    )]
    pub callback_server: Url,
    /// ID of the organisation whose members may enter, `<ident>@AdobeOrg`.
    #[schemars(with = "formats::OrganizationId", extend("add" = "organization_id = \"…@AdobeOrg\""))]
    pub organization_id: String,
    /// Which configuration names give which Campaign group: a regular expression whose one capture group is the group,
    /// or a literal prefix.
    #[schemars(
        with = "formats::AssociationMask",
        extend("add" = "association_mask = 'Campaign - tenant - (.*)'")
    )]
    pub association_mask: Mask,
    /// Only product profiles with this service code count.
    #[schemars(with = "Option<formats::Name>")]
    pub product_context: Option<String>,
    /// Address of the discovery document. Default: `server` with `/.well-known/openid-configuration`.
    #[schemars(with = "Option<formats::ServerUrl>")]
    pub discovery_url: Url,
    /// The `iss` values accepted in an `id_token`, exact. Empty: the issuer of the discovery document only.
    #[schemars(extend("default" = []))]
    pub id_token_issuers: Vec<String>,
    /// How the client authenticates at the token endpoint (RFC 6749 §2.3.1).
    #[schemars(extend("default" = "post"))]
    pub token_auth: TokenAuth,
    /// Deadline of one exchange with IMS.
    #[schemars(with = "formats::Timeout", extend("default" = "10s"))]
    pub timeout: Duration,
    /// Tolerated difference between the clocks of IMS and this machine.
    #[schemars(with = "formats::Span", extend("default" = "60s"))]
    pub clock_skew: Duration,
    /// Calls to the token endpoint at the same time: half of them for sign-ins, half for refreshes.
    #[schemars(range(min = 2, max = 1000), extend("default" = 16))]
    pub token_calls: usize,
    /// PEM file of certificate authorities trusted for IMS besides the public ones.
    #[schemars(with = "Option<formats::File>")]
    pub ca_file: Option<PathBuf>,
    /// HTTP proxy through which IMS is reached, `http://[user:password@]host:port`. Default: the one that `HTTPS_PROXY` names,
    /// except for `NO_PROXY` and loopback addresses. `none` or an empty text: no proxy.
    #[serde(default, deserialize_with = "proxy::of_key")]
    #[schemars(with = "Option<formats::ProxyUrl>", extend("writeOnly" = true))]
    pub proxy: Option<OutboundProxy>,
}

/// `client_secret_post` or `client_secret_basic` (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenAuth {
    /// Credentials in the form body.
    Post,
    /// Credentials in the `Authorization` header.
    Basic,
}

/// `[experience_cloud]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ExperienceCloud {
    /// Experience Cloud server.
    #[schemars(with = "formats::ServerUrl", extend("default" = "https://marketing.adobe.com"))]
    pub server: Url,
    /// Name of the tenant.
    #[schemars(extend("default" = ""))]
    pub tenant: String,
}

impl Ims {
    /// The redirect URI registered at IMS (RFC 6749 §3.1.2).
    pub fn redirect_uri(&self) -> String {
        self.own("/ims/callback")
    }

    /// Where IMS returns the browser after logout.
    pub fn signed_out_uri(&self) -> String {
        self.own("/ims/signed-out")
    }

    /// The gateway's public origin as browsers write it in an `Origin` header (RFC 6454 §6.2).
    pub fn origin(&self) -> String {
        self.callback_server.origin().ascii_serialization()
    }

    fn own(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }
}
