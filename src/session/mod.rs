//! Sessions: made at login, found on every request, ended once and everywhere.
//!
//! tower-sessions gives ids, records and the store trait. In front of the store stands a cache of ready-to-use
//! [`Auth`] values, so that a proxied request costs one look-up and writes nothing.

mod assertion;
mod auth;
mod data;
mod memory;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use time::OffsetDateTime;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};

pub use assertion::{KeyError, Signer};
pub use auth::Auth;
pub use data::{CampaignSession, Identity, SessionData, Tokens};
pub use memory::MemoryStore;

use crate::clock::{Clock, UnixTime};

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

/// All sessions of this gateway.
#[derive(Debug)]
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    live: Cache<i128, Arc<Auth>>,
    lifetimes: Lifetimes,
    clock: Clock,
}

impl Sessions {
    /// Sessions kept in `store`, at most `cached` of them ready to use.
    pub fn new(store: Arc<dyn SessionStore>, cached: u64, lifetimes: Lifetimes, clock: Clock) -> Self {
        let live = Cache::builder()
            .max_capacity(cached)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(lifetimes.absolute)
            .time_to_idle(lifetimes.idle.saturating_add(TOUCH_INTERVAL))
            .build();
        Self { store, live, lifetimes, clock }
    }

    /// Makes a session under a new id. The end is the absolute time-out or the access token's, whichever is first.
    pub async fn create(
        &self,
        identity: Identity,
        tokens: Tokens,
        campaign: Option<CampaignSession>,
    ) -> Result<Arc<Auth>, StoreError> {
        let now = self.clock.now();
        let ends = now.plus(self.lifetimes.absolute).min(tokens.access_expires);
        let data = SessionData { identity, tokens, campaign, created: now, ends, seen: now };
        let mut record =
            Record { id: Id::default(), data: data.to_record(), expiry_date: self.expiry(&data) };
        self.store.create(&mut record).await?;
        let auth = Arc::new(Auth::new(record.id, data));
        self.live.insert(record.id.0, auth.clone());
        Ok(auth)
    }

    /// The live session with this cookie value, noted as used now. `None` for anything else: unknown, ended, timed out,
    /// not even an id.
    pub async fn find(&self, cookie: &str) -> Result<Option<Arc<Auth>>, StoreError> {
        let Ok(id) = cookie.parse::<Id>() else { return Ok(None) };
        let auth = match self.live.get(&id.0) {
            Some(auth) => auth,
            None => match self.load(id).await? {
                Some(auth) => auth,
                None => return Ok(None),
            },
        };
        let now = self.clock.now();
        if self.is_over(&auth, now) {
            self.end(&auth).await?;
            return Ok(None);
        }
        self.touch(&auth, now);
        Ok(Some(auth))
    }

    /// Ends a session: out of cache and store, and whoever holds it (an open WebSocket) is told.
    pub async fn end(&self, auth: &Auth) -> Result<(), StoreError> {
        auth.ended.cancel();
        self.live.invalidate(&auth.id.0);
        Ok(self.store.delete(&auth.id).await?)
    }

    /// Ends every session that is over and that nobody asks for any more: what is still open of it, a WebSocket or an
    /// event stream, must not outlive it.
    pub async fn sweep(&self) {
        let now = self.clock.now();
        let live = self.live.iter().map(|(_, auth)| auth);
        let over: Vec<Arc<Auth>> = live.filter(|auth| self.is_over(auth, now)).collect();
        for auth in over {
            if let Err(error) = self.end(&auth).await {
                tracing::warn!(%error, "the session store did not remove a session that is over");
            }
        }
    }

    /// True when the session timed out.
    fn is_over(&self, auth: &Auth, now: UnixTime) -> bool {
        let seen = UnixTime(auth.seen.load(Ordering::Relaxed));
        now >= auth.data.ends || now.since(seen) >= self.lifetimes.idle || auth.ended.is_cancelled()
    }

    async fn load(&self, id: Id) -> Result<Option<Arc<Auth>>, StoreError> {
        let Some(data) =
            self.store.load(&id).await?.and_then(|record| SessionData::from_record(&record.data))
        else {
            return Ok(None);
        };
        let auth = self.live.get_with(id.0, || Arc::new(Auth::new(id, data)));
        // A logout may have passed between the two lines above: look again before anybody is let in.
        if self.store.load(&id).await?.is_none() {
            self.live.invalidate(&id.0);
            return Ok(None);
        }
        Ok(Some(auth))
    }

    /// Notes the use; the store hears of it at most once per [`TOUCH_INTERVAL`], off the request's path.
    fn touch(&self, auth: &Arc<Auth>, now: UnixTime) {
        auth.seen.store(now.0, Ordering::Relaxed);
        let stored = auth.stored.load(Ordering::Relaxed);
        let due = now.since(UnixTime(stored)) >= TOUCH_INTERVAL;
        if due && auth.stored.compare_exchange(stored, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let data = SessionData { seen: now, ..auth.data.clone() };
            let record = Record { id: auth.id, data: data.to_record(), expiry_date: self.expiry(&data) };
            let store = self.store.clone();
            tokio::spawn(async move {
                // `save` updates only what is there: a session that ended meanwhile stays ended.
                if let Err(error) = store.save(&record).await {
                    tracing::warn!(%error, "the session store did not take the time of last use");
                }
            });
        }
    }

    fn expiry(&self, data: &SessionData) -> OffsetDateTime {
        let end = data.ends.min(data.seen.plus(self.lifetimes.idle));
        OffsetDateTime::from_unix_timestamp(end.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// How exact the store knows the last use.
pub const TOUCH_INTERVAL: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests;
