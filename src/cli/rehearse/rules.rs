//! The decisions of one configuration about the lines of a log.

use http::Method;

use crate::config::{Campaign, Config};
use crate::policy::decision::{Explained, HostMatch, PartialRequest, RuleKind, explain};
use crate::wire::access_log::{LogLine, RequestLine};
use crate::wire::host::{is_host, name_of};

pub(super) struct RehearsedConfig<'c> {
    sites: Vec<InstanceHosts<'c>>,
    longest_head: usize,
    /// The host of lines that name none.
    host: Option<&'c str>,
}

struct InstanceHosts<'c> {
    hosts: Vec<&'c str>,
    campaign: &'c Campaign,
    /// False where only public paths are served.
    signs_in: bool,
}

impl<'c> RehearsedConfig<'c> {
    pub(super) fn of(config: &'c Config, host: Option<&'c str>) -> Self {
        let signed_in = config.instances.iter().map(|instance| InstanceHosts {
            hosts: instance.hosts().collect(),
            campaign: &instance.campaign,
            signs_in: true,
        });
        let public = config.public_instances.iter().map(|instance| InstanceHosts {
            hosts: instance.campaign.hosts.iter().map(String::as_str).collect(),
            campaign: &instance.campaign,
            signs_in: false,
        });
        let sites = signed_in.chain(public).collect();
        Self { sites, longest_head: config.limits.head_bytes, host }
    }

    /// What the gateway does with the request of a line.
    pub(super) fn decide(&self, line: &LogLine<'_>) -> Explained<'_> {
        let read = line.request.as_ref().and_then(|read| Some((read.method.parse::<Method>().ok()?, read)));
        let Some((method, RequestLine { target, is_http1, .. })) = read else {
            return Explained::by_head("-".to_owned(), RuleKind::Target);
        };
        let named = authority(target).or(line.host.as_deref()).or(self.host);
        let (host, site) = self.site_of(named);
        let asked =
            PartialRequest { method: &method, target, host, client: line.client, is_http1: *is_http1 };
        let explained = explain(&asked, site.campaign, self.longest_head);
        if site.signs_in { explained } else { explained.without_sign_in() }
    }

    /// The instance that serves this host; the first instance for unknown hosts.
    fn site_of(&self, host: Option<&str>) -> (HostMatch, &InstanceHosts<'c>) {
        let first = &self.sites[0];
        let Some(host) = host else { return (HostMatch::Served, first) };
        if !is_host(host.as_bytes()) {
            return (HostMatch::Malformed, first);
        }
        let name = name_of(host);
        let serves =
            |site: &&InstanceHosts<'_>| site.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        self.sites.iter().find(serves).map_or((HostMatch::Unknown, first), |site| (HostMatch::Served, site))
    }
}

/// The host of an absolute target.
fn authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_http.then(|| rest.split(['/', '?', '#']).next().unwrap_or_default())
}
