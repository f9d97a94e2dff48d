//! Asks IMS again for groups and organisation during a session, in the background.
//!
//! One instance asks; the others use what it saves. While IMS is away, sessions continue for a grace time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::token_refresh::Refresh;
use super::{Authenticator, Authenticators};
use crate::policy::access::{Granted, Refusal};
use crate::policy::membership::Membership;
use crate::policy::token_times::recheck_grace;
use crate::session::{CampaignSession, EndReason, LiveSession, StoreError};
use crate::telemetry::audit::AuditAction;
use crate::telemetry::{GroupRecheck, RequestId};
use crate::unix_time::UnixTime;

/// Rechecks the groups of every session in use here, at most `interval` after its last check. Runs for ever, once, on the control runtime.
pub async fn keep_checking(authenticators: Arc<Authenticators>, interval: Duration) {
    let mut pause = TICK;
    loop {
        tokio::time::sleep(pause).await;
        let begun = Instant::now();
        let due_at = |auth: &Arc<Authenticator>| {
            let due = auth.state.sessions.due_for_recheck(interval).into_iter();
            due.map(|session| (auth.clone(), session)).collect::<Vec<_>>()
        };
        let due: Vec<_> = authenticators.all().iter().flat_map(due_at).collect();
        // Iterating over many sessions takes at most a hundredth of the time.
        pause = TICK.max(begun.elapsed() * 100);
        let check = async |(auth, session): (Arc<Authenticator>, Arc<LiveSession>)| {
            let check = Check { auth: &auth, id: RequestId::random(), interval };
            let done = auth.state.sessions.exclusively("recheck", session.key(), check.run(&session)).await;
            if let Ok(Some(Err(error))) | Err(error) = done {
                tracing::debug!(%error, "groups not asked for: the store does not answer");
                session.postpone_recheck(auth.services.clock.now().plus(SHORT_PAUSE));
            }
        };
        stream::iter(due).for_each_concurrent(AT_ONCE, check).await;
    }
}

/// The check of one session, by this instance alone.
struct Check<'a> {
    auth: &'a Arc<Authenticator>,
    id: RequestId,
    interval: Duration,
}

/// The result of asking IMS about a person.
enum RecheckResult {
    /// With the membership for the record.
    Granted(Granted, Option<Arc<Membership>>),
    Refused(Refusal),
    /// IMS accepts none of the person's tokens.
    NoToken,
    SessionEnded,
    /// No usable response; IMS may have asked to wait.
    Unavailable(String, Option<Duration>),
}

impl RecheckResult {
    fn metric(&self) -> GroupRecheck {
        match self {
            Self::Granted(..) => GroupRecheck::Granted,
            Self::Refused(_) => GroupRecheck::Refused,
            Self::NoToken => GroupRecheck::NoToken,
            Self::SessionEnded => GroupRecheck::Ended,
            Self::Unavailable(..) => GroupRecheck::Unavailable,
        }
    }
}

