//! Sessions: created at login, found on every request, ended at all instances.
//!
//! tower-sessions defines ids, records and the store trait. A cache of ready-to-use [`LiveSession`] values is in front of the store,
//! so a proxied request needs one look-up and no write. docs/sessions.md says what is promised.

mod assertion;
mod confirm;
mod data;
mod embedded;
mod ended;
mod issued_tokens;
mod key;
mod lease;
mod lifetimes;
mod live_session;
mod memory;
mod one_time;
mod open;
mod operate;
mod redis;
mod refresh;
mod registry;
mod saved_forms;
mod store;
mod timed_store;
mod upkeep;
mod vault;

use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::mpsc;
use tower_sessions::SessionStore as _;
use tower_sessions::session::{Id, Record};

pub use assertion::{CachedAssertion, KeyError, Signer};
pub use data::{AsOf, CampaignSession, ConsoleAccess, ConsolePassword, Identity, Owner, SessionData, Tokens};
pub use embedded::Embedded;
pub use ended::{EndReason, EndedSession};
pub use issued_tokens::IssuedTokens;
pub use key::Key;
pub use lifetimes::Lifetimes;
use lifetimes::TOUCH_INTERVAL;
pub use live_session::{LastLogon, LiveSession};
pub use one_time::{Attempts, OneTime};
pub use open::{StoreStartError, open};
pub use operate::Listed;
pub use refresh::{ExchangeError, RefreshError};
pub use saved_forms::{FormId, FormSlot, SavedForm, SavedForms};
pub use store::Cursor;
use store::RecordStore;

#[cfg(test)]
use self::{
    embedded::OpenError,
    lease::SessionLease,
    memory::MemoryStore,
    redis::Redis,
    store::{SealedRecord, StoredRecord},
};
pub use vault::{Entry, Vault};

use crate::clock::Clock;
use crate::crypto::{KeyRing, sha256_text};
use crate::policy::device::Device;
use crate::unix_time::UnixTime;
use ended::EndedQueue;
use key::{KeyHasher, new_id};
use registry::Registry;
use vault::expiry_date;

/// The store did not answer. The session may be alive, so its cookie stays.
#[derive(Debug, thiserror::Error)]
#[error("session store: {0}")]
pub struct StoreError(#[from] tower_sessions::session_store::Error);

/// All sessions of this gateway, or those of one Campaign instance. Clones share them.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// The only instance whose sessions are found here; `None`: all.
    instance: Option<Arc<str>>,
    vault: Arc<Vault>,
    live: Cache<Key, Arc<LiveSession>, BuildHasherDefault<KeyHasher>>,
    registry: Arc<Registry>,
    undeleted: Arc<ended::Undeleted>,
    ended: Arc<EndedQueue>,
    lifetimes: Lifetimes,
    clock: Clock,
}

impl Sessions {
    /// The sessions in `vault`, with a cache of this many.
    pub fn new(vault: Arc<Vault>, cached: u64, lifetimes: Lifetimes, clock: Clock) -> Self {
        let live = Cache::builder()
            .max_capacity(cached)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(lifetimes.absolute)
            .time_to_idle(lifetimes.idle.saturating_add(TOUCH_INTERVAL))
            .build_with_hasher(BuildHasherDefault::new());
        let registry = Arc::new(Registry::new(vault.store().sweeps()));
        let (undeleted, ended) = (Arc::default(), Arc::default());
        Self { instance: None, vault, live, registry, undeleted, ended, lifetimes, clock }
    }

    /// The sessions of the Campaign instance of this name. Sessions of other instances are not valid there.
    #[must_use]
    pub fn of_instance(&self, name: &str) -> Self {
        Self { instance: Some(name.into()), ..self.clone() }
    }

    /// True for a session that may be found here.
    fn is_own(&self, data: &SessionData) -> bool {
        self.instance.as_deref().is_none_or(|own| own == data.instance)
    }

    /// The key of a one-time value in the store. Each Campaign instance has its own keys.
    fn one_time_key(&self, name: &str) -> String {
        match self.instance.as_deref() {
            None | Some("") => sha256_text(name.as_bytes()),
            Some(instance) => sha256_text(format!("{instance}\0{name}").as_bytes()),
        }
    }

