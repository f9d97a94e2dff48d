//! The keys that a reload changes, as far as they decide what can be kept.

use std::collections::BTreeSet;

/// Keys that differ from the configuration that ran.
#[derive(Debug, Default)]
pub struct Changes(BTreeSet<String>);

impl Changes {
    /// These keys.
    pub(super) fn new(keys: &[String]) -> Self {
        Self(keys.iter().cloned().collect())
    }

    /// True when a key of an instance changes that begins like one of `prefixes`. The unnamed instance has an empty name.
    fn any(&self, instance: &str, prefixes: &[&str]) -> bool {
        let own = if instance.is_empty() { String::new() } else { format!("instance.{instance}.") };
        self.0.iter().filter_map(|key| key.strip_prefix(&own)).any(|key| begins(key, prefixes))
    }

    /// True when IMS is reached in another way, or is another IMS.
    pub(super) fn way_to_ims(&self, instance: &str) -> bool {
        self.any(instance, WAY_TO_IMS)
    }

    /// True when something else about IMS changes.
    pub(super) fn ims(&self, instance: &str) -> bool {
        self.any(instance, &["ims."])
    }

    /// True when Campaign servers are reached or checked in another way.
    pub(super) fn way_to_campaign(&self, instance: &str) -> bool {
        self.any(instance, WAY_TO_CAMPAIGN)
    }

    /// True when anything changes that may belong to the servers of Campaign.
    pub(super) fn servers(&self, instance: &str) -> bool {
        self.any(instance, &["campaign.", "hosts"])
    }

    /// True when anything of the instance changes.
    pub(super) fn instance(&self, instance: &str) -> bool {
        self.any(instance, &["ims.", "campaign.", "experience_cloud."])
    }
}

fn begins(key: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| key.starts_with(prefix))
}

const WAY_TO_IMS: &[&str] = &[
    "ims.server",
    "ims.discovery_url",
    "ims.id_token_issuers",
    "ims.timeout",
    "ims.token_calls",
    "ims.ca_file",
    "ims.proxy",
];

const WAY_TO_CAMPAIGN: &[&str] = &[
    "campaign.ca_file",
    "campaign.client_certificate",
    "campaign.client_key",
    "campaign.tls_server_name",
    "campaign.connect_timeout",
    "campaign.health",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_concerns_its_own_instance_alone() {
        let changes = |keys: &[&str]| Changes::new(&keys.iter().map(ToString::to_string).collect::<Vec<_>>());
        let single = changes(&["ims.ca_file (content)", "campaign.public_paths"]);
        assert!(single.way_to_ims("") && single.ims("") && single.servers("") && !single.way_to_campaign(""));
        let named = changes(&["instance.one.ims.client_secret", "instance.two.campaign.connect_timeout"]);
        assert!(named.ims("one") && !named.way_to_ims("one") && !named.servers("one"));
        assert!(named.way_to_campaign("two") && !named.ims("two"));
        assert!(!named.instance("") && !named.instance("on") && named.instance("two"));
    }
}
