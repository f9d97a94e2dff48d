//! The cleanup after a session has ended: Logoff at Campaign, revocation at IMS. A failure is logged; then session and tokens expire by
//! themselves.
//!
//! A person who signs out waits for the cleanup, because the address of IMS's own logout depends on it. `session` reports every other ended
//! session, and it is cleaned up here in the background, several at a time, with a few attempts each.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::campaign_session::log_off;
use super::{Authenticator, Authenticators, Services};
use crate::campaign::CampaignError;
use crate::ims::ImsError;
use crate::session::{CampaignSession, EndReason, EndedSession, SessionData, Tokens};
use crate::telemetry::RequestId;
use crate::telemetry::audit::{AuditAction, AuditEvent};

/// Cleans up the sessions that arrive in `ended` until `closing`. After that, cleans up the queued ones without pauses.
pub async fn run_cleanup(
    services: Arc<Services>,
    authenticators: Arc<Authenticators>,
    ended: mpsc::Receiver<EndedSession>,
    closing: CancellationToken,
) {
    let next = |(mut ended, closing): (mpsc::Receiver<EndedSession>, CancellationToken)| async move {
        let session = tokio::select! {
            biased;
            session = ended.recv() => session,
            () = closing.cancelled() => {
                ended.close();
                ended.recv().await
            }
        };
        session.map(|session| (session, (ended, closing)))
    };
    let clean_up = |session: EndedSession| {
        let request = record_end(&services, &session);
        clean_up_ended(authenticators.clone(), request, session, closing.clone())
    };
    stream::unfold((ended, closing.clone()), next).for_each_concurrent(AT_ONCE, clean_up).await;
}

/// Returns the request id for the other lines about this end.
fn record_end(services: &Services, ended: &EndedSession) -> RequestId {
    let request = RequestId::random();
    let event = AuditEvent {
        request,
        peer: None,
        instance: ended.data.instance.clone(),
        subject: ended.data.identity.subject().with_session(&ended.key.to_string()),
        action: AuditAction::SessionEnded { reason: ended.why.word().to_owned() },
    };
    services.audit.record(services.clock.now(), event);
    request
}

async fn clean_up_ended(
    authenticators: Arc<Authenticators>,
    request: RequestId,
    ended: EndedSession,
    closing: CancellationToken,
) {
    let EndedSession { data, why, .. } = ended;
    let Some(auth) = authenticators.of(&data.instance) else {
        let instance = &*data.instance;
        tracing::warn!(
            %request,
            instance,
            "a session ended, but its instance is no longer configured: it is not logged off at Campaign and not revoked at IMS; both expire by themselves"
        );
        return;
    };
    let cleanup = Cleanup { auth: &auth, request, pauses: pauses(why), closing: &closing };
    cleanup.run(&data.tokens, data.campaign.as_ref()).await;
}

impl Authenticator {
    /// Logs off at Campaign and revokes the tokens, with one attempt each. True when IMS has revoked the access token.
    pub(super) async fn clean_up(
        &self,
        request: RequestId,
        tokens: &Tokens,
        campaign: Option<&CampaignSession>,
    ) -> bool {
        let cleanup = Cleanup { auth: self, request, pauses: &[], closing: &CancellationToken::new() };
        cleanup.run(tokens, campaign).await
    }

    /// Like [`clean_up`](Self::clean_up), but waits at most [`PATIENCE`] and then continues in the background, because a person waits for a
    /// page. True when IMS has revoked the access token by then.
    pub(super) async fn clean_up_in_time(self: &Arc<Self>, request: RequestId, held: SessionData) -> bool {
        let auth = self.clone();
        let work = async move { auth.clean_up(request, &held.tokens, held.campaign.as_ref()).await };
        self.in_time(work).await.unwrap_or(false)
    }

    /// Revokes tokens that nobody will use. A person who waits for a page waits at most [`PATIENCE`].
    pub(super) async fn revoke_unused(self: &Arc<Self>, request: RequestId, tokens: Vec<SecretString>) {
        let auth = self.clone();
        let work = async move {
            for token in tokens {
                if let Err(error) = auth.ims.revoke(&token).await {
                    tracing::info!(%request, %error, "an unused token could not be revoked");
                }
            }
        };
        self.in_time(work).await;
    }

    async fn in_time<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        // Boxed: calls to Campaign and IMS.
        let work = self.services.tasks.run_to_end(Box::pin(work));
        tokio::time::timeout(PATIENCE, work).await.ok().flatten()
    }
}

/// How long a page waits for Campaign and IMS.
const PATIENCE: Duration = Duration::from_secs(3);

struct Cleanup<'a> {
    auth: &'a Authenticator,
    request: RequestId,
    /// Before the second attempt, the third, …
    pauses: &'a [Duration],
    closing: &'a CancellationToken,
}

impl Cleanup<'_> {
    async fn run(&self, tokens: &Tokens, campaign: Option<&CampaignSession>) -> bool {
        let logoff = async {
            let logged_off = |campaign: &&CampaignSession| campaign.ends == CampaignSession::WITHDRAWN;
            let Some(campaign) = campaign.filter(|campaign| !logged_off(campaign)) else { return };
            let call = || log_off(&self.auth.campaign, self.request, campaign);
            let is_passing = |error: &CampaignError| matches!(error, CampaignError::Unreachable { .. });
            if let Err(error) = self.retry(call, is_passing).await {
                self.warn(&error, "Campaign session not ended; it expires by itself");
            }
        };
        let revoke = async {
            if let Some(refresh) = &tokens.refresh {
                self.revoke(refresh).await;
            }
            self.revoke(&tokens.access).await
        };
        tokio::join!(logoff, revoke).1
    }

    async fn revoke(&self, token: &SecretString) -> bool {
        let outcome = self.retry(|| self.auth.ims.revoke(token), ImsError::is_temporary).await;
        if let Err(error) = &outcome {
            self.warn(error, "IMS token not revoked; it expires by itself");
        }
        outcome.is_ok()
    }

    async fn retry<E, Call: Future<Output = Result<(), E>>>(
        &self,
        call: impl Fn() -> Call,
        is_passing: fn(&E) -> bool,
    ) -> Result<(), E> {
        for pause in self.pauses {
            match call().await {
                Err(error) if is_passing(&error) => {}
                outcome => return outcome,
            }
            // After a 429 the pause is at least what IMS asks for.
            let pause = (*pause).max(self.auth.ims.pause().unwrap_or_default());
            let _ = self.closing.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        call().await
    }

    fn warn(&self, error: &impl Display, what: &str) {
        tracing::warn!(request = %self.request, %error, "{what}");
    }
}

/// Sessions that timed out get fewer attempts: there may be many, and nobody waits for them.
fn pauses(why: EndReason) -> &'static [Duration] {
    const PAUSES: &[Duration] = &[Duration::from_secs(1), Duration::from_secs(4)];
    if why == EndReason::TimedOut { &PAUSES[..1] } else { PAUSES }
}

/// Ended sessions that may wait for their cleanup: about 5 kB each.
pub const QUEUE: usize = 1024;
/// Sessions cleaned up at the same time: IMS limits the requests of a client.
const AT_ONCE: usize = 8;
