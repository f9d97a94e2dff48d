//! What one configuration decides for the requests of one Campaign instance.

use std::sync::Arc;

use http::{HeaderValue, header};
use secrecy::SecretString;

use super::rule_states::RuleStates;
use crate::auth::{Authenticator, Guesses};
use crate::config::Campaign;
use crate::pages::PageBrand;
use crate::wire::fields::FORWARDED_HOST;
use crate::wire::host::without_port;
use crate::wire::request_head::HeaderLines;

/// One Campaign instance.
#[derive(Debug)]
pub struct Site {
    /// The name of the instance; empty for the single, unnamed one.
    pub name: Arc<str>,
    /// The Campaign server behind the gateway.
    pub campaign: Arc<Campaign>,
    /// The public origin, as in an `Origin` header.
    pub origin: String,
    /// Identifies callers and signs people in; `None` for an instance that has only public paths.
    pub auth: Option<Arc<Authenticator>>,
    /// The host of the public origin, as a `Host` header, and the lines that name it to Campaign.
    pub host: HostLines,
    /// Counts for `[[campaign.rule]]`.
    pub rule_states: RuleStates,
    /// Wrong passwords of its native accounts; of the last minutes.
    pub guesses: Guesses,
    /// How its pages look.
    pub brand: PageBrand,
    /// The secret with which a proxy gets the identity from `/ims/auth`; `None`: only trusted proxies get it.
    pub forward_auth_secret: Option<SecretString>,
}

/// The host of nearly every request, with the header lines that name it to Campaign.
#[derive(Debug)]
pub struct HostLines {
    host: HeaderValue,
    lines: HeaderLines,
}

impl HostLines {
    /// Host and port, as in a `Host` header.
    pub fn new(host: HeaderValue) -> Self {
        let mut lines = HeaderLines::default();
        lines.add(&header::HOST, &host);
        lines.add(&FORWARDED_HOST, &host);
        Self { host, lines }
    }

    /// True for exactly this value. Other spellings of the same host give false.
    pub fn is(&self, host: &HeaderValue) -> bool {
        *host == self.host
    }

    /// Writes `Host` and `X-Forwarded-Host`.
    pub fn write(&self, host: &HeaderValue, lines: &mut HeaderLines) {
        if self.is(host) {
            return lines.extend(&self.lines);
        }
        lines.add(&header::HOST, host);
        lines.add(&FORWARDED_HOST, host);
    }
}

impl Site {
    /// True for a host that this site serves, in any case and with any port.
    pub fn serves(&self, host: &HeaderValue) -> bool {
        self.host.is(host) || self.serves_name(without_port(host))
    }

    /// The host of the public origin, without a port.
    pub fn host_name(&self) -> &str {
        without_port(&self.host.host)
    }

    fn serves_name(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.host_name())
            || self.campaign.hosts.iter().any(|host| name.eq_ignore_ascii_case(host))
    }
}
