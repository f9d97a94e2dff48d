//! A person's session at Campaign (mode `bearer-logon`): opened at login, and opened again when it ends before the gateway's session.
//!
//! Campaign announces how long its sessions live, so an expected end is handled before a request is forwarded. An unexpected end (a
//! restart of Campaign) shows only in a response, where `web::forward` detects it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::Authenticator;
use crate::campaign::{CallFor, CampaignClient, CampaignError, LogonAnswer};
use crate::config::SessionMode;
use crate::session::{CampaignSession, LastLogon, LiveSession, SessionData, StoreError};
use crate::telemetry::RequestId;
use crate::telemetry::audit::AuditAction;
use crate::unix_time::UnixTime;

/// Why a new Campaign session is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReopenReason {
    /// The session has none that may be used: it was withdrawn, or could not be opened at the login.
    Missing,
    /// Its announced lifetime is over.
    Expired,
    /// Campaign answered a call with XSV-350008.
    Fault,
    /// Campaign redirected a page to its sign-in page, or refused it.
    Page,
}

impl ReopenReason {
    /// The least time between two sessions that are opened for this reason.
    fn pause(self) -> Duration {
        match self {
            Self::Missing => Duration::ZERO,
            Self::Expired | Self::Fault => PAUSE,
            // If a page is refused again within this time, a new session does not help.
            Self::Page => Duration::from_mins(1),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Expired => "expired",
            Self::Fault => "refused",
            Self::Page => "page_refused",
        }
    }
}

/// Whether a session has a Campaign session that its requests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignSessionState {
    /// It has one, or needs none.
    Usable,
    /// It may have expired. If Campaign opens no new one, the old one is tried.
    Expired,
    /// It has none, or one with rights that the person has lost.
    Missing,
}

impl Authenticator {
    /// Whether `session` has a Campaign session that may be used.
    pub fn campaign_state(&self, session: &LiveSession, now: UnixTime) -> CampaignSessionState {
        match &session.data.campaign {
            Some(campaign) if now < campaign.ends => CampaignSessionState::Usable,
            Some(campaign) if campaign.ends > CampaignSession::WITHDRAWN => CampaignSessionState::Expired,
            Some(_) => CampaignSessionState::Missing,
            None if self.instance.campaign.session == SessionMode::BearerLogon => {
                CampaignSessionState::Missing
            }
            None => CampaignSessionState::Usable,
        }
    }

    /// Opens a Campaign session for the owner of this access token. `client` is the owner's address. While Campaign restarts, the logon is
    /// tried again for up to [`RESTART_PATIENCE`].
    pub(super) async fn open_campaign_session(
        &self,
        request: RequestId,
        client: IpAddr,
        access: &SecretString,
    ) -> Result<CampaignSession, CampaignError> {
        let clock = &self.services.clock;
        let begun = clock.now();
        let call = CallFor { request_id: request.as_str(), client: Some(client), upstream: None };
        let logon = loop {
            match self.campaign.bearer_token_logon(access, call).await {
                Err(error) if error.is_restarting() && clock.now().since(begun) < RESTART_PATIENCE => {
                    tracing::info!(%request, %error, "the Campaign logon is tried again");
                    tokio::time::sleep(RESTART_PAUSE).await;
                }
                outcome => break outcome?,
            }
        };
        let ends = logon.lifetime.map_or(UnixTime::MAX, |lifetime| {
            // A little early: the token must still be valid when the request arrives.
            clock.now().plus(lifetime.saturating_sub(EARLY.min(lifetime / 10)))
        });
        Ok(opened(&logon, client, ends))
    }

