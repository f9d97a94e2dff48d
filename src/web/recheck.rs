//! Groups and organisation asked for again during a session, off every request's path.
//!
//! Of several instances one asks; the others take what it saves. IMS being away changes nothing for a grace time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::ending;
use super::renew::{self, Renewal};
use super::shared::Shared;
use crate::clock::UnixTime;
use crate::policy::access::{AccessPolicy, Granted, Refusal};
use crate::policy::token_times::recheck_grace;
use crate::session::{Auth, EndReason, StoreError};
use crate::telemetry::RequestId;
use crate::telemetry::audit;

/// Asks for the groups of every session in use here, each within `interval` after the last time. Runs for ever; to be run
/// once, on the control runtime.
pub async fn keep_checking(shared: Arc<Shared>, interval: Duration) {
    let mut pause = TICK;
    loop {
        tokio::time::sleep(pause).await;
        let begun = Instant::now();
        let due = shared.sessions.due_for_recheck(interval);
        // To go through many sessions takes a hundredth of the time at most.
        pause = TICK.max(begun.elapsed() * 100);
        let check = async |auth: Arc<Auth>| {
            let check = Check { shared: &shared, id: RequestId::random(), interval };
            let done = shared.sessions.exclusively("recheck", auth.key(), check.run(&auth)).await;
            if let Ok(Some(Err(error))) | Err(error) = done {
                tracing::debug!(%error, "groups not asked for: the store is away");
                auth.postpone_recheck(shared.clock.now().plus(SHORT_PAUSE));
            }
        };
        stream::iter(due).for_each_concurrent(AT_ONCE, check).await;
    }
}

/// One session, looked at by this instance alone.
struct Check<'a> {
    shared: &'a Arc<Shared>,
    id: RequestId,
    interval: Duration,
}

/// What IMS said of somebody.
enum Verdict {
    Granted(Granted),
    Refused(Refusal),
    /// It takes none of their tokens.
    NoToken,
    /// The session has ended over the question.
    Over,
    /// Nothing that could be used; it may have asked to be left alone for a while.
    Silent(String, Option<Duration>),
}

impl Check<'_> {
    async fn run(&self, auth: &Arc<Auth>) -> Result<(), StoreError> {
        let (sessions, now) = (&self.shared.sessions, self.shared.clock.now());
        // Another instance may have asked since this one knew the session.
        let latest = sessions.latest(auth).await?;
        let Some(auth) = latest.filter(|auth| auth.is_recheck_due(now, self.interval)) else { return Ok(()) };
        auth.postpone_recheck(now.plus(PAUSE));
        match self.ask(&auth).await {
            Verdict::Granted(granted) => self.keep(&auth, &granted, now).await?,
            Verdict::Refused(refusal) => ending::expel(self.shared, self.id, &auth, &refusal).await,
            Verdict::NoToken => {
                self.end(&auth, EndReason::TokensRefused, "IMS takes the access token no more").await;
            }
            Verdict::Silent(why, _) if now.since(auth.data.as_of.groups) >= recheck_grace(self.interval) => {
                let why = format!("groups could not be asked for in the grace time: {why}");
                self.end(&auth, EndReason::GroupsUnknown, &why).await;
            }
            Verdict::Silent(why, wait) => {
                auth.postpone_recheck(now.plus(wait.unwrap_or(PAUSE).clamp(PAUSE, LONGEST_PAUSE)));
                tracing::warn!(request = %self.id, sid = auth.sid, why, "groups not asked for; the session goes on");
            }
            Verdict::Over => {}
        }
        Ok(())
    }

    async fn end(&self, auth: &Auth, why: EndReason, reason: &str) {
        ending::end(self.shared, self.id, auth, why, reason).await;
    }

    /// Asks; with other tokens when those at hand are over, or refused.
    async fn ask(&self, auth: &Arc<Auth>) -> Verdict {
        let (ims, user) = (&self.shared.ims, &auth.data.identity.user);
        let mut membership = Ok(None);
        if !auth.has_expired(self.shared.clock.now()) {
            membership = ims.membership(&auth.data.tokens.access, user).await.map(Some);
        }
        let is_over = match &membership {
            Ok(asked) => asked.is_none(),
            Err(error) => error.is_token_refused(),
        };
        if is_over {
            if auth.data.tokens.refresh.is_none() {
                return Verdict::NoToken;
            }
            membership = match renew::at_once(self.shared, auth).await {
                Renewal::Fresh(auth) => ims.membership(&auth.data.tokens.access, user).await.map(Some),
                Renewal::Over => return Verdict::Over,
                Renewal::Away => return Verdict::Silent("the tokens cannot be renewed now".to_owned(), None),
            };
        }
        let ims = &self.shared.instance.ims;
        let policy = AccessPolicy {
            organization_id: &ims.organization_id,
            mask: &ims.association_mask,
            product_context: ims.product_context.as_deref(),
            groups_bytes: self.shared.instance.campaign.groups_bytes,
        };
        match membership {
            Ok(membership) => match policy.decide(&membership.unwrap_or_default()) {
                Ok(granted) => Verdict::Granted(granted),
                Err(refusal) => Verdict::Refused(refusal),
            },
            Err(error) if error.is_token_refused() => Verdict::NoToken,
            Err(error) => Verdict::Silent(error.to_string(), error.retry_after()),
        }
    }

    /// Notes that IMS was asked `now`, and what has changed: headers and assertion follow.
    async fn keep(&self, auth: &Arc<Auth>, granted: &Granted, now: UnixTime) -> Result<(), StoreError> {
        let changed = self.shared.sessions.change(auth, |data| {
            data.identity.groups.clone_from(&granted.groups);
            if granted.organization_name.is_some() {
                data.identity.organization_name.clone_from(&granted.organization_name);
            }
            data.as_of.groups = now;
        });
        let before = &auth.data.identity.groups;
        if changed.await?.is_some() && *before != granted.groups {
            audit::groups_changed(self.id, ending::who(auth), &auth.sid, before, &granted.groups);
        }
        Ok(())
    }
}

/// How exact the times are.
const TICK: Duration = Duration::from_secs(1);
/// Between two questions about one session, when the first was not answered.
const PAUSE: Duration = Duration::from_mins(1);
/// IMS may ask for a longer one, up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// As long as the store is away.
const SHORT_PAUSE: Duration = Duration::from_secs(5);
/// Sessions asked for at a time: IMS counts the questions of a client.
const AT_ONCE: usize = 8;
