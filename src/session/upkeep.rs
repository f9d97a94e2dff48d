//! What keeps the cache true: time-outs, news from other instances, and questions to a shared store.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use moka::ops::compute::{CompResult, Op};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

use super::store::Notice;
use super::{Auth, Key, Sessions, StoreError};
use crate::clock::UnixTime;

impl Sessions {
    /// How long a session is let in without asking a store that others use too. This is also how long a logout elsewhere
    /// can stay unknown here while the channel of notices is down, and how long sessions outlive the store.
    pub const CACHE_TIME: Duration = Duration::from_secs(10);

    /// Ends what timed out, tells the store what it has missed, and follows what other instances do. Runs for ever; to be
    /// run once, on the control runtime.
    pub async fn keep(&self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut notices = self.store.notices();
        loop {
            let notice = async {
                match &mut notices {
                    Some(notices) => notices.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = tick.tick() => self.tidy().await,
                notice = notice => match notice {
                    Ok(Notice::Ended(key)) => self.gone(key),
                    Ok(Notice::Changed(key)) => self.doubt(key),
                    Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.ask_for_all().await,
                    Err(RecvError::Closed) => notices = None,
                },
            }
        }
    }

    /// A cached session, if the store still has it. A store of our own is not asked: nobody else ends sessions there.
    pub(super) async fn confirmed(&self, auth: Arc<Auth>) -> Result<Option<Arc<Auth>>, StoreError> {
        if !self.store.is_shared() {
            return Ok(Some(auth));
        }
        let age = self.clock.now().since(UnixTime(auth.asked.load(Ordering::Relaxed)));
        if age >= Self::CACHE_TIME {
            return self.ask(&auth).await;
        }
        // In time, and off the request's path: who is at work never waits for the store.
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

    /// Asks the store about a cached session; gives what it is now.
    pub(super) async fn ask(&self, auth: &Arc<Auth>) -> Result<Option<Arc<Auth>>, StoreError> {
        let asked = self.clock.now();
        let Some(data) = self.kept(auth.key).await? else {
            self.gone(auth.key);
            return Ok(None);
        };
        auth.seen.fetch_max(data.seen.0, Ordering::Relaxed);
        if data.revision == auth.data.revision {
            auth.asked.store(asked.0, Ordering::Relaxed);
            return Ok(Some(auth.clone()));
        }
        Ok(Some(self.replace(auth.with(data, asked))))
    }

    /// The session as the store has it now; `None` when it has ended.
    pub async fn latest(&self, auth: &Arc<Auth>) -> Result<Option<Arc<Auth>>, StoreError> {
        self.ask(auth).await
    }

    /// The sessions in use here whose groups are to be asked for again, `interval` after the last time at the latest.
    pub fn due_for_recheck(&self, interval: Duration) -> Vec<Arc<Auth>> {
        let now = self.clock.now();
        let due = |auth: &Arc<Auth>| auth.is_recheck_due(now, interval) && !self.is_over(auth, now);
        // To go through the cache is no use of what is in it.
        self.live.iter().map(|(_, auth)| auth).filter(due).collect()
    }

    /// Puts what a session is now into the cache, unless something newer is there or it has ended meanwhile.
    pub(super) fn replace(&self, fresh: Auth) -> Arc<Auth> {
        let (key, fresh) = (fresh.key, Arc::new(fresh));
        let done = self.live.entry(key).and_compute_with(|held| match held {
            Some(held) if held.value().data.revision >= fresh.data.revision => Op::Nop,
            None if fresh.ended.is_cancelled() => Op::Nop,
            held => {
                // The store knows the last use less exactly.
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

    /// Has the store asked at the next request.
    fn doubt(&self, key: Key) {
        if let Some(auth) = self.live.get(&key) {
            auth.asked.store(0, Ordering::Relaxed);
        }
    }

    /// A session has ended: out of the cache, and whoever counts on it is told.
    pub(super) fn gone(&self, key: Key) {
        self.live.invalidate(&key);
        self.known.end(key);
    }

    /// Ends a session by its key; true when the store had it.
    pub(super) async fn end_key(&self, key: Key) -> Result<bool, StoreError> {
        self.gone(key);
        // Noted first: a cookie that comes back while the store hesitates finds nothing.
        self.unfinished.insert(key);
        let removed = self.store.remove(key).await?;
        self.unfinished.remove(key);
        // A request may have loaded it between the two.
        self.gone(key);
        Ok(removed)
    }

    async fn tidy(&self) {
        for key in self.unfinished.all() {
            if let Err(error) = self.end_key(key).await {
                tracing::debug!(%error, "an ended session is still in the store");
                break;
            }
        }
        for key in self.known.due(self.clock.now()) {
            if let Err(error) = self.look_at(key).await {
                tracing::debug!(%error, "it is not known whether a session has timed out");
                break;
            }
        }
    }

    /// Ends a session whose time is over; otherwise notes when to look again. What was seen here decides, unless other
    /// instances may have seen more.
    async fn look_at(&self, key: Key) -> Result<(), StoreError> {
        let now = self.clock.now();
        let cached = self.live.get(&key);
        let alive = match &cached {
            Some(auth) if !self.is_over(auth, now) => {
                Some((auth.data.ends, auth.seen.load(Ordering::Relaxed)))
            }
            Some(_) if !self.store.is_shared() => None,
            Some(auth) => {
                let asked = self.ask(auth).await?.filter(|auth| !self.is_over(auth, now));
                asked.map(|auth| (auth.data.ends, auth.seen.load(Ordering::Relaxed)))
            }
            None => self.kept(key).await?.map(|data| (data.ends, data.seen.0)),
        };
        let until = alive.map(|(ends, seen)| ends.min(UnixTime(seen).plus(self.lifetimes.idle)));
        match until.filter(|until| *until > now) {
            Some(until) => drop(self.known.enter(key, until)),
            None => self.gone(key),
        }
        Ok(())
    }

    /// Asks the store about every session in use.
    async fn ask_for_all(&self) {
        let ask = async |key: Key| {
            let known = match self.live.get(&key) {
                Some(auth) => self.ask(&auth).await.map(drop),
                None => self.look_at(key).await,
            };
            if known.is_err() {
                self.doubt(key);
            }
        };
        stream::iter(self.known.all()).for_each_concurrent(ASKED_AT_ONCE, ask).await;
    }
}

/// Sessions that have ended here while the store was away.
#[derive(Debug, Default)]
pub(super) struct Unfinished(Mutex<HashSet<Key>>);

impl Unfinished {
    pub(super) fn contains(&self, key: Key) -> bool {
        self.lock().contains(&key)
    }

    fn insert(&self, key: Key) {
        self.lock().insert(key);
    }

    fn remove(&self, key: Key) {
        self.lock().remove(&key);
    }

    fn all(&self) -> Vec<Key> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How exact a time-out reaches open WebSockets.
const TICK: Duration = Duration::from_millis(500);
const ASKED_AT_ONCE: usize = 64;
