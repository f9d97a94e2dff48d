//! A session that the gateway ends by itself: out everywhere, with its reason in the log. The audit line and the goodbye
//! to Campaign and IMS are `farewell`'s.

use super::refusal;
use super::shared::Shared;
use crate::policy::access::{Refusal, RefusalReason};
use crate::session::{Auth, EndReason};
use crate::telemetry::RequestId;
use crate::telemetry::audit::{self, Who};

/// Ends a session; `reason` is for the operator.
pub async fn end(shared: &Shared, id: RequestId, auth: &Auth, why: EndReason, reason: &str) {
    tracing::warn!(request = %id, sid = auth.sid, why = why.word(), reason, "a session is ended");
    out(shared, id, auth, why).await;
}

/// Ends the session of somebody who is let in no longer.
pub async fn expel(shared: &Shared, id: RequestId, auth: &Auth, refusal: &Refusal) {
    let near = refusal::near(refusal);
    audit::expelled(id, who(auth), &auth.sid, refusal.reason.code(), refusal::seen(refusal, &near));
    let why = match refusal.reason {
        RefusalReason::TooManyGroups(_) => EndReason::TooManyGroups,
        RefusalReason::OtherOrganization | RefusalReason::NoGroup => EndReason::Expelled,
    };
    out(shared, id, auth, why).await;
}

/// Whom an audit line of this session is about.
pub fn who(auth: &Auth) -> Who<'_> {
    let identity = &auth.data.identity;
    let email = identity.email.as_deref().unwrap_or_default();
    Who { user: &identity.user, email, organization: &identity.organization }
}

async fn out(shared: &Shared, id: RequestId, auth: &Auth, why: EndReason) {
    if let Err(error) = shared.sessions.end_key(auth.key(), why).await {
        tracing::warn!(request = %id, %error, "the session is over here; the store is told when it is back");
    }
}
