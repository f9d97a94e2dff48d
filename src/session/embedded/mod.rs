//! The embedded store: one redb file and one thread that writes.
//!
//! A change is acknowledged when its commit is on the disk. Changes that arrive meanwhile share the next commit. Readers see
//! the latest commit and never wait for the writer.

mod database;
mod tables;
mod times;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tower_sessions::session_store::{Error, Result};

pub use database::OpenError;

use super::key::Key;
use super::one_time::{OneTime, ReplayCache};
use super::store::{Cursor, KeyPage, RecordStore, SealedRecord, StoredRecord};
use crate::clock::Clock;
use crate::crypto::Tag;
use crate::unix_time::UnixTime;
use database::DatabaseFile;
use writer::{Change, Expired, Writer};

/// Sealed records in one file. One process at a time can open it.
#[derive(Debug)]
pub struct Embedded {
    file: Arc<DatabaseFile>,
    writer: Writer,
    reads: Semaphore,
    expired: Mutex<mpsc::Receiver<Expired>>,
    used: ReplayCache,
}

impl Embedded {
    /// Opens the file, or creates it with mode 0600.
    pub fn open(path: &Path, clock: Clock) -> std::result::Result<Self, OpenError> {
        let file = Arc::new(DatabaseFile::open(path)?);
        let (report, expired) = mpsc::channel(EXPIRED);
        let writer =
            Writer::start(file.clone(), clock, report).map_err(|error| OpenError::Io(path.into(), error))?;
        let (reads, expired) = (Semaphore::new(CONCURRENT_READS), Mutex::new(expired));
        Ok(Self { file, writer, reads, expired, used: ReplayCache::default() })
    }

    /// Reads on a thread that can wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&tables::Reading) -> std::result::Result<T, redb::Error> + Send + 'static,
    ) -> Result<T> {
        let _permit = self.reads.acquire().await.map_err(|_| closed())?;
        let file = self.file.clone();
        match tokio::task::spawn_blocking(move || file.read(read)).await {
            Ok(read) => read.map_err(|error| Error::Backend(error.to_string())),
            Err(_) => Err(closed()),
        }
    }
}

#[async_trait]
impl RecordStore for Embedded {
    async fn create(&self, record: SealedRecord) -> Result<bool> {
        Ok(self.writer.write(Change::Create(record)).await?.was_applied)
    }

    async fn replace(&self, old: Vec<u8>, record: SealedRecord) -> Result<bool> {
        Ok(self.writer.write(Change::Replace(old, record)).await?.was_applied)
    }

    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool> {
        Ok(self.writer.write(Change::Touch(key, expires)).await?.was_applied)
    }

    async fn load(&self, key: Key) -> Result<Option<StoredRecord>> {
        self.read(move |tables| tables.record(key)).await
    }

    async fn take(&self, key: Key) -> Result<Option<StoredRecord>> {
        Ok(self.writer.write(Change::Take(key)).await?.taken)
    }

    async fn first_use(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool> {
        Ok(self.used.first_use(what, name, lifetime))
    }

    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool> {
        Ok(self.used.was_used(what, name))
    }

    async fn tagged(&self, tag: Tag) -> Result<Vec<Key>> {
        self.read(move |tables| tables.tagged(tag)).await
    }

    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<KeyPage> {
        let after = after.and_then(|cursor| Key::parse(&cursor.0));
        let keys = self.read(move |tables| tables.keys(after, limit)).await?;
        let next = keys.last().filter(|_| keys.len() == limit).map(|last| Cursor(last.to_string()));
        Ok(KeyPage { keys, next })
    }

    fn sweeps(&self) -> bool {
        true
    }

    async fn expired(&self) -> Expired {
        match self.expired.lock().await.recv().await {
            Some(expired) => expired,
            // The writer has stopped, so no record expires.
            None => std::future::pending().await,
        }
    }
}

fn closed() -> Error {
    Error::Backend("the session file is closed".to_owned())
}

/// Each read needs a thread, and all reads wait for the same disk.
const CONCURRENT_READS: usize = 16;
/// Expired records that wait to be reported; more are not reported.
const EXPIRED: usize = 1024;
