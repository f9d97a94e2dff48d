//! Opens the session at Campaign of a technical account (mode `bearer-logon`): one for all requests with the same token. It is opened when
//! the first request needs it, opened again when it ends before the token, and logged off when the token expires or the gateway stops.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Authenticator;
use super::service_account::ServiceAccount;
use super::service_session::ServiceSession;
use crate::campaign::CampaignError;
use crate::config::AccountSession;
use crate::telemetry::RequestId;

/// Campaign opens no session for a technical account.
#[derive(Debug, thiserror::Error)]
pub enum ServiceLogonError {
    /// Campaign refuses the account.
    #[error("{0}")]
    Refused(String),
    /// Campaign does not answer, or its response does not have the documented format.
    #[error("{0}")]
    Unavailable(String),
    /// The last attempt failed a moment ago.
    #[error("Campaign opened no session for this technical account a moment ago")]
    JustFailed,
}

impl From<CampaignError> for ServiceLogonError {
    fn from(error: CampaignError) -> Self {
        match error {
            CampaignError::Refused { .. } => Self::Refused(error.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl Authenticator {
    /// The Campaign session for a request of this account from `client`; `None` in mode `bearer`. `ended` is the session that
    /// Campaign has just reported as ended.
    ///
    /// # Errors
    /// When Campaign opens no session.
    pub async fn service_session(
        self: &Arc<Self>,
        request: RequestId,
        client: IpAddr,
        account: &Arc<ServiceAccount>,
        ended: Option<&Arc<ServiceSession>>,
    ) -> Result<Option<Arc<ServiceSession>>, ServiceLogonError> {
        if account.account().session == AccountSession::Bearer {
            return Ok(None);
        }
        if let Some(session) = self.usable(account, ended) {
            return Ok(Some(session));
        }
        let (auth, account, ended) = (self.clone(), account.clone(), ended.cloned());
        // Runs to its end even if the request is dropped: otherwise a session could be open at Campaign and saved nowhere.
        let work = async move { auth.open_service_session(request, client, &account, ended.as_ref()).await };
        let opened = self.services.tasks.run_to_end(Box::pin(work)).await;
        opened.unwrap_or(Err(ServiceLogonError::JustFailed)).map(Some)
    }

    async fn open_service_session(
        &self,
        request: RequestId,
        client: IpAddr,
        account: &Arc<ServiceAccount>,
        ended: Option<&Arc<ServiceSession>>,
    ) -> Result<Arc<ServiceSession>, ServiceLogonError> {
        let mut failed = account.logon.lock().await;
        // Another request may have opened one meanwhile.
        if let Some(session) = self.usable(account, ended) {
            return Ok(session);
        }
        let now = self.services.clock.now();
        if failed.is_some_and(|at| now.since(at) < PAUSE) {
            return Err(ServiceLogonError::JustFailed);
        }
        let tokens = match self.open_campaign_session(request, client, &account.token).await {
            Ok(tokens) => tokens,
            Err(error) => {
                *failed = Some(now);
                tracing::warn!(%request, sid = account.sid, %error, "Campaign opens no session for a technical account");
                return Err(error.into());
            }
        };
        let session = Arc::new(ServiceSession {
            credentials: account.identity.credentials(Some(&tokens.tokens()), &account.token),
            tokens,
            client: self.campaign.clone(),
            tasks: self.services.tasks.clone(),
        });
        tracing::info!(%request, sid = account.sid, "Campaign session of a technical account opened");
        // The old one has ended, or is about to.
        if let Some(old) = account.campaign.swap(Some(session.clone()))
            && ended.is_none_or(|ended| !Arc::ptr_eq(ended, &old))
        {
            old.log_off();
        }
        if account.ended.is_cancelled() {
            account.end();
        }
        Ok(session)
    }

    /// The account's session, unless it has ended or is about to.
    fn usable(
        &self,
        account: &ServiceAccount,
        ended: Option<&Arc<ServiceSession>>,
    ) -> Option<Arc<ServiceSession>> {
        let now = self.services.clock.now();
        account.campaign.load_full().filter(|session| {
            now < session.tokens.ends && ended.is_none_or(|ended| !Arc::ptr_eq(ended, session))
        })
    }
}

/// Pause before the next logon after a refused one.
const PAUSE: Duration = Duration::from_secs(10);
