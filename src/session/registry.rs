//! The registry: for each session in use here, the tasks that wait for its end, and when to check its time-outs. The cache may evict a
//! session while a WebSocket still waits for its end.
//!
//! A million sessions may pass through here in a day, so an entry is small: a weak reference and a time. When the store
//! itself removes expired sessions, an entry is removed as soon as no task waits for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

use super::key::Key;
use crate::unix_time::UnixTime;

/// Changes when a session begins or ends, never by a request.
#[derive(Debug)]
pub(super) struct Registry {
    inner: Mutex<Entries>,
    /// True when the store removes expired sessions and reports them.
    store_sweeps: bool,
}

#[derive(Debug, Default)]
struct Entries {
    sessions: HashMap<Key, Registered>,
    /// Keys by the second of their check. A key in the wrong row is ignored: its session has another row by now, or has ended.
    due: BTreeMap<u32, Vec<Key>>,
    /// Sessions that have ended so far.
    ends: u64,
    /// The next cleanup begins at this number of entries.
    cleanup_at: usize,
}

#[derive(Debug)]
struct Registered {
    ended: Weak<CancellationToken>,
    /// Its row in `due`.
    row: u32,
}

impl Registry {
    pub(super) fn new(store_sweeps: bool) -> Self {
        Self { inner: Mutex::default(), store_sweeps }
    }

    /// Registers a session: gives the token that is cancelled at its end, and schedules the check of its time-outs.
    pub(super) fn register(&self, key: Key, due: UnixTime) -> Arc<CancellationToken> {
        let mut inner = self.lock();
        if self.store_sweeps {
            inner.clean_up();
        }
        let registered = inner.schedule(key, due);
        registered.ended.upgrade().unwrap_or_else(|| {
            let ended = Arc::default();
            registered.ended = Arc::downgrade(&ended);
            ended
        })
    }

    /// Schedules the check of a session's time-outs. No task needs to wait for its end.
    pub(super) fn schedule(&self, key: Key, due: UnixTime) {
        self.lock().schedule(key, due);
    }

    /// True when a check of this session is scheduled.
    pub(super) fn contains(&self, key: Key) -> bool {
        self.lock().sessions.contains_key(&key)
    }

    /// Removes a session and wakes all tasks that wait for its end.
    pub(super) fn end(&self, key: Key) {
        let mut inner = self.lock();
        inner.ends += 1;
        let ended = inner.sessions.remove(&key).and_then(|registered| registered.ended.upgrade());
        // Tasks that wake up may need the lock.
        drop(inner);
        if let Some(ended) = ended {
            ended.cancel();
        }
    }

    /// How many sessions have ended so far.
    pub(super) fn ends(&self) -> u64 {
        self.lock().ends
    }

    /// Removes the sessions whose check is due from the schedule and returns them. The caller schedules the next check.
    pub(super) fn take_due(&self, now: UnixTime) -> Vec<Key> {
        let mut inner = self.lock();
        let now = seconds(now);
        let mut keys = Vec::new();
        while let Some(row) = inner.due.first_entry().filter(|row| *row.key() <= now) {
            let (second, named) = row.remove_entry();
            for key in named {
                let registered = inner.sessions.get_mut(&key).filter(|registered| registered.row == second);
                if let Some(registered) = registered {
                    registered.row = NO_ROW;
                    keys.push(key);
                }
            }
        }
        keys
    }

    /// The sessions whose end a task waits for.
    pub(super) fn awaited(&self) -> Vec<Key> {
        let inner = self.lock();
        let awaited = inner.sessions.iter().filter(|(_, registered)| registered.ended.strong_count() > 0);
        awaited.map(|(key, _)| *key).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// An earlier check stays: it schedules the next one itself.
    fn schedule(&mut self, key: Key, due: UnixTime) -> &mut Registered {
        let due = seconds(due);
        let registered = self.sessions.entry(key).or_insert(Registered { ended: Weak::new(), row: NO_ROW });
        if due < registered.row {
            registered.row = due;
            self.due.entry(due).or_default().push(key);
        }
        registered
    }

    fn clean_up(&mut self) {
        if self.sessions.len() < self.cleanup_at.max(MIN_CLEANUP) {
            return;
        }
        self.sessions.retain(|_, registered| registered.ended.strong_count() > 0);
        for (second, row) in &mut self.due {
            row.retain(|key| self.sessions.get(key).is_some_and(|registered| registered.row == *second));
            row.shrink_to_fit();
        }
        self.due.retain(|_, row| !row.is_empty());
        self.cleanup_at = 2 * self.sessions.len();
    }
}

/// Valid until 2106.
fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.0.max(0)).unwrap_or(NO_ROW).min(NO_ROW - 1)
}

/// The row of a session without a scheduled check.
const NO_ROW: u32 = u32::MAX;
/// Fewer entries are not worth a cleanup.
const MIN_CLEANUP: usize = 4096;

#[cfg(test)]
mod tests {
    use tower_sessions::session::Id;

    use super::*;

    fn key(number: i128) -> Key {
        Key::of(Id(number))
    }

    #[test]
    fn an_end_wakes_everybody_who_waits() {
        let registry = Registry::new(true);
        let (one, two) = (registry.register(key(1), UnixTime(10)), registry.register(key(1), UnixTime(20)));
        let other = registry.register(key(2), UnixTime(10));
        registry.end(key(1));
        assert!(one.is_cancelled() && two.is_cancelled() && !other.is_cancelled());
        assert!(!registry.register(key(1), UnixTime(10)).is_cancelled(), "registered again");
    }

    #[test]
    fn a_session_is_due_once_at_its_earliest_time() {
        let registry = Registry::new(false);
        registry.schedule(key(1), UnixTime(20));
        registry.schedule(key(1), UnixTime(10));
        registry.schedule(key(1), UnixTime(30));
        registry.schedule(key(2), UnixTime(15));
        assert!(registry.take_due(UnixTime(9)).is_empty());
        assert_eq!(registry.take_due(UnixTime(12)), [key(1)]);
        assert_eq!(registry.take_due(UnixTime(20)), [key(2)], "not in the row of 20");
        registry.schedule(key(1), UnixTime(40));
        registry.end(key(1));
        assert!(registry.take_due(UnixTime(50)).is_empty(), "ended");
    }

    #[test]
    fn sessions_nobody_waits_for_are_removed_only_when_the_store_sweeps() {
        for (sweeps, left) in [(true, 2 * MIN_CLEANUP), (false, 100_000)] {
            let registry = Registry::new(sweeps);
            let held = registry.register(key(-1), UnixTime(1));
            for number in 0..100_000 {
                registry.register(key(number), UnixTime(1));
            }
            let (sessions, rows) = {
                let inner = registry.lock();
                (inner.sessions.len(), inner.due.values().map(Vec::len).sum::<usize>())
            };
            assert!(if sweeps { sessions <= left } else { sessions > left }, "{sweeps}: {sessions}");
            assert_eq!(sessions, rows);
            registry.end(key(-1));
            assert!(held.is_cancelled());
        }
    }
}
