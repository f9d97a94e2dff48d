//! The end of a session: at this instance at once, and in the store as soon as the store answers.
//!
//! An ended session is reported with its data for the session cleanup at Campaign and IMS. The instance that took it out of the
//! store reports it, so exactly one does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::data::SessionData;
use super::{Key, Sessions, StoreError};

/// An ended session.
#[derive(Clone, Debug)]
pub struct EndedSession {
    /// Its key, `sid` in the assertion and in the audit trail.
    pub key: Key,
    /// Its data.
    pub data: SessionData,
    /// Why it ended.
    pub why: EndReason,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its owner signed out.
    SignedOut,
    /// Its owner signed out everywhere.
    Everywhere,
    /// An operator revoked it.
    Operator,
    /// IMS ended it (OpenID Connect Back-Channel Logout 1.0).
    Provider,
    /// The idle or the absolute time-out was reached.
    TimedOut,
    /// Its owner has newer sessions, as many as allowed.
    TooMany,
    /// The same browser signed in again.
    Replaced,
    /// Its owner no longer has a group, or has left the organisation.
    Expelled,
    /// Its owner's groups do not fit into the head of a request.
    TooManyGroups,
    /// IMS refused to refresh its tokens.
    TokensRefused,
    /// The groups of its owner could not be checked for too long.
    GroupsUnknown,
}

impl EndReason {
    /// The word in the audit trail.
    pub fn word(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Everywhere => "signed_out_everywhere",
            Self::Operator => "revoked_by_operator",
            Self::Provider => "ended_by_provider",
            Self::TimedOut => "timed_out",
            Self::TooMany => "too_many_sessions",
            Self::Replaced => "replaced",
            Self::Expelled => "groups_lost",
            Self::TooManyGroups => "too_many_groups",
            Self::TokensRefused => "tokens_refused",
            Self::GroupsUnknown => "groups_unknown",
        }
    }
}

impl Sessions {
    /// Removes an ended session from the cache, and wakes all tasks that wait for its end.
    pub(super) fn forget(&self, key: Key) {
        self.live.invalidate(&key);
        self.registry.end(key);
    }

    /// Ends a session and reports it for the session cleanup; true when the store had it.
    pub async fn end_key(&self, key: Key, why: EndReason) -> Result<bool, StoreError> {
        let taken = self.take(key, why).await?;
        let was_there = taken.is_some();
        self.report(key, taken, why);
        Ok(was_there)
    }

    /// Ends a session. Exactly one caller gets its data. If the store does not answer, the deletion is repeated later and reported with
    /// `why`.
    pub(super) async fn take(&self, key: Key, why: EndReason) -> Result<Option<SessionData>, StoreError> {
        self.forget(key);
        // Before the store is asked: from now on the cookie finds nothing, even if the store is slow.
        self.undeleted.insert(key, why);
        let taken = self.vault.take(key).await?;
        self.undeleted.remove(key);
        // A request may have loaded the session meanwhile.
        self.forget(key);
        Ok(taken.and_then(|entry| self.session_of(&entry)))
    }

    pub(super) fn report(&self, key: Key, held: Option<SessionData>, why: EndReason) {
        if let Some(data) = held {
            self.ended.push(EndedSession { key, data, why });
        }
    }
}

/// Sessions that have ended here and must still be deleted from the store.
#[derive(Debug, Default)]
pub(super) struct Undeleted(Mutex<HashMap<Key, EndReason>>);

impl Undeleted {
    pub(super) fn contains(&self, key: Key) -> bool {
        self.lock().contains_key(&key)
    }

    /// Keeps the first reason.
    fn insert(&self, key: Key, why: EndReason) {
        self.lock().entry(key).or_insert(why);
    }

    fn remove(&self, key: Key) {
        self.lock().remove(&key);
    }

    pub(super) fn all(&self) -> Vec<(Key, EndReason)> {
        self.lock().iter().map(|(key, why)| (*key, *why)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, EndReason>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queue of ended sessions. It is bounded: a gateway that was down for days finds a file full of expired sessions, and
/// must not send all of them to Campaign and IMS at once.
#[derive(Debug, Default)]
pub(super) struct EndedQueue {
    to: Option<mpsc::Sender<EndedSession>>,
    dropped: AtomicU64,
}

impl EndedQueue {
    pub(super) fn to(sender: mpsc::Sender<EndedSession>) -> Arc<Self> {
        Arc::new(Self { to: Some(sender), dropped: AtomicU64::new(0) })
    }

    pub(super) fn push(&self, ended: EndedSession) {
        let Some(to) = &self.to else { return };
        // The last quarter is reserved for sessions that somebody ended.
        let is_full = ended.why == EndReason::TimedOut && to.capacity() <= to.max_capacity() / 4;
        if is_full || to.try_send(ended).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Logs how many sessions were dropped since the last call.
    pub(super) fn log_dropped(&self) {
        let sessions = self.dropped.swap(0, Ordering::Relaxed);
        if sessions > 0 {
            tracing::warn!(
                sessions,
                "too many sessions ended at once: their Campaign sessions and tokens are not revoked; they expire by themselves"
            );
        }
    }
}
