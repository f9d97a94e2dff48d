//! `[campaign]`: the server behind the gateway.

use super::{Check, Wrong, upstream, values};
use crate::config::Upstream;
use crate::config::checked::{Campaign, SessionMode};
use crate::config::raw::{RawCampaign, RawSessionMode};
use crate::policy::public::{PatternError, PublicPaths};

pub(super) fn campaign(check: &mut Check<'_>, raw: RawCampaign) -> Option<Campaign> {
    let upstreams = upstream::upstreams(check, raw.upstream.as_ref());
    let is_https = upstreams.iter().flatten().any(Upstream::is_https);
    let health = upstream::health(check, &raw.health, upstreams.as_ref().map_or(1, Vec::len));
    let pool = upstream::pool(check, &raw);
    let ca_file = check.path("campaign.ca_file", raw.ca_file);
    let client_identity = upstream::client_identity(check, raw.client_certificate, raw.client_key);
    let tls_server_name =
        raw.tls_server_name.map(|name| check.value("campaign.tls_server_name", &name, upstream::server_name));
    if upstreams.is_some() && !is_https {
        for key in ["campaign.client_certificate", "campaign.tls_server_name"] {
            if check.is_set(key) {
                check.warn(key, "has no effect: no upstream is https", "write https:// in campaign.upstream");
            }
        }
    }
    if check.is_set("campaign.min_console_build") {
        let mend = "remove it, or leave it for later";
        check.warn("campaign.min_console_build", "has no effect yet in this version", mend);
    }
    let public_paths = public_paths(check, &raw.public_paths);
    let hosts = check.items("campaign.hosts", &raw.hosts, values::host);
    let connect_timeout = check.timeout("campaign.connect_timeout", &raw.connect_timeout);
    let response_timeout = check.timeout("campaign.response_timeout", &raw.response_timeout);
    let body_idle_timeout = check.timeout("campaign.body_idle_timeout", &raw.body_idle_timeout);
    Some(Campaign {
        upstreams: upstreams?,
        ca_file,
        client_identity: client_identity?,
        tls_server_name: match tls_server_name {
            Some(name) => Some(name?),
            None => None,
        },
        session: match raw.session {
            RawSessionMode::BearerLogon => SessionMode::BearerLogon,
            RawSessionMode::Bearer => SessionMode::Bearer,
            RawSessionMode::Headers => SessionMode::Headers,
        },
        public_paths: public_paths?,
        hosts: hosts?,
        min_console_build: raw.min_console_build,
        rewrite_location: raw.rewrite_location,
        connect_timeout: connect_timeout?,
        response_timeout: response_timeout?,
        body_idle_timeout: body_idle_timeout?,
        pool: pool?,
        health: health?,
        groups_bytes: usize::try_from(raw.groups_bytes).unwrap_or(usize::MAX),
        support_contact: raw.support_contact,
    })
}

fn public_paths(check: &mut Check<'_>, texts: &[String]) -> Option<PublicPaths> {
    check.items("campaign.public_paths", texts, |text| {
        PublicPaths::parse([text]).map_err(|error| wrong(&error))
    })?;
    PublicPaths::parse(texts.iter().map(String::as_str)).ok()
}

fn wrong(error: &PatternError) -> Wrong {
    let mend = match error {
        PatternError::Start(_) => "write the path from its first `/` on",
        PatternError::Everything(_) => "name the paths that recipients and trackers need",
        PatternError::NotAPath(..) => "write the path alone, without query",
    };
    Wrong::new(error.to_string(), mend)
}
