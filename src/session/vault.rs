//! Seals sessions and saved forms before they go to a store, opens them, and finds sessions by their owner.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use serde_json::Value;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

use super::data::{Owner, SessionData};
use super::key::{Key, new_id};
use super::store::{MAX_TAGS, RecordStore, SealedRecord, StoredRecord};
use crate::clock::Clock;
use crate::crypto::{KeyPurpose, KeyRing, Sealer, Tagger};
use crate::unix_time::UnixTime;

/// A record store and the keys for its records.
#[derive(Debug)]
pub struct Vault {
    store: Box<dyn RecordStore>,
    sealer: Sealer,
    tagger: ArcSwap<Tagger>,
    clock: Clock,
}

/// An opened record.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its data.
    pub data: HashMap<String, Value>,
    /// When it expires.
    pub expires: UnixTime,
}

impl Vault {
    /// Seals with the newest of these keys, and opens with all of them.
    pub fn new(store: impl RecordStore, keys: &KeyRing, clock: Clock) -> Self {
        let (sealer, tagger) = (keys.sealer(KeyPurpose::Session), keys.tagger());
        Self { store: Box::new(store), sealer, tagger: ArcSwap::from_pointee(tagger), clock }
    }

    /// Uses these keys from now on. Records sealed with a removed key can no longer be opened.
    pub fn use_keys(&self, keys: &KeyRing) {
        self.sealer.use_keys_of(&keys.sealer(KeyPurpose::Session));
        self.tagger.store(Arc::new(keys.tagger()));
    }

    /// The store, for operations that need no key.
    pub fn store(&self) -> &dyn RecordStore {
        &*self.store
    }

    /// Reads a record that has not expired.
    pub async fn get(&self, key: Key) -> Result<Option<Entry>> {
        let stored = self.store.load(key).await?.filter(|stored| stored.expires > self.clock.now());
        Ok(stored.and_then(|stored| self.open(key, &stored)))
    }

    /// Deletes a record, expired or not. Of all concurrent callers exactly one gets it.
    pub async fn take(&self, key: Key) -> Result<Option<Entry>> {
        Ok(self.store.take(key).await?.and_then(|stored| self.open(key, &stored)))
    }

    /// Replaces a session that has this revision; false when it has another one, or has ended. So concurrent changes of a session do not
    /// undo each other.
    pub async fn replace(&self, record: &Record, revision: u64) -> Result<bool> {
        let key = Key::of(record.id);
        let Some(stored) = self.store.load(key).await? else { return Ok(false) };
        let stored_revision = self.open(key, &stored).and_then(|entry| SessionData::revision_of(&entry.data));
        // Each sealing has its own nonce, so equal bytes mean that nothing was written in between.
        if stored_revision == Some(revision) {
            self.store.replace(stored.sealed, self.seal(record)?).await
        } else {
            Ok(false)
        }
    }

    /// The sessions of an owner. Some may have ended.
    pub async fn keys_of(&self, owner: Owner<'_>) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        for tag in self.tagger.load_full().tags(&owner.index_text()) {
            keys.extend(self.store.tagged(tag).await?);
        }
        Ok(keys)
    }

    /// Waits for a record that the store removes because it has expired.
    pub async fn expired(&self) -> (Key, Entry) {
        loop {
            let (key, stored) = self.store.expired().await;
            if let Some(entry) = self.open(key, &stored) {
                return (key, entry);
            }
        }
    }

    fn seal(&self, record: &Record) -> Result<SealedRecord> {
        let key = Key::of(record.id);
        let mut sealed = vec![FORMAT];
        // The key is the associated data: a record does not open under another key.
        let data = self.sealer.seal_bytes(key.as_bytes(), &record.data);
        sealed.extend(data.map_err(|error| Error::Encode(error.to_string()))?);
        let expires = UnixTime(record.expiry_date.unix_timestamp());
        let session = SessionData::from_record(&record.data);
        let tagger = self.tagger.load_full();
        let tag = |owner: Owner<'_>| tagger.tags(&owner.index_text()).first().copied();
        let owners = session.as_ref().map(SessionData::owners).unwrap_or_default();
        Ok(SealedRecord {
            key,
            expires,
            ends: session.as_ref().map_or(expires, |session| session.ends),
            tags: owners.into_iter().filter_map(tag).take(MAX_TAGS).collect(),
            sealed,
        })
    }

    fn open(&self, key: Key, stored: &StoredRecord) -> Option<Entry> {
        let data = match stored.sealed.split_first() {
            Some((&FORMAT, sealed)) => self.sealer.open_bytes(key.as_bytes(), sealed),
            _ => None,
        };
        if data.is_none() {
            tracing::warn!(
                sid = %key,
                "a stored session or form cannot be opened with this gateway's keys and is ignored; was the key file changed?"
            );
        }
        Some(Entry { data: data?, expires: stored.expires })
    }
}

#[async_trait]
impl SessionStore for Vault {
    /// Inserts; draws another id when this one is taken.
    async fn create(&self, record: &mut Record) -> Result<()> {
        while !self.store.create(self.seal(record)?).await? {
            record.id = new_id();
        }
        Ok(())
    }

    /// Updates a record that exists: a session that has ended does not come back.
    async fn save(&self, record: &Record) -> Result<()> {
        let key = Key::of(record.id);
        for _ in 0..MAX_TRIES {
            let stored = self.store.load(key).await?.filter(|stored| stored.expires > self.clock.now());
            let Some(stored) = stored else { return Ok(()) };
            if self.store.replace(stored.sealed, self.seal(record)?).await? {
                return Ok(());
            }
        }
        Err(Error::Backend("each attempt to save this session was overtaken by another change".to_owned()))
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let entry = self.get(Key::of(*id)).await?;
        Ok(entry.map(|entry| Record { id: *id, data: entry.data, expiry_date: expiry_date(entry.expires) }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.take(Key::of(*id)).await.map(drop)
    }
}

/// A time of expiry as tower-sessions has it.
pub fn expiry_date(expires: UnixTime) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(expires.0).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

/// First byte of every record.
const FORMAT: u8 = 1;
/// Attempts to save a record. Each failed attempt lost against a concurrent change.
const MAX_TRIES: usize = 64;
