//! Sessions in this process: bounded, gone with a restart.

use async_trait::async_trait;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::Result;

/// Keeps at most `capacity` records; the one unused for longest goes first.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    records: Cache<i128, Record>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(capacity: u64, lifetimes: super::Lifetimes) -> Self {
        // Least recently used, not least frequently: a new login must never lose against old ones.
        let records = Cache::builder()
            .max_capacity(capacity)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(lifetimes.absolute)
            .time_to_idle(lifetimes.idle.saturating_add(2 * super::TOUCH_INTERVAL))
            .build();
        Self { records }
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    /// Inserts only if absent; an id that is taken is drawn again.
    async fn create(&self, record: &mut Record) -> Result<()> {
        while !self.records.entry(record.id.0).or_insert_with(|| record.clone()).is_fresh() {
            record.id = Id::default();
        }
        Ok(())
    }

    /// Updates only if present: a session that ended stays ended.
    async fn save(&self, record: &Record) -> Result<()> {
        self.records.entry(record.id.0).and_compute_with(|held| match held {
            Some(_) => Op::Put(record.clone()),
            None => Op::Nop,
        });
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        Ok(self.records.get(&id.0))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.records.invalidate(&id.0);
        Ok(())
    }
}
