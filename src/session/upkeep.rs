//! The maintenance of sessions that no request triggers: time-outs, repeated deletions, notices of other instances.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

use super::ended::EndReason;
use super::lifetimes::Lifetimes;
use super::store::Notice;
use super::{Key, Sessions, StoreError};
use crate::unix_time::UnixTime;

impl Sessions {
    /// Ends sessions that time out, repeats deletions that the store missed, and follows the notices of other instances.
    /// Does not return. Run it once, on the control runtime.
    pub async fn maintain(&self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut notices = self.store().notices();
        let mut checks = pin!(async {
            if self.store().is_shared() {
                self.schedule_checks().await;
            }
            std::future::pending::<()>().await;
        });
        loop {
            let notice = async {
                match &mut notices {
                    Some(notices) => notices.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut checks => {}
                _ = tick.tick() => self.on_tick().await,
                (key, entry) = self.vault.expired() => {
                    self.forget(key);
                    self.report(key, self.session_of(&entry), EndReason::TimedOut);
                }
                notice = notice => match notice {
                    Ok(Notice::Ended(key)) => self.forget(key),
                    Ok(Notice::Changed(key)) => self.expire_cached(key),
                    Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.confirm_all().await,
                    Err(RecvError::Closed) => notices = None,
                },
            }
        }
    }

    async fn on_tick(&self) {
        for (key, why) in self.undeleted.all() {
            if let Err(error) = self.end_key(key, why).await {
                tracing::debug!(%error, "an ended session is still in the store");
                break;
            }
        }
        let mut due = self.registry.take_due(self.clock.now()).into_iter();
        while let Some(key) = due.next() {
            if let Err(error) = self.check_time_outs(key).await {
                tracing::debug!(%error, "it is not known whether a session has timed out");
                // The remaining ones are checked again in a second: the store may answer then.
                let later = self.clock.now().plus(Duration::from_secs(1));
                std::iter::once(key).chain(due).for_each(|key| self.registry.schedule(key, later));
                break;
            }
        }
        self.ended.log_dropped();
    }

    /// Ends a session that has timed out, or schedules its next check. The last use at this instance decides, unless another instance
    /// may have seen a later one.
    pub(super) async fn check_time_outs(&self, key: Key) -> Result<(), StoreError> {
        let now = self.clock.now();
        if let Some(session) = self.live.get(&key) {
            let is_uncertain = self.is_over(&session, now) && self.store().is_shared();
            let session = if is_uncertain { self.latest(&session).await? } else { Some(session) };
            let Some(session) = session else { return Ok(()) };
            if !self.is_over(&session, now) {
                let seen = UnixTime(session.seen.load(Ordering::Relaxed));
                self.registry.schedule(key, self.lifetimes.end(&session.data, seen));
                return Ok(());
            }
        }
        let entry = self.vault.get(key).await?;
        let stored = entry.and_then(|entry| Some((entry.expires, self.session_of(&entry)?)));
        let Some((expires, data)) = stored else {
            self.forget(key);
            return Ok(());
        };
        let until = self.lifetimes.end(&data, data.seen);
        if until > now && !self.live.contains_key(&key) {
            self.registry.schedule(key, until);
            return Ok(());
        }
        self.forget(key);
        // The store learns of the last use late. Until then another instance may have seen a later use, so the session ends
        // here only.
        let certain = Lifetimes::certain_end(&data, expires);
        if self.store().is_shared() && certain > now {
            self.registry.schedule(key, certain);
            return Ok(());
        }
        self.end_key(key, EndReason::TimedOut).await.map(drop)
    }

    /// Schedules checks of all sessions in the store: the instance that created a session may be gone when it times out. The checks are
    /// spread over the idle time-out.
    async fn schedule_checks(&self) {
        let mut after = None;
        loop {
            let page = match self.store().page(after.clone(), KEYS_PER_PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::debug!(%error, "the list of sessions cannot be read yet");
                    tokio::time::sleep(LIST_PAUSE).await;
                    continue;
                }
            };
            for key in page.keys {
                if !self.registry.contains(key) {
                    let [first, second, ..] = *key.as_bytes();
                    let share = u32::from(u16::from_be_bytes([first, second]));
                    let delay = self.lifetimes.idle * share / (1 << 16);
                    self.registry.schedule(key, self.clock.now().plus(delay));
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return,
            }
        }
    }
}

/// A time-out closes WebSockets at most this late.
const TICK: Duration = Duration::from_millis(500);
const KEYS_PER_PAGE: usize = 500;
const LIST_PAUSE: Duration = Duration::from_secs(2);
