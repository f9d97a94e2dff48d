//! The sessions this process has let in. The cache may drop one that an open WebSocket still counts on; here the way to
//! tell its end is kept, and when its time-out has to be looked at.
//!
//! A million sessions may pass through here in a day, so an entry is small: a weak reference to what those who wait for
//! the end hold, and a time. Where the store itself removes what has expired, an entry goes when nobody waits any more.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

use super::key::Key;
use crate::clock::UnixTime;

/// How each session's end is told, and when each has to be looked at again. Touched when a session comes or goes, never by
/// a request.
#[derive(Debug)]
pub(super) struct Known {
    inner: Mutex<Inner>,
    /// True when the store removes by itself what has expired, and says so.
    store_sweeps: bool,
}

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<Key, Noted>,
    /// By second. A row may name sessions that are filed elsewhere by now, or gone.
    due: BTreeMap<u32, Vec<Key>>,
    /// How many sessions have ended so far.
    endings: u64,
    /// With so many entries, those that nobody needs are looked for.
    tidied_at: usize,
}

#[derive(Debug)]
struct Noted {
    ended: Weak<CancellationToken>,
    /// The row that names it.
    filed: u32,
}

impl Known {
    pub(super) fn new(store_sweeps: bool) -> Self {
        Self { inner: Mutex::default(), store_sweeps }
    }

    /// What tells this session's end; its time-out is looked at when `due`.
    pub(super) fn enter(&self, key: Key, due: UnixTime) -> Arc<CancellationToken> {
        let mut inner = self.lock();
        if self.store_sweeps {
            inner.tidy();
        }
        let noted = inner.file(key, due);
        noted.ended.upgrade().unwrap_or_else(|| {
            let ended = Arc::default();
            noted.ended = Arc::downgrade(&ended);
            ended
        })
    }

    /// Has the session looked at when `due`, whether or not anybody waits for its end.
    pub(super) fn file(&self, key: Key, due: UnixTime) {
        self.lock().file(key, due);
    }

    /// True when this session will be looked at.
    pub(super) fn has(&self, key: Key) -> bool {
        self.lock().sessions.contains_key(&key)
    }

    /// Tells everybody that this session has ended.
    pub(super) fn end(&self, key: Key) {
        let mut inner = self.lock();
        inner.endings += 1;
        let ended = inner.sessions.remove(&key).and_then(|noted| noted.ended.upgrade());
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

    /// Takes out whose time-out may have come; who is not filed again is not looked at again.
    pub(super) fn due(&self, now: UnixTime) -> Vec<Key> {
        let mut inner = self.lock();
        let now = seconds(now);
        let mut keys = Vec::new();
        while let Some(row) = inner.due.first_entry().filter(|row| *row.key() <= now) {
            let (second, named) = row.remove_entry();
            for key in named {
                if let Some(noted) = inner.sessions.get_mut(&key).filter(|noted| noted.filed == second) {
                    noted.filed = NOWHERE;
                    keys.push(key);
                }
            }
        }
        keys
    }

    /// Every session whose end somebody may be waiting for.
    pub(super) fn all(&self) -> Vec<Key> {
        let inner = self.lock();
        let awaited = inner.sessions.iter().filter(|(_, noted)| noted.ended.strong_count() > 0);
        awaited.map(|(key, _)| *key).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// One that is filed earlier already stays there: it will be filed anew when that time has come.
    fn file(&mut self, key: Key, due: UnixTime) -> &mut Noted {
        let due = seconds(due);
        let noted = self.sessions.entry(key).or_insert(Noted { ended: Weak::new(), filed: NOWHERE });
        if due < noted.filed {
            noted.filed = due;
            self.due.entry(due).or_default().push(key);
        }
        noted
    }

    fn tidy(&mut self) {
        if self.sessions.len() < self.tidied_at.max(FEW) {
            return;
        }
        self.sessions.retain(|_, noted| noted.ended.strong_count() > 0);
        for (second, row) in &mut self.due {
            row.retain(|key| self.sessions.get(key).is_some_and(|noted| noted.filed == *second));
            row.shrink_to_fit();
        }
        self.due.retain(|_, row| !row.is_empty());
        self.tidied_at = 2 * self.sessions.len();
    }
}

/// Until 2106.
fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.0.max(0)).unwrap_or(NOWHERE).min(NOWHERE - 1)
}

/// In no row.
const NOWHERE: u32 = u32::MAX;
/// Not worth tidying up.
const FEW: usize = 4096;

#[cfg(test)]
mod tests {
    use tower_sessions::session::Id;

    use super::*;

    fn key(number: i128) -> Key {
        Key::of(Id(number))
    }

    #[test]
    fn an_end_reaches_who_waits_and_the_latest_to_come_too() {
        let known = Known::new(true);
        let (one, two) = (known.enter(key(1), UnixTime(10)), known.enter(key(1), UnixTime(20)));
        let other = known.enter(key(2), UnixTime(10));
        known.end(key(1));
        assert!(one.is_cancelled() && two.is_cancelled() && !other.is_cancelled());
        assert!(!known.enter(key(1), UnixTime(10)).is_cancelled(), "a new beginning");
    }

    #[test]
    fn a_session_is_due_once_at_its_earliest_time() {
        let known = Known::new(false);
        known.file(key(1), UnixTime(20));
        known.file(key(1), UnixTime(10));
        known.file(key(1), UnixTime(30));
        known.file(key(2), UnixTime(15));
        assert!(known.due(UnixTime(9)).is_empty());
        assert_eq!(known.due(UnixTime(12)), [key(1)]);
        assert_eq!(known.due(UnixTime(20)), [key(2)], "filed under 20 no more");
        known.file(key(1), UnixTime(40));
        known.end(key(1));
        assert!(known.due(UnixTime(50)).is_empty(), "ended");
    }

    #[test]
    fn what_nobody_waits_for_is_forgotten_where_the_store_sweeps_and_kept_elsewhere() {
        for (sweeps, left) in [(true, 2 * FEW), (false, 100_000)] {
            let known = Known::new(sweeps);
            let held = known.enter(key(-1), UnixTime(1));
            for number in 0..100_000 {
                known.enter(key(number), UnixTime(1));
            }
            let (sessions, rows) = {
                let inner = known.lock();
                (inner.sessions.len(), inner.due.values().map(Vec::len).sum::<usize>())
            };
            assert!(if sweeps { sessions <= left } else { sessions > left }, "{sweeps}: {sessions}");
            assert_eq!(sessions, rows);
            known.end(key(-1));
            assert!(held.is_cancelled());
        }
    }
}
