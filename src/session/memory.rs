//! Sessions in this process: bounded, gone with a restart.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::notification::RemovalCause;
use moka::ops::compute::{CompResult, Op};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::Result;

use super::data::{Person, SessionData};
use super::key::Key;
use super::once::{Once, OneTime};
use super::people::People;
use super::store::{Cursor, Kept, Page, Store};
use super::{expiry_date, new_id};
use crate::clock::{Clock, UnixTime};

/// Keeps at most `capacity` records; the one unused for longest goes first.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    records: Cache<Key, Record>,
    people: Arc<People>,
    used: Once,
    clock: Clock,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(capacity: u64, lifetimes: super::Lifetimes, clock: Clock) -> Self {
        let people = Arc::new(People::default());
        let leave = people.clone();
        // Least recently used, not least frequently: a new login must never lose against old ones.
        let records = Cache::builder()
            .max_capacity(capacity)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(lifetimes.absolute.saturating_add(super::GRACE))
            .time_to_idle(lifetimes.idle.saturating_add(super::GRACE))
            .eviction_listener(move |key, record: Record, cause| {
                if cause != RemovalCause::Replaced {
                    leave.leave(*key, &record);
                }
            })
            .build();
        Self { records, people, used: Once::default(), clock }
    }

    /// Changes what is there; false when nothing is. An insertion would bring back what has ended.
    fn change(&self, key: Key, change: impl FnOnce(Record) -> Record) -> bool {
        let done = self.records.entry(key).and_compute_with(|held| match held {
            Some(held) => Op::Put(change(held.into_value())),
            None => Op::Nop,
        });
        matches!(done, CompResult::ReplacedWith(_))
    }

    /// As `change`, but only over this revision.
    fn change_revision(&self, record: &Record, was: u64) -> bool {
        let done = self.records.entry(Key::of(record.id)).and_compute_with(|held| match held {
            Some(held) if SessionData::revision_of(&held.value().data) == Some(was) => {
                self.people.enter(Key::of(record.id), record);
                let expiry_date = record.expiry_date.max(held.value().expiry_date);
                Op::Put(Record { expiry_date, ..record.clone() })
            }
            _ => Op::Nop,
        });
        matches!(done, CompResult::ReplacedWith(_))
    }

    fn has_expired(&self, record: &Record) -> bool {
        record.expiry_date.unix_timestamp() <= self.clock.now().0
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    /// Inserts only if absent; an id that is taken is drawn again.
    async fn create(&self, record: &mut Record) -> Result<()> {
        let entered = |record: &Record| {
            self.people.enter(Key::of(record.id), record);
            record.clone()
        };
        while !self.records.entry(Key::of(record.id)).or_insert_with(|| entered(record)).is_fresh() {
            record.id = new_id();
        }
        Ok(())
    }

    /// Updates only if present: a session that ended stays ended.
    async fn save(&self, record: &Record) -> Result<()> {
        self.update(record).await.map(drop)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        Ok(self.records.get(&Key::of(*id)).filter(|record| !self.has_expired(record)))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.records.invalidate(&Key::of(*id));
        Ok(())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn update(&self, record: &Record) -> Result<bool> {
        let key = Key::of(record.id);
        Ok(self.change(key, |_| {
            self.people.enter(key, record);
            record.clone()
        }))
    }

    async fn swap(&self, record: &Record, was: u64) -> Result<bool> {
        Ok(self.change_revision(record, was))
    }

    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool> {
        Ok(self.change(key, |held| Record { expiry_date: expiry_date(expires), ..held }))
    }

    async fn kept(&self, key: Key) -> Result<Option<Kept>> {
        Ok(self.records.get(&key).filter(|record| !self.has_expired(record)).map(kept))
    }

    async fn take(&self, key: Key) -> Result<Option<Kept>> {
        Ok(self.records.remove(&key).map(kept))
    }

    async fn once(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool> {
        Ok(self.used.first_use(what, name, lifetime))
    }

    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool> {
        Ok(self.used.was_used(what, name))
    }

    async fn keys_of(&self, person: Person<'_>) -> Result<Vec<Key>> {
        Ok(self.people.keys_of(person))
    }

    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<Page> {
        let after = after.and_then(|cursor| Key::parse(&cursor.0));
        let mut keys: Vec<Key> =
            self.records.iter().map(|(key, _)| *key).filter(|key| Some(*key) > after).collect();
        keys.sort_unstable();
        let more = keys.len() > limit;
        keys.truncate(limit);
        let next = keys.last().filter(|_| more).map(|last| Cursor(last.to_string()));
        Ok(Page { keys, next })
    }
}

fn kept(record: Record) -> Kept {
    Kept { expires: UnixTime(record.expiry_date.unix_timestamp()), data: record.data }
}
