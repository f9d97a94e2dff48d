//! `[experience_cloud]` as written.

use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawExperienceCloud {
    /// Experience Cloud server.
    #[serde(default = "server")]
    pub server: String,
    /// Name of the tenant.
    #[serde(default)]
    pub tenant: String,
}

fn server() -> String {
    "https://marketing.adobe.com".into()
}
