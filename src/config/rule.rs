//! `[[campaign.rule]]`: what requests for some paths must meet besides.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::formats;
use crate::policy::request_rules::{RequestRule, RequestRules, RulePaths, RuleRate};

/// One `[[campaign.rule]]`. It needs at least one key besides `paths`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct Rule {
    /// Paths that the rule is about, at least one. `*` matches any characters, also `/`; letter case does not matter.
    /// Every spelling that a program behind the gateway may read as one of them counts. `*` alone is every path,
    /// except the addresses below `/ims/`.
    #[schemars(
        with = "Vec<formats::RulePath>",
        length(min = 1),
        extend("add" = "paths = [\"/webApp/*\"], the paths of the rule")
    )]
    paths: RulePaths,
    /// Campaign groups, as `X-Campaign-Groups` names them: people and technical accounts need at least one of
    /// them, native accounts have none. A public path then needs a sign-in. Empty: not asked for.
    #[schemars(with = "Vec<formats::Name>", extend("default" = []))]
    groups: Vec<String>,
    /// Networks of the client. Empty: not asked for.
    #[schemars(with = "Vec<formats::Network>", extend("default" = []))]
    networks: Vec<IpNet>,
    /// Most requests from one client address (IPv6: one /64 network), such as `20/minute`: 20 at once after a pause, and one
    /// more every 3 seconds; then 429. Periods: `second`, `minute`, `hour`.
    #[schemars(with = "Option<formats::RuleRate>")]
    rate: Option<String>,
}

/// Reads the list.
pub(super) fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RequestRules, D::Error> {
    let rules = Vec::<Rule>::deserialize(deserializer)?.into_iter().map(|rule| {
        let rate = rule.rate.map(|rate| rate.parse::<RuleRate>()).transpose();
        let rate = rate.map_err(serde::de::Error::custom)?;
        Ok(RequestRule { paths: rule.paths, groups: rule.groups, networks: rule.networks, rate })
    });
    RequestRules::new(rules.collect::<Result<_, D::Error>>()?).map_err(serde::de::Error::custom)
}
