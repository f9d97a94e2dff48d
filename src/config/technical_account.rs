//! `[[campaign.technical_account]]`: programs that call Campaign with an IMS access token of their own.

use ipnet::IpNet;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::formats;
use crate::policy::public::PublicPaths;

/// One `[[campaign.technical_account]]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct TechnicalAccount {
    /// Client ID of the technical account at IMS. A request with `Authorization: Bearer` and an access token
    /// that IMS issued to this client needs no sign-in.
    #[schemars(with = "formats::Name", extend("add" = "client_id = \"…\", the client ID of the technical account"))]
    pub client_id: String,
    /// IMS organization ID of the account. Default: `ims.organization_id`.
    #[schemars(with = "Option<formats::OrganizationId>")]
    pub organization_id: String,
    /// Campaign groups of the account, as `X-Campaign-Groups` names them; IMS is not asked, and every token of
    /// this client is accepted. Left out: IMS is asked once for each token, and `ims.association_mask` decides
    /// as it does for people.
    #[schemars(with = "Option<Vec<formats::Name>>")]
    pub groups: Option<Vec<String>>,
    /// Networks from which the account may call. Empty: all.
    #[schemars(with = "Vec<formats::Network>", extend("default" = []))]
    pub networks: Vec<IpNet>,
    /// Paths that the account may call, as in `campaign.public_paths`. Empty: all.
    #[schemars(with = "Vec<formats::AccountPath>", extend("default" = []))]
    pub paths: PublicPaths,
    /// How Campaign authenticates the account: `bearer` forwards the token with every request (Campaign 8.5 and
    /// newer), `bearer-logon` uses one Campaign session for all requests with the same token.
    #[schemars(extend("default" = "bearer"))]
    pub session: AccountSession,
    /// Client secret of the account, only for `imsgate check` and `imsgate groups`. Set this or
    /// `client_secret_file`.
    #[schemars(with = "Option<formats::Secret>", extend("writeOnly" = true))]
    pub client_secret: Option<SecretString>,
    /// OAuth scopes that `imsgate check` and `imsgate groups` request with `client_secret`, separated by commas
    /// or spaces.
    #[serde(rename = "scope")]
    #[schemars(with = "formats::AccountScopes", extend("default" = "openid,AdobeID,read_organizations"))]
    pub scopes: Vec<String>,
}

/// `session` of a technical account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AccountSession {
    /// `bearer`: the `Authorization` header of the request goes to Campaign.
    Bearer,
    /// `bearer-logon`: `xtk:session#BearerTokenLogon` once for each token, then session cookie and security token.
    BearerLogon,
}
