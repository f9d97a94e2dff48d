//! Between the sessions and a store outside this process: nothing goes out but digests and sealed bytes.

use async_trait::async_trait;
use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;
use tokio::sync::broadcast;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

use super::data::{Person, SessionData};
use super::key::Key;
use super::lease::Lease;
use super::once::OneTime;
use super::store::{Cursor, Kept, Notice, Page, Store};
use super::{expiry_date, new_id};
use crate::clock::{Clock, UnixTime};
use crate::crypto::{KeyRing, Purpose, Sealer, Tag, Tagger};

/// A store that sees keys, times and sealed bytes only.
#[derive(Debug)]
pub struct SealedStore<B> {
    backend: B,
    sealer: Sealer,
    tagger: Tagger,
    clock: Clock,
}

/// Where sealed records are kept. Every error means that it did not answer.
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// Inserts unless the key is taken: false then.
    async fn create(&self, entry: Entry) -> Result<bool>;
    /// Updates what is there; false when nothing is.
    async fn update(&self, entry: Entry) -> Result<bool>;
    /// Puts `entry` where `old` is, byte for byte; false when something else is there, or nothing. Of the two times of
    /// expiry the later one stays.
    async fn swap(&self, old: Vec<u8>, entry: Entry) -> Result<bool>;
    /// See [`Store::lease`].
    async fn lease(&self, _lease: &Lease) -> Result<bool> {
        Ok(true)
    }
    /// See [`Store::release`].
    async fn release(&self, _lease: &Lease) -> Result<()> {
        Ok(())
    }
    /// Moves the end of what is there; false when nothing is.
    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool>;
    /// Time of expiry and sealed data.
    async fn load(&self, key: Key) -> Result<Option<(UnixTime, Vec<u8>)>>;
    /// Deletes; gives time of expiry and sealed data to exactly one of all who ask at once.
    async fn take(&self, key: Key) -> Result<Option<(UnixTime, Vec<u8>)>>;
    /// See [`Store::once`].
    async fn once(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool>;
    /// See [`Store::was_used`].
    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool>;
    /// The keys of entries with this tag.
    async fn tagged(&self, tag: Tag) -> Result<Vec<Key>>;
    /// About `limit` keys.
    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<Page>;
    /// See [`Store::is_shared`].
    fn is_shared(&self) -> bool;
    /// See [`Store::notices`].
    fn notices(&self) -> Option<broadcast::Receiver<Notice>>;
    /// See [`Store::sweeps`].
    fn sweeps(&self) -> bool {
        false
    }
    /// See [`Store::expired`].
    async fn expired(&self) -> (Key, UnixTime, Vec<u8>) {
        std::future::pending().await
    }
}

/// One record as a backend keeps it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Under what.
    pub key: Key,
    /// When it expires unless touched.
    pub expires: UnixTime,
    /// When it expires even if touched.
    pub ends: UnixTime,
    /// Whose it is, at most `MOST_TAGS`.
    pub tags: Vec<Tag>,
    /// The data.
    pub sealed: Vec<u8>,
}

/// A session is found by user id, by e-mail address, and by IMS's own session.
pub const MOST_TAGS: usize = 3;

impl<B: Backend> SealedStore<B> {
    /// Seals with the newest key of `keys` what goes to `backend`.
    pub fn new(backend: B, keys: &KeyRing, clock: Clock) -> Self {
        Self { backend, sealer: keys.sealer(Purpose::Session), tagger: keys.tagger(), clock }
    }

