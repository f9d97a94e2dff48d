//! Campaign instances: those where people sign in, and those with public paths only. `[[instance]]` has keys of its own.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats;
use super::{Brand, Campaign, ExperienceCloud, Ims, Limits, Listen, Log, Session};

/// One Campaign instance where people sign in, with its IMS client.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Empty for the single, unnamed instance.
    pub name: String,
    /// The external account.
    pub ims: Ims,
    /// The Experience Cloud part of the external account.
    pub experience_cloud: ExperienceCloud,
    /// The Campaign server behind the gateway.
    pub campaign: Campaign,
}

/// A Campaign instance without `ims`: it serves its public paths and nothing else.
#[derive(Clone, Debug)]
pub struct PublicInstance {
    /// Its name.
    pub name: String,
    /// The Campaign server behind the gateway. `hosts` is not empty.
    pub campaign: Campaign,
}

/// The keys of `[[instance]]` itself. Its sections `ims`, `experience_cloud` and `campaign` have the same keys as at the top level.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct InstanceKeys {
    /// Name of the instance, for logs, metrics and commands: letters, digits, `-` and `_`. Sessions, cookies and saved forms belong to it: a
    /// change signs everyone out.
    #[schemars(with = "formats::InstanceName", extend("add" = "name = \"…\""))]
    pub name: String,
    /// Host names of this instance, besides the host of `ims.callback_server`. An instance without `ims` needs at least one.
    #[schemars(with = "Vec<formats::Host>", extend("default" = []))]
    pub hosts: Vec<String>,
}

/// What serde reads of one `[[instance]]`.
#[derive(Deserialize)]
pub(super) struct InstanceTables {
    pub instance: InstanceKeys,
    pub ims: Option<Ims>,
    pub experience_cloud: Option<ExperienceCloud>,
    pub campaign: Campaign,
}

/// The sections that all instances share.
#[derive(Deserialize)]
pub(super) struct SharedSections {
    pub listen: Listen,
    pub limits: Limits,
    pub session: Session,
    pub log: Log,
    pub brand: Brand,
}

impl Instance {
    /// The hosts of the instance, in lower case and without ports. The host of the callback server comes first.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let callback = self.ims.callback_server.host_str().unwrap_or_default();
        std::iter::once(callback).chain(self.campaign.hosts.iter().map(String::as_str))
    }
}

impl PublicInstance {
    /// The public origin, made from the first host.
    pub fn origin(&self) -> String {
        format!("https://{}", self.campaign.hosts.first().map_or("", String::as_str))
    }
}

impl InstanceTables {
    /// Adds the instance to the list that fits: people sign in there only with the sections `ims` and `experience_cloud`.
    pub fn add_to(self, instances: &mut Vec<Arc<Instance>>, public: &mut Vec<Arc<PublicInstance>>) {
        let Self { instance: InstanceKeys { name, hosts }, ims, experience_cloud, mut campaign } = self;
        for host in hosts {
            if !campaign.hosts.contains(&host) {
                campaign.hosts.push(host);
            }
        }
        match (ims, experience_cloud) {
            (Some(ims), Some(experience_cloud)) => {
                instances.push(Arc::new(Instance { name, ims, experience_cloud, campaign }));
            }
            _ => public.push(Arc::new(PublicInstance { name, campaign })),
        }
    }
}