    /// Gives the session a new Campaign session, opened here or by a concurrent request. The session is unchanged when Campaign opens
    /// none, and when one was opened for the same reason a moment ago. `None` when the session has ended. `client` is the person's
    /// address.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reopen_campaign_session(
        self: &Arc<Self>,
        request: RequestId,
        client: IpAddr,
        session: &Arc<LiveSession>,
        reason: ReopenReason,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let (auth, old) = (self.clone(), session.clone());
        // Runs to its end even if the request is dropped: otherwise a session could be open at Campaign and saved nowhere.
        let work = async move { auth.reopen(request, client, &old, reason).await };
        let done = self.services.tasks.run_to_end(work).await;
        done.unwrap_or_else(|| Ok(Some(session.clone())))
    }

    async fn reopen(
        self: &Arc<Self>,
        request: RequestId,
        client: IpAddr,
        session: &Arc<LiveSession>,
        reason: ReopenReason,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let mut last = session.campaign_logon.lock().await;
        let Some(current) = self.state.sessions.latest(session).await? else { return Ok(None) };
        let now = self.services.clock.now();
        let pause = if last.failed { PAUSE } else { reason.pause() };
        let is_too_early = last.at.is_some_and(|at| now.since(at) < pause);
        if !is_same_campaign_session(&current, session) || is_too_early {
            return Ok(Some(current));
        }
        let opened = self.open_campaign_session(request, client, &current.data.tokens.access).await;
        *last = LastLogon { at: Some(self.services.clock.now()), failed: opened.is_err() };
        match opened {
            Ok(campaign) => {
                let saved = self.save_campaign_session(request, &current, campaign).await?;
                if let Some(saved) = saved.as_ref().filter(|saved| !is_same_campaign_session(saved, &current))
                {
                    let reason = reason.word().to_owned();
                    self.audit_task(request, saved.subject(), AuditAction::CampaignSessionOpened { reason });
                    self.log_off_replaced(request, &current);
                }
                Ok(saved)
            }
            Err(error) => {
                tracing::warn!(%request, sid = current.sid, %error, "the Campaign session has ended, and Campaign opens no new one");
                Ok(Some(current))
            }
        }
    }

    /// Logs off the Campaign session of `old`, which was replaced. Campaign may have ended it already.
    fn log_off_replaced(self: &Arc<Self>, request: RequestId, old: &LiveSession) {
        let Some(campaign) = old.data.campaign.clone() else { return };
        // A withdrawn session was logged off when it was withdrawn.
        if campaign.ends > CampaignSession::WITHDRAWN {
            self.log_off_later(request, campaign);
        }
    }

    /// Logs off in the background, with one attempt.
    pub(super) fn log_off_later(self: &Arc<Self>, request: RequestId, campaign: CampaignSession) {
        let auth = self.clone();
        self.services.tasks.spawn(async move {
            if let Err(error) = log_off(&auth.campaign, request, &campaign).await {
                tracing::debug!(%request, %error, "Campaign had ended the replaced session, or it expires by itself");
            }
        });
    }

    /// Saves the new Campaign session. If it cannot be saved, it is logged off.
    async fn save_campaign_session(
        &self,
        request: RequestId,
        session: &LiveSession,
        campaign: CampaignSession,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let changed = self.state.sessions.change(session, |data| {
            // Another instance may have saved one already.
            if token(data) == token(&session.data) {
                data.replace_campaign(campaign.clone());
            }
        });
        let changed = changed.await;
        let is_saved =
            |saved: &Arc<LiveSession>| token(&saved.data) == Some(campaign.session_token.expose_secret());
        // If the store did not answer, it may still have saved this one: then no logoff.
        if matches!(&changed, Ok(saved) if !saved.as_ref().is_some_and(is_saved))
            && let Err(error) = log_off(&self.campaign, request, &campaign).await
        {
            tracing::warn!(%request, %error, "Campaign session not ended; it expires by itself");
        }
        changed
    }
}

pub(super) fn opened(logon: &LogonAnswer, client: IpAddr, ends: UnixTime) -> CampaignSession {
    CampaignSession {
        session_token: logon.session_token.clone(),
        security_token: logon.security_token.clone(),
        ends,
        upstream: Some(logon.upstream.to_string()),
        client: Some(client),
    }
}

/// Logs off at the server of the session, with the client address of its logon.
pub(super) async fn log_off(
    at: &CampaignClient,
    request: RequestId,
    campaign: &CampaignSession,
) -> Result<(), CampaignError> {
    let CampaignSession { session_token, security_token, upstream, client, .. } = campaign;
    let call = CallFor { request_id: request.as_str(), client: *client, upstream: upstream.as_deref() };
    at.logoff(session_token, security_token, call).await
}

/// True when both hold the same Campaign session.
pub fn is_same_campaign_session(one: &LiveSession, other: &LiveSession) -> bool {
    token(&one.data) == token(&other.data)
}

fn token(data: &SessionData) -> Option<&str> {
    data.campaign.as_ref().map(|campaign| campaign.session_token.expose_secret())
}

/// A Campaign session counts as ended this long before its end.
const EARLY: Duration = Duration::from_mins(1);
/// Pause between two logons of a person after a failure or a fault.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a logon is tried again while Campaign restarts; then the pause between two attempts.
const RESTART_PATIENCE: Duration = Duration::from_secs(20);
const RESTART_PAUSE: Duration = Duration::from_secs(1);
