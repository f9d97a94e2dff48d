//! What the gateway asks of a store beyond the contract of tower-sessions.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::broadcast;
use tower_sessions::SessionStore;
use tower_sessions::session::Record;
use tower_sessions::session_store::Result;

use super::data::Person;
use super::key::Key;
use super::lease::Lease;
use super::once::OneTime;
use crate::clock::UnixTime;

/// A store of sessions. `create` inserts only if absent, `save` updates only if present, `load` gives nothing that has
/// expired, `delete` may be repeated; every error means that the store did not answer.
#[async_trait]
pub trait Store: SessionStore {
    /// As `save`; false when there was nothing to update.
    async fn update(&self, record: &Record) -> Result<bool>;

    /// As `update`, but only over the revision `was`: false when there is another one, or nothing. Of several who change a
    /// session at once, each changes what the last one left. The time of expiry moves forward only, for a touch of another
    /// process may have come in between.
    async fn swap(&self, record: &Record, was: u64) -> Result<bool>;

    /// Takes a lease, or extends it for who has it; false while somebody else does. A store of this process alone has
    /// nobody to keep out.
    async fn lease(&self, _lease: &Lease) -> Result<bool> {
        Ok(true)
    }

    /// Gives a lease back; one that somebody else has by now stays theirs.
    async fn release(&self, _lease: &Lease) -> Result<()> {
        Ok(())
    }

    /// Moves the end of a session; false when it is not there. Costs less than a `save` and leaves the data alone.
    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool>;

    /// What is kept under this key, unless it has expired.
    async fn kept(&self, key: Key) -> Result<Option<Kept>>;

    /// As `delete`; gives what was there, expired or not, to exactly one of all who ask at once.
    async fn take(&self, key: Key) -> Result<Option<Kept>>;

    /// True for the first use of this name of its kind within its lifetime, whichever process asks, and only for it.
    async fn once(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool>;

    /// True when this name of its kind was used within its lifetime, by whichever process. Writes nothing.
    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool>;

    /// The sessions of a person; some may have ended already.
    async fn keys_of(&self, person: Person<'_>) -> Result<Vec<Key>>;

    /// About `limit` sessions, some of which may have ended already.
    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<Page>;

    /// True when other processes use the same store, so that a session can end or change without this one.
    fn is_shared(&self) -> bool {
        false
    }

    /// True when the store removes by itself what has expired, and tells it by [`expired`](Self::expired).
    fn sweeps(&self) -> bool {
        false
    }

    /// Waits for a session that the store removes because it has expired. It may leave some out when there are many.
    async fn expired(&self) -> (Key, Kept) {
        std::future::pending().await
    }

    /// What other processes do to sessions.
    fn notices(&self) -> Option<broadcast::Receiver<Notice>> {
        None
    }
}

/// What a store has of one session.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The data of the record.
    pub data: HashMap<String, Value>,
    /// When it expires.
    pub expires: UnixTime,
}

/// Where a page of sessions ended; the store's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(super) String);

impl Cursor {
    /// A cursor as it was written; `None` for what no store writes.
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

/// Some of the sessions of a store.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Their keys.
    pub keys: Vec<Key>,
    /// Where to go on; `None` when this was the end.
    pub next: Option<Cursor>,
}

/// Something happened to sessions, perhaps elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// This session has ended.
    Ended(Key),
    /// This session's data has changed.
    Changed(Key),
    /// Notices may have been lost: whatever is cached has to be looked at again.
    Missed,
}