    /// Seals sessions with the newest of these keys from now on, and opens them with all of them.
    pub fn use_keys(&self, keys: &KeyRing) {
        self.vault.use_keys(keys);
    }

    /// Sends every session that ends other than by [`end`](Self::end) to `ended`, for the session cleanup.
    #[must_use]
    pub fn reporting(self, ended: mpsc::Sender<EndedSession>) -> Self {
        Self { ended: EndedQueue::to(ended), ..self }
    }

    /// Creates a session under a new id. It ends at the absolute time-out; without a refresh token, with the access token if
    /// that is earlier. When this returns, the session is in the store.
    pub async fn create(
        &self,
        identity: Identity,
        tokens: Tokens,
        campaign: Option<CampaignSession>,
        device: Option<Device>,
    ) -> Result<Arc<LiveSession>, StoreError> {
        let now = self.clock.now();
        let absolute = now.plus(self.lifetimes.absolute);
        let ends = if tokens.refresh.is_some() { absolute } else { absolute.min(tokens.access_expires) };
        let as_of = AsOf::now(now);
        let data = SessionData {
            instance: self.instance.as_deref().unwrap_or_default().to_owned(),
            identity,
            tokens,
            campaign,
            earlier_campaign: Vec::new(),
            console: ConsoleAccess::default(),
            device,
            created: now,
            ends,
            seen: now,
            revision: 0,
            as_of,
        };
        let mut record = Record {
            id: new_id(),
            data: data.to_record(),
            expiry_date: expiry_date(self.lifetimes.kept_until(&data, now)),
        };
        self.vault.create(&mut record).await?;
        Ok(self.ready(record.id, data))
    }

    /// The session with this cookie value; counts as use. `None` when it is unknown, has ended or timed out, or the value is
    /// no id.
    pub async fn find(&self, cookie: &str) -> Result<Option<Arc<LiveSession>>, StoreError> {
        self.find_at(cookie, self.clock.now()).await
    }

