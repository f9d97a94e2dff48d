//! Sessions: made at login, found on every request, ended once and everywhere.
//!
//! tower-sessions gives ids, records and the store trait. In front of the store stands a cache of ready-to-use
//! [`Auth`] values, so that a proxied request costs one look-up and writes nothing. docs/sessions.md says what is
//! promised.

mod assertion;
mod auth;
mod data;
mod embedded;
mod flights;
mod forms;
mod key;
mod known;
mod lease;
mod memory;
mod once;
mod open;
mod operate;
mod parting;
mod people;
mod redis;
mod renew;
mod sealed;
mod store;
mod upkeep;

use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_lc_rs::rand;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tower_sessions::session::{Id, Record};

pub use assertion::{KeyError, Signer};
pub use auth::Auth;
pub use data::{AsOf, CampaignSession, Identity, Person, SessionData, Tokens};
pub use embedded::{Embedded, OpenError};
pub use flights::{Flight, Flights};
pub use forms::{Form, FormId, Forms, Place};
pub use key::Key;
pub use lease::Lease;
pub use memory::MemoryStore;
pub use once::{Attempts, OneTime};
pub use open::{Opened, StoreStartError, open};
pub use operate::{Listed, Listing};
pub use parting::{Ending, Parting};
pub use redis::{Redis, RedisError};
pub use renew::{ExchangeError, NotRenewed};
pub use sealed::{Backend, Entry, SealedStore};
pub use store::{Cursor, Kept, Notice, Page, Store};

use crate::clock::{Clock, UnixTime};
use crate::crypto::sha256_text;
use key::KeyHasher;
use known::Known;
use parting::Partings;

/// The store did not answer; the session may well be alive, so nothing is deleted for it.
#[derive(Debug, thiserror::Error)]
#[error("session store: {0}")]
pub struct StoreError(#[from] tower_sessions::session_store::Error);

/// How long sessions live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Unused for this long: over.
    pub idle: Duration,
    /// This long after the login: over.
    pub absolute: Duration,
}

/// All sessions of this gateway. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Sessions {
    store: Arc<dyn Store>,
    live: Cache<Key, Arc<Auth>, BuildHasherDefault<KeyHasher>>,
    known: Arc<Known>,
    unfinished: Arc<upkeep::Unfinished>,
    partings: Arc<Partings>,
    lifetimes: Lifetimes,
    clock: Clock,
}

impl Sessions {
    /// Sessions kept in `store`, at most `cached` of them ready to use.
    pub fn new(store: Arc<dyn Store>, cached: u64, lifetimes: Lifetimes, clock: Clock) -> Self {
        let live = Cache::builder()
            .max_capacity(cached)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(lifetimes.absolute)
            .time_to_idle(lifetimes.idle.saturating_add(TOUCH_INTERVAL))
            .build_with_hasher(BuildHasherDefault::new());
        let known = Arc::new(Known::new(store.sweeps()));
        let (unfinished, partings) = (Arc::default(), Arc::default());
        Self { store, live, known, unfinished, partings, lifetimes, clock }
    }

    /// Tells `partings` what is left to say of sessions that end otherwise than by [`end`](Self::end).
    #[must_use]
    pub fn telling(self, partings: mpsc::Sender<Parting>) -> Self {
        Self { partings: Partings::to(partings), ..self }
    }

    /// Makes a session under a new id. It ends with the absolute time-out; without a refresh token with the access token,
    /// whichever is first. When this returns, the session is in the store.
    pub async fn create(
        &self,
        identity: Identity,
        tokens: Tokens,
        campaign: Option<CampaignSession>,
    ) -> Result<Arc<Auth>, StoreError> {
        let now = self.clock.now();
        let absolute = now.plus(self.lifetimes.absolute);
        let ends = if tokens.refresh.is_some() { absolute } else { absolute.min(tokens.access_expires) };
        let as_of = AsOf::now(now);
        let data =
            SessionData { identity, tokens, campaign, created: now, ends, seen: now, revision: 0, as_of };
        let mut record = Record {
            id: new_id(),
            data: data.to_record(),
            expiry_date: expiry_date(self.kept_until(&data, now)),
        };
        self.store.create(&mut record).await?;
        Ok(self.ready(record.id, data))
    }

