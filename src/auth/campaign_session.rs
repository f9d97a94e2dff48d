//! A person's session at Campaign (mode `bearer-logon`): opened at login, and opened again when it ends before the gateway's session.
//!
//! Campaign tells how long its sessions live, so an expected end is handled before a request is forwarded. An unexpected end (a restart
//! of Campaign) shows in a response; `web::forward` finds it there.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::Authenticator;
use crate::campaign::CampaignError;
use crate::session::{CampaignSession, LiveSession, SessionData, StoreError};
use crate::telemetry::RequestId;
use crate::unix_time::UnixTime;

impl Authenticator {
    /// Opens a Campaign session for the owner of this access token.
    pub(super) async fn open_campaign_session(
        &self,
        request: RequestId,
        access: &SecretString,
    ) -> Result<CampaignSession, CampaignError> {
        let logon = self.campaign.bearer_token_logon(access, request.as_str()).await?;
        let ends = logon.lifetime.map_or(UnixTime::MAX, |lifetime| {
            // A little early: the token has to be good when the request arrives.
            self.services.clock.now().plus(lifetime.saturating_sub(EARLY.min(lifetime / 10)))
        });
        Ok(CampaignSession { session_token: logon.session_token, security_token: logon.security_token, ends })
    }

    /// The session with another Campaign session than `session` has: opened here, or by another request meanwhile. The same as before
    /// when Campaign opens none; then nobody asks again for a while. `None` when the session has ended meanwhile.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reopen_campaign_session(
        self: &Arc<Self>,
        request: RequestId,
        session: &Arc<LiveSession>,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let (auth, old) = (self.clone(), session.clone());
        // Not dropped with the request: a session that is opened at Campaign and saved nowhere would stay open.
        let work = async move { auth.reopen(request, &old).await };
        let done = self.services.tasks.run_to_end(work).await;
        done.unwrap_or_else(|| Ok(Some(session.clone())))
    }

    async fn reopen(
        &self,
        request: RequestId,
        session: &Arc<LiveSession>,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let mut asked = session.campaign_logon.lock().await;
        let Some(current) = self.services.sessions.latest(session).await? else { return Ok(None) };
        let now = self.services.clock.now();
        if !is_same_campaign_session(&current, session) || now.since(*asked) < PAUSE {
            return Ok(Some(current));
        }
        let opened = self.open_campaign_session(request, &current.data.tokens.access).await;
        *asked = now;
        match opened {
            Ok(campaign) => {
                tracing::info!(%request, sid = current.sid, "the Campaign session had ended; a new one is open");
                self.save_campaign_session(request, &current, campaign).await
            }
            Err(error) => {
                tracing::warn!(%request, sid = current.sid, %error, "the Campaign session has ended, and Campaign opens no new one");
                Ok(Some(current))
            }
        }
    }

    /// Saves the new Campaign session; one that cannot be saved is logged off.
    async fn save_campaign_session(
        &self,
        request: RequestId,
        session: &LiveSession,
        campaign: CampaignSession,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let changed = self.services.sessions.change(session, |data| {
            // Another instance may have been faster: one is enough.
            if token(data) == token(&session.data) {
                data.replace_campaign(campaign.clone());
            }
        });
        let changed = changed.await;
        let is_saved =
            |saved: &Arc<LiveSession>| token(&saved.data) == Some(campaign.session_token.expose_secret());
        // When the store did not answer it may hold this one.
        if matches!(&changed, Ok(saved) if !saved.as_ref().is_some_and(is_saved)) {
            let (token, security) = (&campaign.session_token, &campaign.security_token);
            if let Err(error) = self.campaign.logoff(token, security, request.as_str()).await {
                tracing::warn!(%request, %error, "Campaign session not ended; it expires by itself");
            }
        }
        changed
    }
}

/// True when both hold the same Campaign session.
pub fn is_same_campaign_session(one: &LiveSession, other: &LiveSession) -> bool {
    token(&one.data) == token(&other.data)
}

fn token(data: &SessionData) -> Option<&str> {
    data.campaign.as_ref().map(|campaign| campaign.session_token.expose_secret())
}

/// How long before its end a Campaign session counts as ended.
const EARLY: Duration = Duration::from_mins(1);
/// Campaign is asked for a new session at most this often for one person.
const PAUSE: Duration = Duration::from_secs(10);
