//! What a store of records does: memory, a file, or Redis. It sees keys, times, index tags and sealed bytes, nothing else.

use std::fmt::{self, Debug, Display, Formatter};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast;
use tower_sessions::session_store::Result;

use super::key::Key;
use super::lease::SessionLease;
use super::one_time::OneTime;
use crate::crypto::Tag;
use crate::unix_time::UnixTime;

/// A store of sealed records. Every error means that the store did not answer.
#[async_trait]
pub trait RecordStore: Debug + Send + Sync + 'static {
    /// Inserts a record; false when the key is taken.
    async fn create(&self, record: SealedRecord) -> Result<bool>;

    /// Replaces the record whose sealed bytes are `old`; false when the store has other bytes under this key, or none. The
    /// later one of both times of expiry stays, because a touch may come between reading and replacing.
    async fn replace(&self, old: Vec<u8>, record: SealedRecord) -> Result<bool>;

    /// Sets the time of expiry and nothing else; false when the record is missing or has expired.
    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool>;

    /// Reads a record. It may have expired.
    async fn load(&self, key: Key) -> Result<Option<StoredRecord>>;

    /// Deletes a record, expired or not. Of all concurrent callers exactly one gets it.
    async fn take(&self, key: Key) -> Result<Option<StoredRecord>>;

    /// Marks a one-time value as used; true for exactly one caller of all processes within `lifetime`.
    async fn first_use(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool>;

    /// True when the one-time value was used. Writes nothing.
    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool>;

    /// The records with this tag. Some may be gone.
    async fn tagged(&self, tag: Tag) -> Result<Vec<Key>>;

    /// About `limit` records after `after`. Some may be gone, and a record may come twice.
    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<KeyPage>;

    /// Takes a lease, or extends it for its owner; false while it has another owner. In a store of one process, every lease is free.
    async fn lease(&self, _lease: &SessionLease) -> Result<bool> {
        Ok(true)
    }

    /// Releases a lease, unless it has another owner by now.
    async fn release(&self, _lease: &SessionLease) -> Result<()> {
        Ok(())
    }

    /// True when other processes use the same store: a session can end or change without this process.
    fn is_shared(&self) -> bool {
        false
    }

    /// What other processes do to sessions; `None` when the store is not shared.
    fn notices(&self) -> Option<broadcast::Receiver<Notice>> {
        None
    }

    /// True when the store removes expired records and reports them in [`expired`](Self::expired).
    fn sweeps(&self) -> bool {
        false
    }

    /// Waits for a record that the store removes because it has expired. When there are many, some are not reported.
    async fn expired(&self) -> (Key, StoredRecord) {
        std::future::pending().await
    }
}

/// A record to be written.
#[derive(Clone, Debug)]
pub struct SealedRecord {
    /// The key.
    pub key: Key,
    /// When it expires unless it is touched.
    pub expires: UnixTime,
    /// When it expires even if it is touched.
    pub ends: UnixTime,
    /// Tags of its owner, at most [`MAX_TAGS`].
    pub tags: Vec<Tag>,
    /// The sealed data.
    pub sealed: Vec<u8>,
}

/// A record as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// When it expires.
    pub expires: UnixTime,
    /// The sealed data.
    pub sealed: Vec<u8>,
}

/// A session is found by user id, by e-mail address, and by its session at IMS.
pub const MAX_TAGS: usize = 3;

/// Where a page of records ends, in the store's own form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(super) String);

impl Cursor {
    /// Reads a cursor; `None` for a text that no store writes.
    pub fn parse(text: &str) -> Option<Self> {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"-_ ".contains(&b);
        (!text.is_empty() && text.len() <= 64 && text.bytes().all(known)).then(|| Self(text.to_owned()))
    }
}

impl Display for Cursor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Some of the records of a store.
#[derive(Clone, Debug, Default)]
pub struct KeyPage {
    /// Their keys.
    pub keys: Vec<Key>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
}

/// What happened to a session, perhaps in another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It has ended.
    Ended(Key),
    /// Its data has changed.
    Changed(Key),
    /// Notices may have been lost: the store must be asked about every cached session.
    Missed,
}
