//! What every worker shares for one Campaign instance.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::{HeaderValue, header};
use secrecy::SecretString;

use super::rate::{RateLimiter, SignInLimiter};
use super::renew::Renewals;
use crate::campaign::Campaign;
use crate::clock::Clock;
use crate::config::{Instance, Limits};
use crate::crypto::Sealer;
use crate::ims::Ims;
use crate::policy::cookies::CookieNames;
use crate::session::{Attempts, SavedForms, Sessions, Signer};
use crate::wire::fields::FORWARDED_HOST;
use crate::wire::request_head::HeaderLines;

/// Everything a request may need; built by `app` only.
#[derive(Debug)]
pub struct Shared {
    /// The instance and its external account.
    pub instance: Arc<Instance>,
    /// The relying party.
    pub ims: Ims,
    /// Campaign's SOAP router.
    pub campaign: Campaign,
    /// Live sessions.
    pub sessions: Sessions,
    /// Forms that wait for a login.
    pub forms: SavedForms,
    /// Tokens being renewed.
    pub renewals: Renewals,
    /// Signs the assertion.
    pub signer: Signer,
    /// The names of our cookies.
    pub cookies: CookieNames,
    /// Seals open logins.
    pub sealer: Sealer,
    /// Sessions that one person may have at a time; `None`: no limit.
    pub max_per_user: Option<usize>,
    /// What clients may ask for.
    pub limits: Limits,
    /// Requests a second from one address, when limited.
    pub rate: Option<RateLimiter>,
    /// Sign-ins from one address, when limited.
    pub sign_ins: Option<SignInLimiter>,
    /// The states whose codes were tried here lately.
    pub attempts: Attempts,
    /// What a proxy that asks `/ims/auth` sends to hear who somebody is; `None`: trusted proxies alone hear it.
    pub forward_auth_secret: Option<SecretString>,
    /// The clock.
    pub clock: Clock,
    /// A login not finished within this time is begun again.
    pub login_timeout: Duration,
    /// How long after the login a session ends at the latest.
    pub absolute_timeout: Duration,
    /// `Strict-Transport-Security` of every answer, when wanted.
    pub hsts: Option<HeaderValue>,
    /// True from the moment when the gateway is told to stop: no more traffic should be sent here.
    pub is_retiring: AtomicBool,
    /// This gateway's origin, as in an `Origin` header.
    pub origin: String,
    /// Its host and port, as in a `Host` header.
    pub authority: Authority,
}

/// The `Host` that nearly every request has, and what is said of it to Campaign.
#[derive(Debug)]
pub struct Authority {
    host: HeaderValue,
    lines: HeaderLines,
}

impl Authority {
    /// Host and port, as in a `Host` header.
    pub fn new(host: HeaderValue) -> Self {
        let mut lines = HeaderLines::default();
        lines.add(&header::HOST, &host);
        lines.add(&FORWARDED_HOST, &host);
        Self { host, lines }
    }

    /// True for this very value. Any other may be as good.
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

impl Shared {
    /// True for a host name (without port, any case) this gateway answers for.
    pub fn serves_host(&self, name: &str) -> bool {
        let callback = self.instance.ims.callback_server.host_str().unwrap_or_default();
        name.eq_ignore_ascii_case(callback)
            || self.instance.campaign.hosts.iter().any(|host| name.eq_ignore_ascii_case(host))
    }

    /// Whom a person should ask.
    pub fn support(&self) -> &str {
        &self.instance.campaign.support_contact
    }
}