    /// The same as [`find`](Self::find), at a time that the caller knows.
    pub async fn find_at(&self, cookie: &str, now: UnixTime) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let found = self.peek_at(cookie, now).await?;
        if let Some(session) = &found {
            self.touch(session, now);
        }
        Ok(found)
    }

    /// The same as [`find`](Self::find), but does not count as use.
    pub async fn peek(&self, cookie: &str) -> Result<Option<Arc<LiveSession>>, StoreError> {
        self.peek_at(cookie, self.clock.now()).await
    }

    async fn peek_at(&self, cookie: &str, now: UnixTime) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let Some((id, key)) = Key::of_cookie(cookie) else { return Ok(None) };
        let session = match self.live.get(&key) {
            Some(session) => self.confirmed(session, now).await?,
            // Boxed because it is rare: the future of a request stays small.
            None => Box::pin(self.load(id)).await?,
        };
        let Some(session) = session.filter(|session| self.is_own(&session.data)) else { return Ok(None) };
        if self.is_over(&session, now) {
            self.time_out(&session).await?;
            return Ok(None);
        }
        Ok(Some(session))
    }

    fn store(&self) -> &dyn RecordStore {
        self.vault.store()
    }

    /// When a session ends unless it is used again.
    pub fn idle_end(&self, session: &LiveSession) -> UnixTime {
        self.lifetimes.end(&session.data, UnixTime(session.seen.load(Ordering::Relaxed)))
    }

    /// Ends a session at every instance: removes it from cache and store, and closes its WebSockets. If the store does not answer, the
    /// session has still ended at this instance, and the deletion is repeated later.
    ///
    /// Returns the data of the session: the caller must do the session cleanup. `None` when another caller ended the session.
    pub async fn end(&self, session: &LiveSession) -> Result<Option<SessionData>, StoreError> {
        // A request may hold an older `LiveSession` that is no longer in the registry.
        session.ended.cancel();
        self.take(session.key, EndReason::SignedOut).await
    }

    /// Marks a one-time value as used; true for exactly one caller of all instances within `lifetime`.
    pub async fn first_use(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool, StoreError> {
        Ok(self.store().first_use(what, &self.one_time_key(name), lifetime).await?)
    }

    /// True when the one-time value was used at any instance. Writes nothing.
    pub async fn was_used(&self, what: OneTime, name: &str) -> Result<bool, StoreError> {
        Ok(self.store().was_used(what, &self.one_time_key(name)).await?)
    }

    /// Sessions that were used here within the idle timeout and have not ended, as far as the cache holds them.
    pub fn active(&self) -> u64 {
        // Otherwise expired entries are still counted.
        self.live.run_pending_tasks();
        self.live.entry_count()
    }

    /// Ends a session that a request found to have timed out. A session that has ended only leaves the cache.
    async fn time_out(&self, session: &LiveSession) -> Result<(), StoreError> {
        if session.ended.is_cancelled() {
            self.forget(session.key);
            return Ok(());
        }
        // In its own task: the client may disconnect, and the session cleanup must still happen.
        let (sessions, key) = (self.clone(), session.key);
        let done = tokio::spawn(async move { sessions.end_key(key, EndReason::TimedOut).await });
        done.await.map_or(Ok(()), |ended| ended.map(drop))
    }

    /// Puts a session into the cache, ready to use.
    fn ready(&self, id: Id, data: SessionData) -> Arc<LiveSession> {
        let key = Key::of(id);
        let ended = self.registry.register(key, self.lifetimes.end(&data, data.seen));
        self.live.get_with(key, || Arc::new(LiveSession::new(id, data, ended, self.clock.now())))
    }

    async fn load(&self, id: Id) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let key = Key::of(id);
        if self.undeleted.contains(key) {
            return Ok(None);
        }
        let ends = self.registry.ends();
        let Some(data) = self.stored(key).await? else { return Ok(None) };
        let session = self.ready(id, data);
        // A logout may have happened between the question and the registration: ask again before the session is used.
        if self.registry.ends() != ends && self.stored(key).await?.is_none() {
            self.forget(key);
            return Ok(None);
        }
        Ok(Some(session))
    }

    /// The session in the store.
    async fn stored(&self, key: Key) -> Result<Option<SessionData>, StoreError> {
        Ok(self.vault.get(key).await?.and_then(|entry| self.session_of(&entry)))
    }

    /// The session in the store, unless it has timed out.
    async fn stored_alive(&self, key: Key) -> Result<Option<SessionData>, StoreError> {
        let now = self.clock.now();
        Ok(self.stored(key).await?.filter(|data| now < self.lifetimes.end(data, data.seen)))
    }

    /// The session of an entry. Its last use follows from its expiry.
    fn session_of(&self, entry: &Entry) -> Option<SessionData> {
        let data = SessionData::from_record(&entry.data)?;
        Some(SessionData { seen: self.lifetimes.last_use(&data, entry.expires), ..data })
    }

    /// True when the session has timed out or ended.
    fn is_over(&self, session: &LiveSession, now: UnixTime) -> bool {
        let seen = UnixTime(session.seen.load(Ordering::Relaxed));
        now >= self.lifetimes.end(&session.data, seen) || session.ended.is_cancelled()
    }

    /// Records the use. The store learns of it at most once in a touch interval, in a task of its own.
    fn touch(&self, session: &Arc<LiveSession>, now: UnixTime) {
        session.seen.store(now.0, Ordering::Relaxed);
        let stored = session.stored.load(Ordering::Relaxed);
        let due = now.since(UnixTime(stored)) >= self.lifetimes.touch_interval();
        if due && session.stored.compare_exchange(stored, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            let (sessions, session) = (self.clone(), session.clone());
            let expires = self.lifetimes.kept_until(&session.data, now);
            tokio::spawn(async move {
                match sessions.store().touch(session.key, expires).await {
                    Ok(true) => {}
                    Ok(false) => sessions.forget(session.key),
                    Err(error) => {
                        tracing::warn!(%error, "the time of last use was not written to the session store");
                        // The next request tries again.
                        session.stored.store(stored, Ordering::Relaxed);
                    }
                }
            });
        }
    }
}

#[cfg(test)]
mod tests;
