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
    /// Base URL of IMS. Must be https; http is accepted for loopback addresses only.
    #[schemars(with = "formats::ServerUrl", extend("add" = "server = \"https://ims-na1.adobelogin.com\""))]
    pub server: Url,
    /// Client ID that Adobe issued for this gateway.
    #[schemars(
        with = "formats::Name",
        extend("add" = "client_id = \"…\", the IMS client identifier of the external account")
    )]
    pub client_id: String,
    /// Client secret that Adobe issued. Set this or `client_secret_file`.
    #[schemars(
        with = "formats::Secret",
        extend("writeOnly" = true, "add" = "client_secret_file = \"…\", a file with the secret that Adobe issued")
    )]
    pub client_secret: SecretString,
    /// OAuth scopes to request, separated by commas or spaces. Must include `openid` and a source of groups:
    /// `read_organizations` or `additional_info.projectedProductContext`.
    #[serde(rename = "scope")]
    #[schemars(
        with = "formats::Scopes",
        extend("add" = "scope = \"openid,AdobeID,read_organizations,session,additional_info.projectedProductContext\"")
    )]
    pub scopes: Vec<String>,
    /// Public https origin of the gateway, as people type it. Register this address with `/ims/callback` as
    /// redirect URI at Adobe.
    #[schemars(
        with = "formats::PublicOrigin",
        extend("add" = "callback_server = \"https://campaign.example.com\"")
    )]
    pub callback_server: Url,
    /// IMS organization ID, `<ident>@AdobeOrg`. Only its members can sign in, and only its groups and product
    /// profiles count.
    #[schemars(with = "formats::OrganizationId", extend("add" = "organization_id = \"…@AdobeOrg\""))]
    pub organization_id: String,
    /// Maps configuration names of IMS to Campaign operator groups: a regular expression whose one capture
    /// group is the Campaign group, or a literal prefix. Try it with `imsgate mask`.
    #[schemars(
        with = "formats::AssociationMask",
        extend("add" = "association_mask = 'Campaign - tenant - (.*)'")
    )]
    pub association_mask: Mask,
    /// Counts only product profiles with this service code. Default: profiles of every service.
    #[schemars(with = "Option<formats::Name>")]
    pub product_context: Option<String>,
    /// URL of the discovery document. Default: `server` with `/.well-known/openid-configuration`. Set it if
    /// IMS publishes it elsewhere.
    #[schemars(with = "Option<formats::ServerUrl>")]
    pub discovery_url: Url,
    /// Accepted `iss` values of an `id_token`, compared exactly. Empty: only the issuer of the discovery
    /// document. Add a value when sign-ins fail because of the issuer.
    #[schemars(extend("default" = []))]
    pub id_token_issuers: Vec<String>,
    /// How the gateway authenticates at the token endpoint (RFC 6749 §2.3.1): `post` or `basic`.
    #[schemars(extend("default" = "post"))]
    pub token_auth: TokenAuth,
    /// Longest time for one exchange with IMS.
    #[schemars(with = "formats::Timeout", extend("default" = "10s"))]
    pub timeout: Duration,
    /// Tolerated difference between the clocks of IMS and this machine.
    #[schemars(with = "formats::Span", extend("default" = "60s"))]
    pub clock_skew: Duration,
    /// Asks IMS (`/ims/validate_token`) whether an access token of a technical account is still valid, once for
    /// each token. The signature is checked in any case.
    #[schemars(extend("default" = false))]
    pub validate_token: bool,
    /// Most calls to the token endpoint at the same time: half for sign-ins, half for refreshes. Raise it
    /// when `imsgate_ims_token_refused_total` grows and IMS does not answer 429.
    #[schemars(range(min = 2, max = 1000), extend("default" = 16))]
    pub token_calls: usize,
    /// PEM file of certificate authorities that are trusted for IMS in addition to the public ones.
    #[schemars(with = "Option<formats::File>")]
    pub ca_file: Option<PathBuf>,
    /// HTTP proxy for connections to IMS, `http://[user:password@]host:port`. Default: the proxy in
    /// `HTTPS_PROXY`, except for `NO_PROXY` and loopback addresses. `none` or an empty text: no proxy.
    #[serde(default, deserialize_with = "proxy::of_key")]
    #[schemars(with = "Option<formats::ProxyUrl>", extend("writeOnly" = true))]
    pub proxy: Option<OutboundProxy>,
}

/// `ims.token_auth`: `client_secret_post` or `client_secret_basic` (RFC 6749 §2.3.1).
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
    /// Experience Cloud server of the external account. `imsgate check` compares it with Campaign.
    #[schemars(with = "formats::ServerUrl", extend("default" = "https://marketing.adobe.com"))]
    pub server: Url,
    /// Tenant of the external account. `imsgate check` compares it with Campaign.
    #[schemars(extend("default" = ""))]
    pub tenant: String,
}

impl Ims {
    /// The redirect URI registered at IMS (RFC 6749 §3.1.2).
    pub fn redirect_uri(&self) -> String {
        self.public("/ims/callback")
    }

    /// Where IMS returns the browser after logout.
    pub fn signed_out_uri(&self) -> String {
        self.public("/ims/signed-out")
    }

    /// The gateway's public origin as browsers write it in an `Origin` header (RFC 6454 §6.2).
    pub fn origin(&self) -> String {
        self.callback_server.origin().ascii_serialization()
    }

    fn public(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }
}
