//! What keeps the cache true: time-outs, news from other instances, and questions to a shared store.

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
use super::parting::{Ending, Parting};
use super::store::Notice;
use super::{Auth, GRACE, Key, Sessions, StoreError, before};
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
        let mut adoption = pin!(async {
            if self.store.is_shared() {
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
                _ = tick.tick() => self.tidy().await,
                (key, kept) = self.store.expired() => {
                    self.gone(key);
                    self.part(key, self.read(&kept), Ending::TimedOut);
                }
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
    pub(super) async fn confirmed(
        &self,
        auth: Arc<Auth>,
        now: UnixTime,
    ) -> Result<Option<Arc<Auth>>, StoreError> {
        if !self.store.is_shared() {
            return Ok(Some(auth));
        }
        let age = now.since(UnixTime(auth.asked.load(Ordering::Relaxed)));
        if age >= Self::CACHE_TIME {
            return Box::pin(self.ask(&auth)).await;
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

    /// Ends a session and has the goodbye said; true when the store had it.
    pub async fn dismiss(&self, key: Key, why: Ending) -> Result<bool, StoreError> {
        let taken = self.take(key, why).await?;
        let was_there = taken.is_some();
        self.part(key, taken, why);
        Ok(was_there)
    }

    /// Ends a session; gives what it held to one of all who end it. `why` is for the goodbye when the store is away now.
    pub(super) async fn take(&self, key: Key, why: Ending) -> Result<Option<SessionData>, StoreError> {
        self.gone(key);
        // Noted first: a cookie that comes back while the store hesitates finds nothing.
        self.unfinished.insert(key, why);
        let taken = self.store.take(key).await?;
        self.unfinished.remove(key);
        // A request may have loaded it between the two.
        self.gone(key);
        Ok(taken.and_then(|kept| self.read(&kept)))
    }

    fn part(&self, key: Key, held: Option<SessionData>, why: Ending) {
        if let Some(data) = held {
            self.partings.hand_over(Parting { key, data, why });
        }
    }

    async fn tidy(&self) {
        for (key, why) in self.unfinished.all() {
            if let Err(error) = self.dismiss(key, why).await {
                tracing::debug!(%error, "an ended session is still in the store");
                break;
            }
        }
        let mut due = self.known.due(self.clock.now()).into_iter();
        while let Some(key) = due.next() {
            if let Err(error) = self.look_at(key).await {
                tracing::debug!(%error, "it is not known whether a session has timed out");
                // All of them again, when the store may be back.
                let later = self.clock.now().plus(Duration::from_secs(1));
                std::iter::once(key).chain(due).for_each(|key| self.known.file(key, later));
                break;
            }
        }
        self.partings.confess();
    }

    /// Ends a session whose time is over; otherwise notes when to look again. What was seen here decides, unless other
    /// instances may have seen more.
    async fn look_at(&self, key: Key) -> Result<(), StoreError> {
        let now = self.clock.now();
        if let Some(auth) = self.live.get(&key) {
            let asked = self.is_over(&auth, now) && self.store.is_shared();
            let auth = if asked { self.ask(&auth).await? } else { Some(auth) };
            let Some(auth) = auth else { return Ok(()) };
            if !self.is_over(&auth, now) {
                let seen = UnixTime(auth.seen.load(Ordering::Relaxed));
                self.known.file(key, self.expiry(&auth.data, seen));
                return Ok(());
            }
        }
        let kept = self.store.kept(key).await?;
        let Some((expires, data)) = kept.and_then(|kept| Some((kept.expires, self.read(&kept)?))) else {
            self.gone(key);
            return Ok(());
        };
        let until = self.expiry(&data, data.seen);
        if until > now && !self.live.contains_key(&key) {
            self.known.file(key, until);
            return Ok(());
        }
        self.gone(key);
        // The store knows the last use late: for so long another instance may have seen a later one, and only who waits
        // here is told that the time is over.
        let let_go = before(expires, GRACE).min(data.ends);
        if self.store.is_shared() && let_go > now {
            self.known.file(key, let_go);
            return Ok(());
        }
        self.dismiss(key, Ending::TimedOut).await.map(drop)
    }

    /// Has an eye on the sessions that other instances let in: those instances may be gone when the time is over. They are
    /// looked at one after the other, the last when the first may have timed out.
    async fn adopt(&self) {
        let mut after = None;
        loop {
            let page = match self.store.page(after.clone(), ADOPTED_AT_ONCE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::debug!(%error, "the sessions in the store are not known yet");
                    tokio::time::sleep(ADOPTION_PAUSE).await;
                    continue;
                }
            };
            for key in page.keys {
                if !self.known.has(key) {
                    let [first, second, ..] = *key.as_bytes();
                    let share = u32::from(u16::from_be_bytes([first, second]));
                    let turn = self.lifetimes.idle * share / (1 << 16);
                    self.known.file(key, self.clock.now().plus(turn));
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return,
            }
        }
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
pub(super) struct Unfinished(Mutex<HashMap<Key, Ending>>);

impl Unfinished {
    pub(super) fn contains(&self, key: Key) -> bool {
        self.lock().contains_key(&key)
    }

    /// The first reason stays.
    fn insert(&self, key: Key, why: Ending) {
        self.lock().entry(key).or_insert(why);
    }

    fn remove(&self, key: Key) {
        self.lock().remove(&key);
    }

    fn all(&self) -> Vec<(Key, Ending)> {
        self.lock().iter().map(|(key, why)| (*key, *why)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Ending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How exact a time-out reaches open WebSockets.
const TICK: Duration = Duration::from_millis(500);
const ASKED_AT_ONCE: usize = 64;
const ADOPTED_AT_ONCE: usize = 500;
const ADOPTION_PAUSE: Duration = Duration::from_secs(2);
