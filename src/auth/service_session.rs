//! A session at Campaign of a technical account (mode `bearer-logon`).

use std::sync::Arc;

use super::Tasks;
use super::campaign_session::log_off;
use crate::campaign::CampaignClient;
use crate::policy::credentials::Credentials;
use crate::session::CampaignSession;
use crate::telemetry::RequestId;

/// A session at Campaign, with the credentials of its requests.
#[derive(Debug)]
pub struct ServiceSession {
    /// Identity headers, session cookie and security token.
    pub credentials: Credentials,
    pub(super) tokens: CampaignSession,
    pub(super) client: Arc<CampaignClient>,
    pub(super) tasks: Tasks,
}

impl ServiceSession {
    /// The server that opened it.
    pub fn upstream(&self) -> Option<&str> {
        self.tokens.upstream.as_deref()
    }

    /// Ends the session at Campaign, in the background.
    pub(super) fn log_off(&self) {
        let (client, tokens) = (self.client.clone(), self.tokens.clone());
        self.tasks.spawn(async move {
            let request = RequestId::random();
            if let Err(error) = log_off(&client, request, &tokens).await {
                tracing::warn!(%request, %error, "Campaign session of a technical account not ended; it expires by itself");
            }
        });
    }
}
