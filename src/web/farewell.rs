//! Saying goodbye for sessions that have ended: Logoff at Campaign, revocation at IMS. Neither can keep a session alive;
//! a goodbye that fails is logged, and what it was about ends by itself.
//!
//! A person who signs out waits for it, because the way to IMS's own logout depends on it. Every other ending is handed
//! over by `session` and said here, off the path of any request: some at a time, with a few tries.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::shared::Shared;
use crate::campaign::CampaignError;
use crate::ims::ImsError;
use crate::session::{CampaignSession, EndReason, EndedSession, SessionData, Tokens};
use crate::telemetry::RequestId;
use crate::telemetry::audit::{self, Who};

/// Says the goodbyes that come from `partings`, until `closing`; then those that wait already, without pauses.
pub async fn run(shared: Arc<Shared>, partings: mpsc::Receiver<EndedSession>, closing: CancellationToken) {
    let next = |(mut partings, closing): (mpsc::Receiver<EndedSession>, CancellationToken)| async move {
        let parting = tokio::select! {
            biased;
            parting = partings.recv() => parting,
            () = closing.cancelled() => {
                partings.close();
                partings.recv().await
            }
        };
        parting.map(|parting| (parting, (partings, closing)))
    };
    let say = |parting| part(shared.clone(), parting, closing.clone());
    stream::unfold((partings, closing.clone()), next).for_each_concurrent(AT_A_TIME, say).await;
}

async fn part(shared: Arc<Shared>, parting: EndedSession, closing: CancellationToken) {
    let EndedSession { key, data, why } = parting;
    let request = RequestId::random();
    let email = data.identity.email.as_deref().unwrap_or_default();
    let who = Who { user: &data.identity.user, email, organization: &data.identity.organization };
    audit::ended(request, who, &key.to_string(), why.word());
    let goodbye = Goodbye { shared: &shared, request, pauses: pauses(why), closing: &closing };
    goodbye.say(&data.tokens, data.campaign.as_ref()).await;
}

/// Says goodbye while somebody waits: one try. True when IMS has revoked the access token.
pub async fn say(
    shared: &Shared,
    request: RequestId,
    tokens: &Tokens,
    campaign: Option<&CampaignSession>,
) -> bool {
    let goodbye = Goodbye { shared, request, pauses: &[], closing: &CancellationToken::new() };
    goodbye.say(tokens, campaign).await
}

/// As [`say`], for somebody who waits for a page: after `PATIENCE` it goes on without them. True when IMS has revoked the
/// access token by then.
pub async fn say_in_time(shared: &Arc<Shared>, request: RequestId, held: SessionData) -> bool {
    let to = shared.clone();
    let work = async move { say(&to, request, &held.tokens, held.campaign.as_ref()).await };
    in_time(shared, work).await.unwrap_or(false)
}

/// Gives tokens back that nobody will use; who waits for a page does not wait longer than `PATIENCE`.
pub async fn give_back(shared: &Arc<Shared>, request: RequestId, tokens: Vec<SecretString>) {
    let to = shared.clone();
    let work = async move {
        for token in tokens {
            if let Err(error) = to.ims.revoke(&token).await {
                tracing::info!(%request, %error, "an unused token could not be revoked");
            }
        }
    };
    in_time(shared, work).await;
}

async fn in_time<T: Send + 'static>(
    shared: &Shared,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    // Boxed: calls to Campaign and IMS.
    tokio::time::timeout(PATIENCE, shared.renewals.through(Box::pin(work))).await.ok().flatten()
}

/// How long a page waits for Campaign and IMS to hear of an end.
const PATIENCE: Duration = Duration::from_secs(3);

struct Goodbye<'a> {
    shared: &'a Shared,
    request: RequestId,
    /// Before the second try, the third, …
    pauses: &'a [Duration],
    closing: &'a CancellationToken,
}

impl Goodbye<'_> {
    async fn say(&self, tokens: &Tokens, campaign: Option<&CampaignSession>) -> bool {
        let logoff = async {
            let Some(CampaignSession { session_token, security_token, .. }) = campaign else { return };
            let id = self.request.as_str();
            let call = || self.shared.campaign.logoff(session_token, security_token, id);
            let is_passing = |error: &CampaignError| matches!(error, CampaignError::Unreachable { .. });
            if let Err(error) = self.persevere(call, is_passing).await {
                self.complain(&error, "Campaign session not ended; it ends by itself");
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
        let outcome = self.persevere(|| self.shared.ims.revoke(token), ImsError::is_passing).await;
        if let Err(error) = &outcome {
            self.complain(error, "IMS token not revoked; it ends by itself");
        }
        outcome.is_ok()
    }

    async fn persevere<E, Call: Future<Output = Result<(), E>>>(
        &self,
        call: impl Fn() -> Call,
        is_passing: fn(&E) -> bool,
    ) -> Result<(), E> {
        for pause in self.pauses {
            match call().await {
                Err(error) if is_passing(&error) => {}
                outcome => return outcome,
            }
            // After a 429 IMS is left alone for as long as it asks.
            let pause = (*pause).max(self.shared.ims.pause().unwrap_or_default());
            let _ = self.closing.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        call().await
    }

    fn complain(&self, error: &impl Display, what: &str) {
        tracing::warn!(request = %self.request, %error, "{what}");
    }
}

/// Nobody waits for what timed out; there may be many, and each keeps a place.
fn pauses(why: EndReason) -> &'static [Duration] {
    const PAUSES: &[Duration] = &[Duration::from_secs(1), Duration::from_secs(4)];
    if why == EndReason::TimedOut { &PAUSES[..1] } else { PAUSES }
}

/// Goodbyes that may wait to be said: about 5 kB each.
pub const QUEUE: usize = 1024;
/// Goodbyes said at the same time; IMS limits how much one client may ask.
const AT_A_TIME: usize = 8;
