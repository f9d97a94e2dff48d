//! The keys that a reload changes. They decide which connections and clients stay in use.

use std::collections::BTreeSet;

/// Keys that differ from the running configuration.
#[derive(Debug, Default)]
pub struct Changes(BTreeSet<String>);

impl Changes {
    pub(super) fn new(keys: &[String]) -> Self {
        Self(keys.iter().cloned().collect())
    }

    /// True when a key of the instance begins with one of `prefixes` and changes. The unnamed instance has an empty name.
    fn any(&self, instance: &str, prefixes: &[&str]) -> bool {
        let own = if instance.is_empty() { String::new() } else { format!("instance.{instance}.") };
        self.0.iter().filter_map(|key| key.strip_prefix(&own)).any(|key| begins(key, prefixes))
    }

    /// True when the connection to IMS changes, or another IMS is configured.
    pub(super) fn ims_connection(&self, instance: &str) -> bool {
        self.any(instance, IMS_CONNECTION)
    }

    /// True when any key of IMS changes.
    pub(super) fn ims(&self, instance: &str) -> bool {
        self.any(instance, &["ims."])
    }

    /// True when the connections to the Campaign servers change, or their health check.
    pub(super) fn campaign_connection(&self, instance: &str) -> bool {
        self.any(instance, CAMPAIGN_CONNECTION)
    }

    /// True when a key changes that the Campaign servers may depend on.
    pub(super) fn servers(&self, instance: &str) -> bool {
        self.any(instance, &["campaign.", "hosts"])
    }

    /// True when any key of the instance changes.
    pub(super) fn instance(&self, instance: &str) -> bool {
        self.any(instance, &["ims.", "campaign.", "experience_cloud."])
    }
}

fn begins(key: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| key.starts_with(prefix))
}

const IMS_CONNECTION: &[&str] = &[
    "ims.server",
    "ims.discovery_url",
    "ims.id_token_issuers",
    "ims.timeout",
    "ims.token_calls",
    "ims.ca_file",
    "ims.proxy",
];

const CAMPAIGN_CONNECTION: &[&str] = &[
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
        assert!(
            single.ims_connection("")
                && single.ims("")
                && single.servers("")
                && !single.campaign_connection("")
        );
        let named = changes(&["instance.one.ims.client_secret", "instance.two.campaign.connect_timeout"]);
        assert!(named.ims("one") && !named.ims_connection("one") && !named.servers("one"));
        assert!(named.campaign_connection("two") && !named.ims("two"));
        assert!(!named.instance("") && !named.instance("on") && named.instance("two"));
    }
}
