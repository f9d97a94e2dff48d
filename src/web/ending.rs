//! A session that the gateway ends by itself: out everywhere, one line in the audit trail, a goodbye to Campaign and IMS.

use std::sync::Arc;

use super::logout;
use super::shared::Shared;
use crate::policy::access::Refusal;
use crate::session::Auth;
use crate::telemetry::RequestId;
use crate::telemetry::audit::{self, Seen, Who};

/// Ends a session for this reason.
pub async fn end(shared: &Arc<Shared>, id: RequestId, auth: &Arc<Auth>, reason: &str) {
    audit::ended(id, who(auth), &auth.sid, reason);
    out(shared, id, auth).await;
}

/// Ends the session of somebody who is let in no longer.
pub async fn expel(shared: &Arc<Shared>, id: RequestId, auth: &Arc<Auth>, refusal: &Refusal) {
    let near: Vec<_> = refusal.near_misses.iter().map(|miss| (miss.name.clone(), miss.why.clone())).collect();
    let seen = Seen { organizations: &refusal.organizations_seen, names: &refusal.seen, near: &near };
    audit::expelled(id, who(auth), &auth.sid, refusal.reason.code(), seen);
    out(shared, id, auth).await;
}

/// Whom an audit line of this session is about.
pub fn who(auth: &Auth) -> Who<'_> {
    let identity = &auth.data.identity;
    let email = identity.email.as_deref().unwrap_or_default();
    Who { user: &identity.user, email, organization: &identity.organization }
}

async fn out(shared: &Arc<Shared>, id: RequestId, auth: &Arc<Auth>) {
    // Its tokens may be others by now, and the goodbye is about the last ones.
    let auth = shared.sessions.latest(auth).await.ok().flatten().unwrap_or_else(|| auth.clone());
    if let Err(error) = shared.sessions.end(&auth).await {
        tracing::warn!(request = %id, %error, "the session is over here; the store is told when it is back");
    }
    let to = shared.clone();
    shared.renewals.aside(async move {
        logout::say_goodbye(&to, id, &auth).await;
    });
}