    /// The live session with this cookie value, noted as used now. `None` for anything else: unknown, ended, timed out,
    /// not even an id.
    pub async fn find(&self, cookie: &str) -> Result<Option<Arc<Auth>>, StoreError> {
        self.find_at(cookie, self.clock.now()).await
    }

    /// As [`find`](Self::find), for callers that know the time.
    pub async fn find_at(&self, cookie: &str, now: UnixTime) -> Result<Option<Arc<Auth>>, StoreError> {
        let found = self.seek(cookie, now).await?;
        if let Some(auth) = &found {
            self.touch(auth, now);
        }
        Ok(found)
    }

    /// As [`find`](Self::find), but to look at a session is not to use it.
    pub async fn look(&self, cookie: &str) -> Result<Option<Arc<Auth>>, StoreError> {
        self.seek(cookie, self.clock.now()).await
    }

    async fn seek(&self, cookie: &str, now: UnixTime) -> Result<Option<Arc<Auth>>, StoreError> {
        let Ok(id) = cookie.parse::<Id>() else { return Ok(None) };
        let key = Key::recall(id);
        let auth = match self.live.get(&key) {
            Some(auth) => self.confirmed(auth, now).await?,
            // Boxed: rare.
            None => Box::pin(self.load(id)).await?,
        };
        let Some(auth) = auth else { return Ok(None) };
        if self.is_over(&auth, now) {
            self.time_out(&auth).await?;
            return Ok(None);
        }
        Ok(Some(auth))
    }

    /// When a session ends unless it is used again.
    pub fn idle_end(&self, auth: &Auth) -> UnixTime {
        self.expiry(&auth.data, UnixTime(auth.seen.load(Ordering::Relaxed)))
    }

    /// Ends a session: out of cache and store, and whoever holds it (an open WebSocket) is told, here and at every
    /// instance. When the store is away the session is over here all the same, and the store is told when it is back.
    ///
    /// Gives what the session held, for the caller to say goodbye to Campaign and IMS; `None` when somebody else ended it
    /// and says so.
    pub async fn end(&self, auth: &Auth) -> Result<Option<SessionData>, StoreError> {
        // Also where the session is known no more: an older `Auth` of it may be in somebody's hands.
        auth.ended.cancel();
        self.take(auth.key, Ending::SignedOut).await
    }

