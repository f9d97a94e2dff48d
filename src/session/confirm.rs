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
    /// How long a cached session is used without asking a shared store. While no notices arrive, a logout at another instance takes
    /// effect here after this time at the latest. Without the store, sessions in use continue for this time.
    pub const CACHE_TIME: Duration = Duration::from_secs(10);

    /// A cached session, if it is still in the store. A store that is not shared is not asked: nobody else ends sessions there.
    pub(super) async fn confirmed(
        &self,
        session: Arc<LiveSession>,
        now: UnixTime,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        if !self.store().is_shared() {
            return Ok(Some(session));
        }
        let age = now.since(UnixTime(session.confirmed_at.load(Ordering::Relaxed)));
        if age >= Self::CACHE_TIME {
            return Box::pin(self.latest(&session)).await;
        }
        // Before the time is over, and in its own task: requests of a session in use do not wait for the store.
        if age >= Self::CACHE_TIME / 2 && !session.is_confirming.swap(true, Ordering::Relaxed) {
            let (sessions, session) = (self.clone(), session.clone());
            tokio::spawn(async move {
                if let Err(error) = sessions.latest(&session).await {
                    tracing::debug!(%error, "a cached session could not be confirmed");
                }
                session.is_confirming.store(false, Ordering::Relaxed);
            });
        }
        Ok(Some(session))
    }

    /// The current state of a session, from the store; `None` when it has ended.
    pub async fn latest(&self, session: &Arc<LiveSession>) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let now = self.clock.now();
        let Some(data) = self.stored(session.key).await? else {
            self.forget(session.key);
            return Ok(None);
        };
        session.seen.fetch_max(data.seen.0, Ordering::Relaxed);
        if data.revision == session.data.revision {
            session.confirmed_at.store(now.0, Ordering::Relaxed);
            return Ok(Some(session.clone()));
        }
        Ok(Some(self.replace(session.with(data, now))))
    }

    /// The sessions in use here whose groups must be checked again: each is due at most `interval` after its last check.
    pub fn due_for_recheck(&self, interval: Duration) -> Vec<Arc<LiveSession>> {
        let now = self.clock.now();
        let due = |session: &Arc<LiveSession>| {
            self.is_own(&session.data) && session.is_recheck_due(now, interval) && !self.is_over(session, now)
        };
        // Iterating over the cache does not count as use.
        self.live.iter().map(|(_, session)| session).filter(due).collect()
    }

    /// Puts a session into the cache, unless the cache has a newer revision or the session has ended.
    pub(super) fn replace(&self, fresh: LiveSession) -> Arc<LiveSession> {
        let (key, fresh) = (fresh.key, Arc::new(fresh));
        let done = self.live.entry(key).and_compute_with(|held| match held {
            Some(held) if held.value().data.revision >= fresh.data.revision => Op::Nop,
            None if fresh.ended.is_cancelled() => Op::Nop,
            held => {
                // The last use in the store may be older.
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
        if let Some(session) = self.live.get(&key) {
            session.confirmed_at.store(0, Ordering::Relaxed);
        }
    }

    /// Asks the store about every session in use.
    pub(super) async fn confirm_all(&self) {
        let confirm = async |key: Key| {
            let confirmed = match self.live.get(&key) {
                Some(session) => self.latest(&session).await.map(drop),
                None => self.check_time_outs(key).await,
            };
            if confirmed.is_err() {
                self.expire_cached(key);
            }
        };
        stream::iter(self.registry.awaited()).for_each_concurrent(CONCURRENT_READS, confirm).await;
    }
}

/// Reads of the store at the same time.
const CONCURRENT_READS: usize = 64;
