//! What one configuration decides for the requests of one Campaign instance.

use std::sync::Arc;

use http::{HeaderValue, header};
use secrecy::SecretString;

use crate::auth::Authenticator;
use crate::config::Instance;
use crate::pages::Brand;
use crate::wire::fields::FORWARDED_HOST;
use crate::wire::host::without_port;
use crate::wire::request_head::HeaderLines;

/// One Campaign instance.
#[derive(Debug)]
pub struct Site {
    /// The instance and its external account.
    pub instance: Arc<Instance>,
    /// Identifies callers and signs people in.
    pub auth: Arc<Authenticator>,
    /// The host of the callback server, as a `Host` header, and the lines that name it to Campaign.
    pub host: HostLines,
    /// How its pages look.
    pub brand: Brand,
    /// What a proxy sends to `/ims/auth` to be told the identity; `None`: only trusted proxies are told.
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

    fn serves_name(&self, name: &str) -> bool {
        let callback = self.instance.ims.callback_server.host_str().unwrap_or_default();
        name.eq_ignore_ascii_case(callback)
            || self.instance.campaign.hosts.iter().any(|host| name.eq_ignore_ascii_case(host))
    }
}