    /// The backend.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    fn entry(&self, record: &Record) -> Result<Entry> {
        let key = Key::of(record.id);
        let mut sealed = vec![FORMAT];
        // The key is the associated data: a record moved to another key does not open there.
        sealed.extend(
            self.sealer
                .seal_bytes(key.as_bytes(), &record.data)
                .map_err(|error| Error::Encode(error.to_string()))?,
        );
        let expires = UnixTime(record.expiry_date.unix_timestamp());
        let data = SessionData::from_record(&record.data);
        let tag = |person: Person<'_>| self.tagger.tags(&person.index_text()).first().copied();
        let persons = data.as_ref().map(SessionData::persons).unwrap_or_default();
        Ok(Entry {
            key,
            expires,
            ends: data.as_ref().map_or(expires, |data| data.ends),
            tags: persons.into_iter().filter_map(tag).take(MOST_TAGS).collect(),
            sealed,
        })
    }

    fn open(&self, key: Key, sealed: &[u8]) -> Option<HashMap<String, serde_json::Value>> {
        let data = match sealed.split_first() {
            Some((&FORMAT, sealed)) => self.sealer.open_bytes(key.as_bytes(), sealed),
            _ => None,
        };
        if data.is_none() {
            tracing::warn!(sid = %key, "a stored session does not open under this gateway's keys and counts as none; was the key file changed?");
        }
        data
    }
}

#[async_trait]
impl<B: Backend> SessionStore for SealedStore<B> {
    async fn create(&self, record: &mut Record) -> Result<()> {
        while !self.backend.create(self.entry(record)?).await? {
            record.id = new_id();
        }
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.update(record).await.map(drop)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let kept = self.kept(Key::of(*id)).await?;
        Ok(kept.map(|kept| Record { id: *id, data: kept.data, expiry_date: expiry_date(kept.expires) }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.take(Key::of(*id)).await.map(drop)
    }
}

#[async_trait]
impl<B: Backend> Store for SealedStore<B> {
    async fn update(&self, record: &Record) -> Result<bool> {
        self.backend.update(self.entry(record)?).await
    }

    async fn swap(&self, record: &Record, was: u64) -> Result<bool> {
        let key = Key::of(record.id);
        let Some((_, old)) = self.backend.load(key).await? else { return Ok(false) };
        let revision = self.open(key, &old).and_then(|data| SessionData::revision_of(&data));
        // Sealed anew, the same data has other bytes: what is compared below is unlike any other write.
        if revision == Some(was) { self.backend.swap(old, self.entry(record)?).await } else { Ok(false) }
    }

    async fn lease(&self, lease: &Lease) -> Result<bool> {
        self.backend.lease(lease).await
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        self.backend.release(lease).await
    }

    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool> {
        self.backend.touch(key, expires).await
    }

    async fn kept(&self, key: Key) -> Result<Option<Kept>> {
        let Some((expires, sealed)) = self.backend.load(key).await? else { return Ok(None) };
        if expires <= self.clock.now() {
            return Ok(None);
        }
        Ok(self.open(key, &sealed).map(|data| Kept { data, expires }))
    }

    async fn take(&self, key: Key) -> Result<Option<Kept>> {
        let taken = self.backend.take(key).await?;
        Ok(taken.and_then(|(expires, sealed)| Some(Kept { data: self.open(key, &sealed)?, expires })))
    }

    async fn once(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool> {
        self.backend.once(what, name, lifetime).await
    }

    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool> {
        self.backend.was_used(what, name).await
    }

    async fn keys_of(&self, person: Person<'_>) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        for tag in self.tagger.tags(&person.index_text()) {
            keys.extend(self.backend.tagged(tag).await?);
        }
        Ok(keys)
    }

    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<Page> {
        self.backend.page(after, limit).await
    }

    fn is_shared(&self) -> bool {
        self.backend.is_shared()
    }

    fn sweeps(&self) -> bool {
        self.backend.sweeps()
    }

    async fn expired(&self) -> (Key, Kept) {
        loop {
            let (key, expires, sealed) = self.backend.expired().await;
            if let Some(data) = self.open(key, &sealed) {
                return (key, Kept { data, expires });
            }
        }
    }

    fn notices(&self) -> Option<broadcast::Receiver<Notice>> {
        self.backend.notices()
    }
}

/// First byte of a record.
const FORMAT: u8 = 1;
