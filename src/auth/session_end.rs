//! Sessions that the gateway ends by itself, with the reason in the log. `cleanup` writes the audit line and tells Campaign and IMS.

use super::Authenticator;
use crate::policy::access::{Refusal, RefusalReason, TooManyGroups};
use crate::session::{EndReason, LiveSession};
use crate::telemetry::RequestId;
use crate::telemetry::audit::{self, Seen, TooMany};

impl Authenticator {
    /// Ends a session; `reason` is for the operator.
    pub(super) async fn end_session(
        &self,
        id: RequestId,
        session: &LiveSession,
        why: EndReason,
        reason: &str,
    ) {
        tracing::warn!(request = %id, sid = session.sid, why = why.word(), reason, "session ended");
        self.dismiss(id, session, why).await;
    }

    /// Ends the session of a person who has lost access.
    pub(super) async fn end_refused(&self, id: RequestId, session: &LiveSession, refusal: &Refusal) {
        let near = near_misses(refusal);
        let who = session.data.identity.subject();
        audit::expelled(id, who, &session.sid, refusal.reason.code(), seen(refusal, &near));
        let why = match refusal.reason {
            RefusalReason::TooManyGroups(_) => EndReason::TooManyGroups,
            RefusalReason::OtherOrganization | RefusalReason::NoGroup => EndReason::Expelled,
        };
        self.dismiss(id, session, why).await;
    }

    async fn dismiss(&self, id: RequestId, session: &LiveSession, why: EndReason) {
        if let Err(error) = self.state.sessions.end_key(session.key(), why).await {
            tracing::warn!(request = %id, %error, "the session has ended here; the store is told when it answers again");
        }
    }
}

/// What IMS said about a person who is refused, for an audit line; `near` comes from [`near_misses`].
pub fn seen<'a>(refusal: &'a Refusal, near: &'a [(String, String)]) -> Seen<'a> {
    let too_many = match refusal.reason {
        RefusalReason::TooManyGroups(TooManyGroups { count, bytes, limit }) => {
            Some(TooMany { count, bytes, limit })
        }
        RefusalReason::OtherOrganization | RefusalReason::NoGroup => None,
    };
    Seen { organizations: &refusal.organizations_seen, names: &refusal.seen, near, too_many }
}

/// The near misses, each with its reason.
pub fn near_misses(refusal: &Refusal) -> Vec<(String, String)> {
    refusal.near_misses.iter().map(|miss| (miss.name.clone(), miss.why.clone())).collect()
}
