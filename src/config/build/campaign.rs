//! `[campaign]`: the server behind the gateway.

use super::{Check, Wrong, values};
use crate::config::checked::{Campaign, SessionMode};
use crate::config::raw::{RawCampaign, RawSessionMode};
use crate::policy::public::{PatternError, PublicPaths};

pub(super) fn campaign(check: &mut Check<'_>, raw: RawCampaign) -> Option<Campaign> {
    let upstreams = upstreams(check, &raw);
    let ca_file = check.path("campaign.ca_file", raw.ca_file);
    let public_paths = public_paths(check, &raw.public_paths);
    let hosts = check.items("campaign.hosts", &raw.hosts, values::host);
    let connect_timeout = check.timeout("campaign.connect_timeout", &raw.connect_timeout);
    let response_timeout = check.timeout("campaign.response_timeout", &raw.response_timeout);
    Some(Campaign {
        upstreams: upstreams?,
        ca_file,
        session: match raw.session {
            RawSessionMode::BearerLogon => SessionMode::BearerLogon,
            RawSessionMode::Bearer => SessionMode::Bearer,
            RawSessionMode::Headers => SessionMode::Headers,
        },
        public_paths: public_paths?,
        hosts: hosts?,
        min_console_build: raw.min_console_build,
        connect_timeout: connect_timeout?,
        response_timeout: response_timeout?,
        support_contact: raw.support_contact,
    })
}

fn upstreams(check: &mut Check<'_>, raw: &RawCampaign) -> Option<Vec<url::Url>> {
    const PATH: &str = "campaign.upstream";
    let texts = check.required(PATH, raw.upstream.as_ref(), "\"http://127.0.0.1:8080\"")?.as_slice();
    if texts.is_empty() {
        check.error(PATH, Wrong::new("is an empty list", "name at least one Campaign server"));
        return None;
    }
    let upstreams = check.items(PATH, texts, values::origin)?;
    if upstreams.iter().any(|upstream| upstream.scheme() == "http" && !values::is_loopback(upstream)) {
        check.warn(
            PATH,
            "is plain http to another machine: session tokens cross that network readable",
            "use https with campaign.ca_file, unless the network is your own",
        );
    }
    Some(upstreams)
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
