//! The memory store: bounded, and empty after a restart.

mod tags;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::notification::RemovalCause;
use moka::ops::compute::{CompResult, Op};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tower_sessions::session_store::Result;

use super::key::Key;
use super::lifetimes::{GRACE, Lifetimes};
use super::one_time::{OneTime, ReplayCache};
use super::store::{Cursor, KeyPage, RecordStore, SealedRecord, StoredRecord};
use crate::clock::Clock;
use crate::crypto::Tag;
use crate::unix_time::UnixTime;
use tags::Tags;

/// Holds at most `capacity` records; evicts the least recently used one.
#[derive(Debug)]
pub struct MemoryStore {
    records: Cache<Key, SealedRecord>,
    tags: Arc<Tags>,
    used: ReplayCache,
    clock: Clock,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(capacity: u64, lifetimes: Lifetimes, clock: Clock) -> Self {
        let tags = Arc::new(Tags::default());
        let index = tags.clone();
        // LRU, because moka's default policy (TinyLFU) may reject a new session in favour of old ones.
        let records = Cache::builder()
            .max_capacity(capacity)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(lifetimes.absolute.saturating_add(GRACE))
            .time_to_idle(lifetimes.idle.saturating_add(GRACE))
            .eviction_listener(move |key, record: SealedRecord, cause| {
                if cause != RemovalCause::Replaced {
                    index.remove(*key, &record.tags);
                }
            })
            .build();
        Self { records, tags, used: ReplayCache::default(), clock }
    }

    /// Changes a record that has not expired; false when there is none, or `change` refuses.
    fn change(&self, key: Key, change: impl FnOnce(SealedRecord) -> Option<SealedRecord>) -> bool {
        let now = self.clock.now();
        let done = self.records.entry(key).and_compute_with(|held| {
            let held = held.map(moka::Entry::into_value).filter(|held| held.expires > now);
            held.and_then(change).map_or(Op::Nop, Op::Put)
        });
        matches!(done, CompResult::ReplacedWith(_))
    }
}

#[async_trait]
impl RecordStore for MemoryStore {
    async fn create(&self, record: SealedRecord) -> Result<bool> {
        let insert = || {
            self.tags.add(record.key, &record.tags);
            record.clone()
        };
        Ok(self.records.entry(record.key).or_insert_with(insert).is_fresh())
    }

    async fn replace(&self, old: Vec<u8>, record: SealedRecord) -> Result<bool> {
        Ok(self.change(record.key, |held| {
            if held.sealed != old {
                return None;
            }
            self.tags.remove(held.key, &held.tags);
            self.tags.add(record.key, &record.tags);
            Some(SealedRecord { expires: record.expires.max(held.expires), ..record })
        }))
    }

    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool> {
        Ok(self.change(key, |held| Some(SealedRecord { expires, ..held })))
    }

    async fn load(&self, key: Key) -> Result<Option<StoredRecord>> {
        Ok(self.records.get(&key).map(stored))
    }

    async fn take(&self, key: Key) -> Result<Option<StoredRecord>> {
        Ok(self.records.remove(&key).map(stored))
    }

    async fn first_use(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool> {
        Ok(self.used.first_use(what, name, lifetime))
    }

    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool> {
        Ok(self.used.was_used(what, name))
    }

    async fn tagged(&self, tag: Tag) -> Result<Vec<Key>> {
        Ok(self.tags.keys(tag))
    }

    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<KeyPage> {
        let after = after.and_then(|cursor| Key::parse(&cursor.0));
        let mut keys: Vec<Key> =
            self.records.iter().map(|(key, _)| *key).filter(|key| Some(*key) > after).collect();
        keys.sort_unstable();
        let more = keys.len() > limit;
        keys.truncate(limit);
        let next = keys.last().filter(|_| more).map(|last| Cursor(last.to_string()));
        Ok(KeyPage { keys, next })
    }
}

fn stored(record: SealedRecord) -> StoredRecord {
    StoredRecord { expires: record.expires, sealed: record.sealed }
}
