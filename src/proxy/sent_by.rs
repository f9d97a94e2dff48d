//! The sender of a request, as far as its way to Campaign depends on it.

use super::anonymous_quota::QuotaUser;
use crate::telemetry::RequestTimes;

/// Who sends a request.
#[derive(Clone, Copy, Debug)]
pub struct SentBy<'a> {
    /// Whose share of the connections it uses.
    pub quota_user: QuotaUser,
    /// The name of the server that has the sender's Campaign session: it comes first while it is healthy.
    pub upstream: Option<&'a str>,
    /// Where the times of the exchange are noted.
    pub times: &'a RequestTimes,
}

impl<'a> SentBy<'a> {
    /// A signed-in person.
    pub fn person(upstream: Option<&'a str>, times: &'a RequestTimes) -> Self {
        Self { quota_user: QuotaUser::SignedIn, upstream, times }
    }
}
