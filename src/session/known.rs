//! The sessions this process has let in. The cache may drop one that an open WebSocket still counts on; here its end is
//! kept, so that it reaches everybody.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::key::Key;
use crate::clock::UnixTime;

/// How each session's end is told, and when each has to be looked at again. Touched when a session comes or goes, never by
/// a request.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<Key, (CancellationToken, UnixTime)>,
    due: BTreeSet<(UnixTime, Key)>,
    /// How many sessions have ended so far.
    endings: u64,
}

impl Known {
    /// The token that tells this session's end; its time-out is looked at when `due`.
    pub(super) fn enter(&self, key: Key, due: UnixTime) -> CancellationToken {
        let mut inner = self.lock();
        let ended = match inner.forget(key) {
            Some(ended) => ended,
            None => CancellationToken::new(),
        };
        inner.sessions.insert(key, (ended.clone(), due));
        inner.due.insert((due, key));
        ended
    }

    /// Tells everybody that this session has ended.
    pub(super) fn end(&self, key: Key) {
        let mut inner = self.lock();
        inner.endings += 1;
        let ended = inner.forget(key);
        // Whoever wakes up may ask for the lock.
        drop(inner);
        if let Some(ended) = ended {
            ended.cancel();
        }
    }

    /// How many sessions have ended so far.
    pub(super) fn endings(&self) -> u64 {
        self.lock().endings
    }

    /// Whose time-out may have come.
    pub(super) fn due(&self, now: UnixTime) -> Vec<Key> {
        self.lock().due.iter().take_while(|(due, _)| *due <= now).map(|(_, key)| *key).collect()
    }

    /// Every session that was let in and has not ended.
    pub(super) fn all(&self) -> Vec<Key> {
        self.lock().sessions.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self, key: Key) -> Option<CancellationToken> {
        let (ended, due) = self.sessions.remove(&key)?;
        self.due.remove(&(due, key));
        Some(ended)
    }
}
