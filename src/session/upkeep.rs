//! Keeps the cache correct: time-outs, notices of other instances, and questions to a shared store.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use moka::ops::compute::{CompResult, Op};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

use super::data::SessionData;
use super::ended::{EndReason, EndedSession};
use super::store::Notice;
use super::{Auth, GRACE, Key, Sessions, StoreError};
use crate::unix_time::UnixTime;

impl Sessions {
    /// How long a cached session is used without asking a shared store. A logout at another instance is unknown here for at
    /// most this long while notices do not arrive, and sessions in use go on this long without the store.
    pub const CACHE_TIME: Duration = Duration::from_secs(10);

    /// Ends sessions that time out, repeats deletions that the store missed, and follows the notices of other instances.
    /// Does not return. Run it once, on the control runtime.
    pub async fn maintain(&self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut notices = self.store().notices();
        let mut adoption = pin!(async {
            if self.store().is_shared() {
                self.adopt().await;
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
                () = &mut adoption => {}
                _ = tick.tick() => self.on_tick().await,
                (key, entry) = self.vault.expired() => {
                    self.forget(key);
                    self.report(key, self.session_of(&entry), EndReason::TimedOut);
                }
                notice = notice => match notice {
                    Ok(Notice::Ended(key)) => self.forget(key),
                    Ok(Notice::Changed(key)) => self.expire_cached(key),
                    Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.ask_about_all().await,
                    Err(RecvError::Closed) => notices = None,
                },
            }
        }
    }

    /// A cached session, if it is still in the store. A store that is not shared is not asked: nobody else ends sessions there.
    pub(super) async fn confirmed(
        &self,
        auth: Arc<Auth>,
        now: UnixTime,
    ) -> Result<Option<Arc<Auth>>, StoreError> {
        if !self.store().is_shared() {
            return Ok(Some(auth));
        }
        let age = now.since(UnixTime(auth.asked.load(Ordering::Relaxed)));
        if age >= Self::CACHE_TIME {
            return Box::pin(self.ask(&auth)).await;
        }
        // Early and in a task of its own: requests of a session in use do not wait for the store.
        if age >= Self::CACHE_TIME / 2 && !auth.asking.swap(true, Ordering::Relaxed) {
            let (sessions, auth) = (self.clone(), auth.clone());
            tokio::spawn(async move {
                if let Err(error) = sessions.ask(&auth).await {
                    tracing::debug!(%error, "a cached session could not be confirmed");
                }
                auth.asking.store(false, Ordering::Relaxed);
            });
        }
        Ok(Some(auth))
    }

    /// Asks the store about a cached session, and updates it.
    pub(super) async fn ask(&self, auth: &Arc<Auth>) -> Result<Option<Arc<Auth>>, StoreError> {
        let asked = self.clock.now();
        let Some(data) = self.stored(auth.key).await? else {
            self.forget(auth.key);
            return Ok(None);
        };
        auth.seen.fetch_max(data.seen.0, Ordering::Relaxed);
        if data.revision == auth.data.revision {
            auth.asked.store(asked.0, Ordering::Relaxed);
            return Ok(Some(auth.clone()));
        }
        Ok(Some(self.replace(auth.with(data, asked))))
    }

    /// The current state of a session; `None` when it has ended.
    pub async fn latest(&self, auth: &Arc<Auth>) -> Result<Option<Arc<Auth>>, StoreError> {
        self.ask(auth).await
    }

    /// The sessions in use here whose groups must be checked again; each at most `interval` after its last check.
    pub fn due_for_recheck(&self, interval: Duration) -> Vec<Arc<Auth>> {
        let now = self.clock.now();
        let due = |auth: &Arc<Auth>| auth.is_recheck_due(now, interval) && !self.is_over(auth, now);
        // Iterating over the cache does not count as use.
        self.live.iter().map(|(_, auth)| auth).filter(due).collect()
    }

    /// Puts a session into the cache, unless the cache has a newer revision or the session has ended.
    pub(super) fn replace(&self, fresh: Auth) -> Arc<Auth> {
        let (key, fresh) = (fresh.key, Arc::new(fresh));
        let done = self.live.entry(key).and_compute_with(|held| match held {
            Some(held) if held.value().data.revision >= fresh.data.revision => Op::Nop,
            None if fresh.ended.is_cancelled() => Op::Nop,
            held => {
                // The last use in the store is less exact.
                let seen = held.map_or(i64::MIN, |held| held.value().seen.load(Ordering::Relaxed));
                fresh.seen.fetch_max(seen, Ordering::Relaxed);
                Op::Put(fresh.clone())
            }
        });
        match done {
            CompResult::Unchanged(held) => held.into_value(),
            _ => fresh,
        }
    }

    /// Makes the next request ask the store.
    fn expire_cached(&self, key: Key) {
        if let Some(auth) = self.live.get(&key) {
            auth.asked.store(0, Ordering::Relaxed);
        }
    }

    /// Removes an ended session from the cache, and wakes everybody who waits for its end.
    pub(super) fn forget(&self, key: Key) {
        self.live.invalidate(&key);
        self.registry.end(key);
    }

    /// Ends a session and reports it for the session cleanup; true when the store had it.
    pub async fn dismiss(&self, key: Key, why: EndReason) -> Result<bool, StoreError> {
        let taken = self.take(key, why).await?;
        let was_there = taken.is_some();
        self.report(key, taken, why);
        Ok(was_there)
    }

    /// Ends a session. Of all callers one gets its data. `why` is for the report when the store does not answer now.
    pub(super) async fn take(&self, key: Key, why: EndReason) -> Result<Option<SessionData>, StoreError> {
        self.forget(key);
        // Before the store is asked: from now on the cookie finds nothing, even if the store is slow.
        self.undeleted.insert(key, why);
        let taken = self.vault.take(key).await?;
        self.undeleted.remove(key);
        // A request may have loaded the session meanwhile.
        self.forget(key);
        Ok(taken.and_then(|entry| self.session_of(&entry)))
    }

    fn report(&self, key: Key, held: Option<SessionData>, why: EndReason) {
        if let Some(data) = held {
            self.ended.push(EndedSession { key, data, why });
        }
    }

    async fn on_tick(&self) {
        for (key, why) in self.undeleted.all() {
            if let Err(error) = self.dismiss(key, why).await {
                tracing::debug!(%error, "an ended session is still in the store");
                break;
            }
        }
        let mut due = self.registry.take_due(self.clock.now()).into_iter();
        while let Some(key) = due.next() {
            if let Err(error) = self.check_time_outs(key).await {
                tracing::debug!(%error, "it is not known whether a session has timed out");
                // All of them are checked again, when the store may answer.
                let later = self.clock.now().plus(Duration::from_secs(1));
                std::iter::once(key).chain(due).for_each(|key| self.registry.schedule(key, later));
                break;
            }
        }
        self.ended.log_dropped();
    }

    /// Ends a session that has timed out; schedules the next check of any other. The last use here decides, unless other
    /// instances may have seen a later one.
    async fn check_time_outs(&self, key: Key) -> Result<(), StoreError> {
        let now = self.clock.now();
        if let Some(auth) = self.live.get(&key) {
            let asked = self.is_over(&auth, now) && self.store().is_shared();
            let auth = if asked { self.ask(&auth).await? } else { Some(auth) };
            let Some(auth) = auth else { return Ok(()) };
            if !self.is_over(&auth, now) {
                let seen = UnixTime(auth.seen.load(Ordering::Relaxed));
                self.registry.schedule(key, self.expiry(&auth.data, seen));
                return Ok(());
            }
        }
        let entry = self.vault.get(key).await?;
        let stored = entry.and_then(|entry| Some((entry.expires, self.session_of(&entry)?)));
        let Some((expires, data)) = stored else {
            self.forget(key);
            return Ok(());
        };
        let until = self.expiry(&data, data.seen);
        if until > now && !self.live.contains_key(&key) {
            self.registry.schedule(key, until);
            return Ok(());
        }
        self.forget(key);
        // The store learns of the last use late. Until then another instance may have seen a later use, so the session ends
        // here only.
        let certain = expires.minus(GRACE).min(data.ends);
        if self.store().is_shared() && certain > now {
            self.registry.schedule(key, certain);
            return Ok(());
        }
        self.dismiss(key, EndReason::TimedOut).await.map(drop)
    }

    /// Schedules checks of the sessions of other instances, which may be gone when those time out. The checks are spread over
    /// the idle time-out.
    async fn adopt(&self) {
        let mut after = None;
        loop {
            let page = match self.store().page(after.clone(), ADOPTED_PER_PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::debug!(%error, "the list of sessions cannot be read yet");
                    tokio::time::sleep(ADOPTION_PAUSE).await;
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

    /// Asks the store about every session in use.
    async fn ask_about_all(&self) {
        let ask = async |key: Key| {
            let answer = match self.live.get(&key) {
                Some(auth) => self.ask(&auth).await.map(drop),
                None => self.check_time_outs(key).await,
            };
            if answer.is_err() {
                self.expire_cached(key);
            }
        };
        stream::iter(self.registry.awaited()).for_each_concurrent(ASKED_AT_ONCE, ask).await;
    }
}

/// Sessions that have ended here and must still be deleted from the store.
#[derive(Debug, Default)]
pub(super) struct Undeleted(Mutex<HashMap<Key, EndReason>>);

impl Undeleted {
    pub(super) fn contains(&self, key: Key) -> bool {
        self.lock().contains_key(&key)
    }

    /// Keeps the first reason.
    fn insert(&self, key: Key, why: EndReason) {
        self.lock().entry(key).or_insert(why);
    }

    fn remove(&self, key: Key) {
        self.lock().remove(&key);
    }

    fn all(&self) -> Vec<(Key, EndReason)> {
        self.lock().iter().map(|(key, why)| (*key, *why)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, EndReason>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Time-outs close WebSockets this exactly.
const TICK: Duration = Duration::from_millis(500);
const ASKED_AT_ONCE: usize = 64;
const ADOPTED_PER_PAGE: usize = 500;
const ADOPTION_PAUSE: Duration = Duration::from_secs(2);
