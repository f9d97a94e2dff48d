//! The part of `[campaign]` that says where Campaign is, how it is reached and when a server is passed over.

use std::path::PathBuf;

use rustls_pki_types::ServerName;

use super::{Check, Wrong};
use crate::config::checked::{ClientIdentity, Health, HealthCheck, PoolLimits};
use crate::config::raw::{RawCampaign, RawHealth, RawHealthCheck, RawUpstream, RawUpstreams};
use crate::config::upstream::{self, MOST_UPSTREAMS, Upstream};

pub(super) fn upstreams(check: &mut Check<'_>, raw: Option<&RawUpstreams>) -> Option<Vec<Upstream>> {
    let entries: Vec<(&str, u32)> = match check.required(PATH, raw, "\"http://127.0.0.1:8080\"")? {
        RawUpstreams::One(url) => vec![(url, 1)],
        RawUpstreams::Many(many) => many
            .iter()
            .map(|entry| match entry {
                RawUpstream::Plain(url) => (url.as_str(), 1),
                RawUpstream::Weighted(entry) => (entry.url.as_str(), entry.weight),
            })
            .collect(),
    };
    if entries.is_empty() {
        check.error(PATH, Wrong::new("is an empty list", "name at least one Campaign server"));
        return None;
    }
    if entries.len() > MOST_UPSTREAMS {
        let message = format!("names more than {MOST_UPSTREAMS} servers");
        check.error(PATH, Wrong::new(message, "put a load balancer before some of them"));
        return None;
    }
    let texts: Vec<String> = entries.iter().map(|(url, _)| (*url).to_owned()).collect();
    let addresses = check.items(PATH, &texts, upstream::address)?;
    let mut upstreams: Vec<Upstream> = Vec::with_capacity(addresses.len());
    for (address, (_, weight)) in addresses.into_iter().zip(entries) {
        if upstreams.iter().any(|known| known.address == address) {
            let wrong = Wrong::new(format!("names {address} twice"), "write it once, with a greater weight");
            check.error(PATH, wrong);
            return None;
        }
        upstreams.push(Upstream { address, weight });
    }
    if upstreams.iter().any(Upstream::is_readable_on_the_way) {
        check.warn(
            PATH,
            "is plain http to another machine: session tokens cross that network readable",
            "use https with campaign.ca_file, unless the network is your own",
        );
    }
    Some(upstreams)
}

/// `campaign.health`; a check of the only upstream would change nothing, for it is tried whatever the check says.
pub(super) fn health(check: &mut Check<'_>, raw: &RawHealth, upstreams: usize) -> Option<Health> {
    let interval = check.timeout("campaign.health.interval", &raw.interval);
    let timeout = check.timeout("campaign.health.timeout", &raw.timeout);
    let ejection = check.timeout("campaign.health.ejection", &raw.ejection);
    let max_ejection = check.timeout("campaign.health.max_ejection", &raw.max_ejection);
    if let (Some(first), Some(longest)) = (ejection, max_ejection)
        && first > longest
    {
        check.error(
            "campaign.health.ejection",
            Wrong::new("is longer than campaign.health.max_ejection", "shorten it, or lengthen the other"),
        );
    }
    let asks = match raw.check {
        RawHealthCheck::Auto => upstreams > 1,
        RawHealthCheck::On => true,
        RawHealthCheck::Off => false,
    };
    let active = HealthCheck { interval: interval?, timeout: timeout?, rise: raw.rise, fall: raw.fall };
    Some(Health {
        check: asks.then_some(active),
        max_failures: raw.max_failures,
        ejection: ejection?,
        max_ejection: max_ejection?,
    })
}

pub(super) fn pool(check: &mut Check<'_>, raw: &RawCampaign) -> Option<PoolLimits> {
    let queue_timeout = check.timeout("campaign.queue_timeout", &raw.queue_timeout);
    let idle_timeout = check.timeout("campaign.idle_timeout", &raw.idle_timeout);
    Some(PoolLimits {
        max_connections: usize::try_from(raw.max_connections).unwrap_or(usize::MAX),
        queue_timeout: queue_timeout?,
        idle_timeout: idle_timeout?,
        anonymous_share: raw.anonymous_share,
        address_share: raw.address_share,
    })
}

/// Both files or none.
#[expect(clippy::option_option, reason = "the outer one is a finding, as everywhere here")]
pub(super) fn client_identity(
    check: &mut Check<'_>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Option<Option<ClientIdentity>> {
    let set = (certificate.is_some(), key.is_some());
    let certificate = check.path(CERTIFICATE, certificate);
    let key = check.private_path(KEY, key);
    match set {
        (false, false) => Some(None),
        (true, false) => {
            check.error(CERTIFICATE, Wrong::new("needs `campaign.client_key`", "add: client_key = \"…\""));
            None
        }
        (false, true) => {
            let mend = "add: client_certificate = \"…\"";
            check.error(KEY, Wrong::new("needs `campaign.client_certificate`", mend));
            None
        }
        (true, true) => Some(Some(ClientIdentity { certificate: certificate?, key: key? })),
    }
}

pub(super) fn server_name(text: &str) -> Result<String, Wrong> {
    match ServerName::try_from(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Wrong::new("is not a name that a certificate can hold", "write the host name alone")),
    }
}

const PATH: &str = "campaign.upstream";
const CERTIFICATE: &str = "campaign.client_certificate";
const KEY: &str = "campaign.client_key";
