//! Signing out: here, at Campaign and at IMS, in this order.

use std::sync::Arc;

use super::Authenticator;
use super::identify::AuthRequest;
use crate::session::{EndReason, Owner, StoreError};
use crate::telemetry::audit::AuditAction;

/// Which sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The session of this browser.
    Here,
    /// All sessions of the person.
    Everywhere,
}

impl Authenticator {
    /// Ends the caller's session. Returns the address of IMS's own logout; `None` when there is no live session.
    ///
    /// # Errors
    /// When the store does not answer; then the session of this browser has not ended.
    pub async fn sign_out(
        self: &Arc<Self>,
        request: AuthRequest<'_>,
        extent: Extent,
    ) -> Result<Option<String>, StoreError> {
        let sessions = &self.state.sessions;
        let Some(session) = self.live_session(request).await? else { return Ok(None) };
        let subject = session.data.identity.subject();
        if extent == Extent::Everywhere {
            // The other sessions first: if the store fails, the person can try again.
            let owner = Owner::User(&session.data.identity.user);
            let ended = sessions.end_of(owner, Some(session.key()), EndReason::Everywhere).await?;
            self.audit(request, subject.clone(), AuditAction::SignOutEverywhere { ended });
        }
        // From here on the cookie is worthless, whatever happens next.
        let held = sessions.end(&session).await?;
        self.audit(request, subject.with_session(&session.sid), AuditAction::Logout);
        let mut revoked = None;
        if let Some(held) = held {
            let access = held.tokens.access.clone();
            revoked = self.clean_up_in_time(request.id, held).await.then_some(access);
        }
        Ok(Some(self.ims.logout_url(revoked.as_ref())))
    }
}