    /// True for the first use of this name of its kind within its lifetime, at whichever instance, and only for it.
    pub async fn once(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool, StoreError> {
        Ok(self.store.once(what, &sha256_text(name.as_bytes()), lifetime).await?)
    }

    /// True when this name of its kind was used within its lifetime, at whichever instance. Writes nothing.
    pub async fn was_used(&self, what: OneTime, name: &str) -> Result<bool, StoreError> {
        Ok(self.store.was_used(what, &sha256_text(name.as_bytes())).await?)
    }

    /// Ends a session that somebody asks for after its time. One that ended otherwise is being looked after already.
    async fn time_out(&self, auth: &Auth) -> Result<(), StoreError> {
        if auth.ended.is_cancelled() {
            self.gone(auth.key);
            return Ok(());
        }
        // Who asked may go away before it is done, and the goodbye with them.
        let (sessions, key) = (self.clone(), auth.key);
        let done = tokio::spawn(async move { sessions.dismiss(key, Ending::TimedOut).await });
        done.await.map_or(Ok(()), |ended| ended.map(drop))
    }

    /// Makes a session ready to use.
    fn ready(&self, id: Id, data: SessionData) -> Arc<Auth> {
        let key = Key::of(id);
        let ended = self.known.enter(key, self.expiry(&data, data.seen));
        self.live.get_with(key, || Arc::new(Auth::new(id, data, ended, self.clock.now())))
    }

    async fn load(&self, id: Id) -> Result<Option<Arc<Auth>>, StoreError> {
        let key = Key::of(id);
        if self.unfinished.contains(key) {
            return Ok(None);
        }
        let endings = self.known.endings();
        let Some(data) = self.kept(key).await? else { return Ok(None) };
        let auth = self.ready(id, data);
        // A logout may have passed between asking and noting: ask again before anybody is let in.
        if self.known.endings() != endings && self.kept(key).await?.is_none() {
            self.gone(key);
            return Ok(None);
        }
        Ok(Some(auth))
    }

    /// What the store has, with the time of last use that its expiry tells.
    async fn kept(&self, key: Key) -> Result<Option<SessionData>, StoreError> {
        Ok(self.store.kept(key).await?.and_then(|kept| self.read(&kept)))
    }

    /// As `kept`, unless its time is over.
    async fn alive(&self, key: Key) -> Result<Option<SessionData>, StoreError> {
        let now = self.clock.now();
        Ok(self.kept(key).await?.filter(|data| now < self.expiry(data, data.seen)))
    }

    fn read(&self, kept: &Kept) -> Option<SessionData> {
        let mut data = SessionData::from_record(&kept.data)?;
        // The inverse of `kept_until`.
        let let_go = before(kept.expires, GRACE);
        let unused = if let_go >= data.ends {
            self.lifetimes.idle
        } else {
            self.lifetimes.idle.saturating_add(self.touch_interval())
        };
        data.seen = data.seen.max(before(let_go, unused));
        Some(data)
    }

    /// True when the session timed out, or was ended.
    fn is_over(&self, auth: &Auth, now: UnixTime) -> bool {
        let seen = UnixTime(auth.seen.load(Ordering::Relaxed));
        now >= self.expiry(&auth.data, seen) || auth.ended.is_cancelled()
    }

    /// Notes the use; the store hears of it at most once per touch interval, off the request's path.
    fn touch(&self, auth: &Arc<Auth>, now: UnixTime) {
        auth.seen.store(now.0, Ordering::Relaxed);
        let stored = auth.stored.load(Ordering::Relaxed);
        let due = now.since(UnixTime(stored)) >= self.touch_interval();
        if due && auth.stored.compare_exchange(stored, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let (sessions, auth) = (self.clone(), auth.clone());
            let expires = self.kept_until(&auth.data, now);
            tokio::spawn(async move {
                match sessions.store.touch(auth.key, expires).await {
                    Ok(true) => {}
                    Ok(false) => sessions.gone(auth.key),
                    Err(error) => {
                        tracing::warn!(%error, "the session store did not take the time of last use");
                        // The next request tries again.
                        auth.stored.store(stored, Ordering::Relaxed);
                    }
                }
            });
        }
    }

    /// When a session ends unless it is used again.
    fn expiry(&self, data: &SessionData, seen: UnixTime) -> UnixTime {
        data.ends.min(seen.plus(self.lifetimes.idle))
    }

    /// How long the store has to keep it: it hears of the last use late, and must not let go of who is at work. When the
    /// time is over, what the session held is needed once more, for the goodbye.
    fn kept_until(&self, data: &SessionData, seen: UnixTime) -> UnixTime {
        let idle = seen.plus(self.lifetimes.idle.saturating_add(self.touch_interval()));
        data.ends.min(idle).plus(GRACE)
    }

    fn touch_interval(&self) -> Duration {
        TOUCH_INTERVAL.min(self.lifetimes.idle / 4)
    }
}

/// A session id: 128 bits from the system's generator.
#[expect(clippy::expect_used, reason = "without randomness every session could be guessed")]
fn new_id() -> Id {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the system's random generator works");
    Id(i128::from_le_bytes(bytes))
}

fn before(time: UnixTime, duration: Duration) -> UnixTime {
    UnixTime(time.0.saturating_sub(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)))
}

fn expiry_date(expires: UnixTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(expires.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// How exact the store knows the last use; a quarter of the idle time-out when that is less.
pub const TOUCH_INTERVAL: Duration = Duration::from_mins(1);

/// How long a store keeps a session whose time is over, so that an instance can take it out and say goodbye.
const GRACE: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests;
