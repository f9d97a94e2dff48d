//! OpenID Connect Back-Channel Logout 1.0 §2.5–2.8: IMS reports, without a browser, that a person has signed out there.

use super::Authenticator;
use super::identify::AuthRequest;
use crate::ims::LogoutTokenError;
use crate::policy::logout_token::{LogoutToken, MAX_AGE};
use crate::session::{EndReason, Listed, OneTime, Owner, StoreError};
use crate::telemetry::audit::{AuditAction, Subject};

/// Why a logout token ended no session.
#[derive(Debug, thiserror::Error)]
pub enum BackchannelError {
    /// The token is not valid.
    #[error("{0}")]
    Refused(String),
    /// IMS or the store does not answer; the provider should try again.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for BackchannelError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl Authenticator {
    /// Ends the sessions that a logout token is about.
    ///
    /// # Errors
    /// When the token is refused, or cannot be checked now.
    pub async fn backchannel_logout(
        &self,
        request: AuthRequest<'_>,
        token: &str,
    ) -> Result<(), BackchannelError> {
        let token = match self.ims.logout_token(token).await {
            Ok(token) => token,
            Err(LogoutTokenError::Ims(error)) => {
                return Err(BackchannelError::Unavailable(error.to_string()));
            }
            Err(error) => return Err(BackchannelError::Refused(error.to_string())),
        };
        let Some(ended) = self.end_affected(&token).await? else {
            return Err(BackchannelError::Refused("this logout token was used before".to_owned()));
        };
        let subject = token.subject.as_deref().map_or_else(Subject::nobody, Subject::user);
        let ims_session = token.session.clone();
        self.audit(request, subject, AuditAction::BackchannelLogout { ims_session, ended });
        Ok(())
    }

    /// Ends the sessions that the token is about; `None` when it was used before and no session is left to end.
    async fn end_affected(&self, token: &LogoutToken) -> Result<Option<usize>, StoreError> {
        // Read before the token is marked as used: if the store fails now, the same token must work again.
        let sessions = self.affected(token).await?;
        let skew = self.instance.ims.clock_skew;
        let lifetime = MAX_AGE.saturating_add(2 * skew);
        let first = self.state.sessions.first_use(OneTime::LogoutToken, &token.id, lifetime).await;
        let sessions = if matches!(first, Ok(false)) {
            // IMS sends it again because not all sessions could be ended (§2.8), or an attacker replays it. In both cases it does not
            // concern sessions that began after it was issued.
            let left = sessions.into_iter().filter(|session| session.data.created < token.issued);
            let left = left.collect::<Vec<_>>();
            if left.is_empty() {
                return Ok(None);
            }
            left
        } else {
            sessions
        };
        let sessions = sessions.into_iter().map(|session| session.key).collect();
        // Also when the store does not know whether this is the first use: the token is valid, and may be marked as used already.
        let ended = self.state.sessions.end_all(sessions, EndReason::Provider).await;
        first.and(ended).map(Some)
    }

    async fn affected(&self, token: &LogoutToken) -> Result<Vec<Listed>, StoreError> {
        let person = match (&token.subject, &token.session) {
            (Some(subject), _) => Owner::User(subject),
            (None, Some(session)) => Owner::ImsSession(session),
            (None, None) => return Ok(Vec::new()),
        };
        let sessions = self.state.sessions.of(person).await?;
        let affected = sessions.into_iter().filter(|session| {
            let identity = &session.data.identity;
            token.covers(&identity.user, identity.ims_session.as_deref())
        });
        Ok(affected.collect())
    }
}
