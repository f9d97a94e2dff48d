//! A record store that measures how long its operations take.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::broadcast;
use tower_sessions::session_store::Result;

use super::key::Key;
use super::lease::SessionLease;
use super::one_time::OneTime;
use super::store::{Cursor, KeyPage, Notice, RecordStore, SealedRecord, StoredRecord};
use crate::crypto::Tag;
use crate::telemetry::StoreMetrics;
use crate::unix_time::UnixTime;

/// Forwards every operation to another store and measures it.
#[derive(Debug)]
pub struct TimedStore<S> {
    store: S,
    metrics: StoreMetrics,
}

impl<S> TimedStore<S> {
    /// Measures this store.
    pub fn new(store: S, metrics: StoreMetrics) -> Self {
        Self { store, metrics }
    }

    async fn timed<T>(
        &self,
        operation: &'static str,
        done: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let began = Instant::now();
        let done = done.await;
        self.metrics.operation(operation, done.is_ok(), began.elapsed());
        done
    }
}

#[async_trait]
impl<S: RecordStore> RecordStore for TimedStore<S> {
    async fn create(&self, record: SealedRecord) -> Result<bool> {
        self.timed("create", self.store.create(record)).await
    }

    async fn replace(&self, old: Vec<u8>, record: SealedRecord) -> Result<bool> {
        self.timed("replace", self.store.replace(old, record)).await
    }

    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool> {
        self.timed("touch", self.store.touch(key, expires)).await
    }

    async fn load(&self, key: Key) -> Result<Option<StoredRecord>> {
        self.timed("load", self.store.load(key)).await
    }

    async fn take(&self, key: Key) -> Result<Option<StoredRecord>> {
        self.timed("take", self.store.take(key)).await
    }

    async fn first_use(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool> {
        self.timed("first_use", self.store.first_use(what, name, lifetime)).await
    }

    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool> {
        self.timed("was_used", self.store.was_used(what, name)).await
    }

    async fn tagged(&self, tag: Tag) -> Result<Vec<Key>> {
        self.timed("tagged", self.store.tagged(tag)).await
    }

    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<KeyPage> {
        self.timed("page", self.store.page(after, limit)).await
    }

    async fn lease(&self, lease: &SessionLease) -> Result<bool> {
        self.timed("lease", self.store.lease(lease)).await
    }

    async fn release(&self, lease: &SessionLease) -> Result<()> {
        self.timed("release", self.store.release(lease)).await
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn notices(&self) -> Option<broadcast::Receiver<Notice>> {
        self.store.notices()
    }

    fn sweeps(&self) -> bool {
        self.store.sweeps()
    }

    async fn expired(&self) -> (Key, StoredRecord) {
        self.store.expired().await
    }
}
