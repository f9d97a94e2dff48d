//! The embedded store: one redb file, one thread that writes.
//!
//! A change is acknowledged after the commit that holds it is on the disk; whatever queues up meanwhile goes into the next
//! commit together. Readers see the last commit and wait for nobody.

mod shelf;
mod tables;
mod times;
mod writer;

use std::path::Path;

use async_trait::async_trait;
use tokio::sync::{Mutex, Semaphore, broadcast, mpsc};
use tower_sessions::session_store::{Error, Result};

pub use shelf::OpenError;

use super::key::Key;
use super::once::{Once, OneTime};
use super::sealed::{Backend, Entry};
use super::store::{Cursor, Notice, Page};
use crate::clock::{Clock, UnixTime};
use crate::crypto::Tag;
use shelf::Shelf;
use std::sync::Arc;
use std::time::Duration;
use writer::{Change, Swept, Writer};

/// Sealed sessions in a file of their own. One process at a time has it open.
#[derive(Debug)]
pub struct Embedded {
    shelf: Arc<Shelf>,
    writer: Writer,
    reads: Semaphore,
    swept: Mutex<mpsc::Receiver<Swept>>,
    used: Once,
}

impl Embedded {
    /// Opens the file, or makes it with mode 0600.
    pub fn open(path: &Path, clock: Clock) -> std::result::Result<Self, OpenError> {
        let shelf = Arc::new(Shelf::open(path)?);
        let (tell, swept) = mpsc::channel(SWEPT);
        let writer =
            Writer::start(shelf.clone(), clock, tell).map_err(|error| OpenError::Io(path.into(), error))?;
        let (reads, swept) = (Semaphore::new(READS_AT_ONCE), Mutex::new(swept));
        Ok(Self { shelf, writer, reads, swept, used: Once::default() })
    }

    /// Reads on a thread that may wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&tables::Reading) -> std::result::Result<T, redb::Error> + Send + 'static,
    ) -> Result<T> {
        let _turn = self.reads.acquire().await.map_err(|_| closed())?;
        let file = self.shelf.clone();
        match tokio::task::spawn_blocking(move || file.read(read)).await {
            Ok(read) => read.map_err(|error| Error::Backend(error.to_string())),
            Err(_) => Err(closed()),
        }
    }
}

#[async_trait]
impl Backend for Embedded {
    async fn create(&self, entry: Entry) -> Result<bool> {
        Ok(self.writer.ask(Change::Create(entry)).await?.was_done)
    }

    async fn update(&self, entry: Entry) -> Result<bool> {
        Ok(self.writer.ask(Change::Update(entry)).await?.was_done)
    }

    async fn swap(&self, old: Vec<u8>, entry: Entry) -> Result<bool> {
        Ok(self.writer.ask(Change::Swap(old, entry)).await?.was_done)
    }

    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool> {
        Ok(self.writer.ask(Change::Touch(key, expires)).await?.was_done)
    }

    async fn load(&self, key: Key) -> Result<Option<(UnixTime, Vec<u8>)>> {
        self.read(move |tables| tables.record(key)).await
    }

    async fn take(&self, key: Key) -> Result<Option<(UnixTime, Vec<u8>)>> {
        Ok(self.writer.ask(Change::Take(key)).await?.taken)
    }

    async fn once(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool> {
        Ok(self.used.first_use(what, name, lifetime))
    }

    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool> {
        Ok(self.used.was_used(what, name))
    }

    async fn tagged(&self, tag: Tag) -> Result<Vec<Key>> {
        self.read(move |tables| tables.tagged(tag)).await
    }

    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<Page> {
        let after = after.and_then(|cursor| Key::parse(&cursor.0));
        let keys = self.read(move |tables| tables.keys(after, limit)).await?;
        let next = keys.last().filter(|_| keys.len() == limit).map(|last| Cursor(last.to_string()));
        Ok(Page { keys, next })
    }

    /// The file is this process's alone.
    fn is_shared(&self) -> bool {
        false
    }

    fn notices(&self) -> Option<broadcast::Receiver<Notice>> {
        None
    }

    fn sweeps(&self) -> bool {
        true
    }

    async fn expired(&self) -> (Key, UnixTime, Vec<u8>) {
        match self.swept.lock().await.recv().await {
            Some(swept) => swept,
            // The file is closed; nothing expires any more.
            None => std::future::pending().await,
        }
    }
}

fn closed() -> Error {
    Error::Backend("the session file is closed".to_owned())
}

/// More would wait for the same disk, each on a thread of its own.
const READS_AT_ONCE: usize = 16;
/// Expired sessions that wait to be heard of; when there are more, they go unheard.
const SWEPT: usize = 1024;
