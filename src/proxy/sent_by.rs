//! The sender of a request: its quota of connections and its preferred server.

use super::anonymous_quota::QuotaUser;
use crate::telemetry::RequestTimes;

/// Who sends a request.
#[derive(Clone, Copy, Debug)]
pub struct SentBy<'a> {
    /// Whose quota of connections it uses.
    pub quota_user: QuotaUser,
    /// The server that comes first while it is healthy.
    pub first: Option<FirstServer<'a>>,
    /// Where the times of the exchange are recorded.
    pub times: &'a RequestTimes,
}

/// The server that comes first for a sender.
#[derive(Clone, Copy, Debug)]
pub enum FirstServer<'a> {
    /// The server of this name: it has the sender's Campaign session.
    Named(&'a str),
    /// Always the same one for this session of the gateway, or this account.
    Of(&'a str),
}

impl<'a> FirstServer<'a> {
    /// The server of a Campaign session; without one, that of the sender: a session of the gateway, or an account.
    pub fn of(upstream: Option<&'a str>, sender: &'a str) -> Self {
        upstream.map_or(Self::Of(sender), Self::Named)
    }
}

impl<'a> SentBy<'a> {
    /// A signed-in person, or an account.
    pub fn person(first: Option<FirstServer<'a>>, times: &'a RequestTimes) -> Self {
        Self { quota_user: QuotaUser::SignedIn, first, times }
    }
}