impl Check<'_> {
    async fn run(&self, session: &Arc<LiveSession>) -> Result<(), StoreError> {
        let (sessions, now) = (&self.auth.state.sessions, self.auth.services.clock.now());
        // Another instance may have asked meanwhile.
        let latest = sessions.latest(session).await?;
        let Some(session) = latest.filter(|session| session.is_recheck_due(now, self.interval)) else {
            return Ok(());
        };
        session.postpone_recheck(now.plus(PAUSE));
        let verdict = self.ask(&session).await;
        self.auth.metrics.group_recheck(verdict.metric());
        match verdict {
            RecheckResult::Granted(granted, membership) => {
                self.save(&session, (&granted, membership.as_ref()), now).await?;
            }
            RecheckResult::Refused(refusal) => self.auth.end_refused(self.id, &session, &refusal).await,
            RecheckResult::NoToken => {
                self.end(&session, EndReason::TokensRefused, "IMS no longer accepts the access token").await;
            }
            RecheckResult::Unavailable(why, _)
                if now.since(session.data.as_of.groups) >= recheck_grace(self.interval) =>
            {
                let why = format!("IMS did not say the groups within the grace time: {why}");
                self.end(&session, EndReason::GroupsUnknown, &why).await;
            }
            RecheckResult::Unavailable(why, wait) => {
                session.postpone_recheck(now.plus(wait.unwrap_or(PAUSE).clamp(PAUSE, LONGEST_PAUSE)));
                tracing::warn!(request = %self.id, sid = session.sid, why, "IMS did not say the groups; the session continues");
            }
            RecheckResult::SessionEnded => {}
        }
        Ok(())
    }

    async fn end(&self, session: &LiveSession, why: EndReason, reason: &str) {
        self.auth.end_session(self.id, session, why, reason).await;
    }

    /// Asks IMS. Refreshes the tokens first when they have expired, and once more when IMS refuses them.
    async fn ask(&self, session: &Arc<LiveSession>) -> RecheckResult {
        let (ims, user) = (&self.auth.ims, &session.data.identity.user);
        let mut membership = Ok(None);
        if !session.has_access_token_expired(self.auth.services.clock.now()) {
            membership = ims.membership(&session.data.tokens.access, user).await.map(Some);
        }
        let is_over = match &membership {
            Ok(asked) => asked.is_none(),
            Err(error) => error.is_token_refused(),
        };
        if is_over {
            if session.data.tokens.refresh.is_none() {
                return RecheckResult::NoToken;
            }
            membership = match self.auth.refresh_now(session).await {
                Refresh::Done(session) => ims.membership(&session.data.tokens.access, user).await.map(Some),
                Refresh::Ended => return RecheckResult::SessionEnded,
                Refresh::Later => {
                    return RecheckResult::Unavailable("the tokens cannot be refreshed now".to_owned(), None);
                }
            };
        }
        match membership {
            Ok(membership) => {
                let membership = membership.unwrap_or_default();
                match self.auth.instance.access_policy().decide(&membership) {
                    Ok(granted) => RecheckResult::Granted(granted, membership.for_record()),
                    Err(refusal) => RecheckResult::Refused(refusal),
                }
            }
            Err(error) if error.is_token_refused() => RecheckResult::NoToken,
            Err(error) => RecheckResult::Unavailable(error.to_string(), error.retry_after()),
        }
    }

    /// Saves the groups, and `now` as the time of the check. Headers and assertion use the new groups.
    async fn save(
        &self,
        session: &Arc<LiveSession>,
        (granted, membership): (&Granted, Option<&Arc<Membership>>),
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let mut withdrawn = None;
        let changed = self.auth.state.sessions.change(session, |data| {
            let has_other_groups = data.identity.groups != granted.groups;
            data.identity.groups.clone_from(&granted.groups);
            data.identity.membership = membership.cloned();
            // Campaign reads groups only at a logon: this Campaign session still has the rights of the old groups.
            withdrawn = data.campaign.as_mut().filter(|_| has_other_groups).map(|campaign| {
                let used = campaign.clone();
                campaign.ends = CampaignSession::WITHDRAWN;
                used
            });
            if granted.organization_name.is_some() {
                data.identity.organization_name.clone_from(&granted.organization_name);
            }
            data.as_of.groups = now;
        });
        let before = &session.data.identity.groups;
        if changed.await?.is_some() && *before != granted.groups {
            let (before, groups) = (before.clone(), granted.groups.clone());
            self.auth.audit_task(self.id, session.subject(), AuditAction::GroupsChanged { before, groups });
            if let Some(used) = withdrawn {
                self.auth.log_off_later(self.id, used);
            }
        }
        Ok(())
    }
}

/// How often due checks are looked for.
const TICK: Duration = Duration::from_secs(1);
/// Between two attempts for one session, when the first failed.
const PAUSE: Duration = Duration::from_mins(1);
/// IMS may ask for a longer pause, up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// While the store does not answer.
const SHORT_PAUSE: Duration = Duration::from_secs(5);
/// Sessions checked at the same time: IMS limits the requests of a client.
const AT_ONCE: usize = 8;
