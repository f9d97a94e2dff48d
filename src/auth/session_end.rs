//! Ends sessions for reasons other than a sign-out, and logs the reason. `cleanup` writes the audit line, logs off and revokes.

use super::Authenticator;
use super::audit;
use crate::policy::access::{Refusal, RefusalReason};
use crate::session::{EndReason, LiveSession};
use crate::telemetry::RequestId;

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
        self.audit_task(id, session.subject(), audit::refusal(refusal));
        let why = match refusal.reason {
            RefusalReason::TooManyGroups(_) => EndReason::TooManyGroups,
            RefusalReason::OtherOrganization | RefusalReason::NoGroup => EndReason::Expelled,
        };
        self.dismiss(id, session, why).await;
    }

    async fn dismiss(&self, id: RequestId, session: &LiveSession, why: EndReason) {
        if let Err(error) = self.state.sessions.end_key(session.key(), why).await {
            tracing::warn!(request = %id, %error, "the session has ended here; it is deleted from the store when the store answers again");
        }
    }
}
