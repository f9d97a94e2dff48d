//! Keeps the cache of sessions up to date with a store that other instances share.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use moka::ops::compute::{CompResult, Op};

use super::{Key, LiveSession, Sessions, StoreError};
use crate::unix_time::UnixTime;

impl Sessions {
    /// How long a cached session is used without asking a shared store. A logout at another instance is unknown here for at
    /// most this long while notices do not arrive, and sessions in use go on this long without the store.
    pub const CACHE_TIME: Duration = Duration::from_secs(10);

    /// A cached session, if it is still in the store. A store that is not shared is not asked: nobody else ends sessions there.
    pub(super) async fn confirmed(
        &self,
        auth: Arc<LiveSession>,
        now: UnixTime,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
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
    pub(super) async fn ask(&self, auth: &Arc<LiveSession>) -> Result<Option<Arc<LiveSession>>, StoreError> {
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
    pub async fn latest(&self, auth: &Arc<LiveSession>) -> Result<Option<Arc<LiveSession>>, StoreError> {
        self.ask(auth).await
    }

    /// The sessions in use here whose groups must be checked again; each at most `interval` after its last check.
    pub fn due_for_recheck(&self, interval: Duration) -> Vec<Arc<LiveSession>> {
        let now = self.clock.now();
        let due = |auth: &Arc<LiveSession>| auth.is_recheck_due(now, interval) && !self.is_over(auth, now);
        // Iterating over the cache does not count as use.
        self.live.iter().map(|(_, auth)| auth).filter(due).collect()
    }

    /// Puts a session into the cache, unless the cache has a newer revision or the session has ended.
    pub(super) fn replace(&self, fresh: LiveSession) -> Arc<LiveSession> {
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
    pub(super) fn expire_cached(&self, key: Key) {
        if let Some(auth) = self.live.get(&key) {
            auth.asked.store(0, Ordering::Relaxed);
        }
    }

    /// Asks the store about every session in use.
    pub(super) async fn ask_about_all(&self) {
        let ask = async |key: Key| {
            let answer = match self.live.get(&key) {
                Some(auth) => self.ask(&auth).await.map(drop),
                None => self.check_time_outs(key).await,
            };
            if answer.is_err() {
                self.expire_cached(key);
            }
        };
        stream::iter(self.registry.awaited()).for_each_concurrent(CONCURRENT_QUESTIONS, ask).await;
    }
}

/// Concurrent questions.
const CONCURRENT_QUESTIONS: usize = 64;
