//! `[[campaign.native_account]]`: programs that sign in at Campaign with a login and a password of Campaign's own.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::formats;
use crate::policy::native_account::NativeLimits;
use crate::policy::public::PublicPaths;

/// One `[[campaign.native_account]]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct NativeAccount {
    /// Login of the account in Campaign, such as `monitoring`; `_ims_` for service tokens. Only listed accounts
    /// may sign in with a password or in place of a session token.
    #[schemars(with = "formats::Name", extend("add" = "login = \"…\", the login of the account in Campaign"))]
    pub login: String,
    /// Networks from which the account may sign in. At least one.
    #[schemars(
        with = "Vec<formats::Network>",
        length(min = 1),
        extend("add" = "networks = [\"10.0.0.0/8\"], the networks of the program")
    )]
    pub networks: Vec<IpNet>,
    /// Paths that the account may call, as in `campaign.public_paths`. Empty: all.
    #[schemars(with = "Vec<formats::AccountPath>", extend("default" = []))]
    pub paths: PublicPaths,
    /// The account may sign in only while an operator has an emergency on (`imsgate emergency on`), at the
    /// sign-in page or with a logon of the client console, and never in place of a session token.
    #[schemars(extend("default" = false))]
    pub emergency: bool,
}

impl NativeAccount {
    /// The account as the policy reads it.
    pub fn limits(&self) -> NativeLimits<'_> {
        NativeLimits { networks: &self.networks, paths: &self.paths, emergency: self.emergency }
    }
}
