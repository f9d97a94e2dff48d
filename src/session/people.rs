//! Whose sessions the memory store has: an index, so that a login need not go through all of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tower_sessions::session::Record;

use super::data::{Person, SessionData};
use super::key::Key;

/// The keys of everybody's sessions. It may know a name that a session had before, for as long as nobody asks for it or the
/// session lasts; who asks looks at the data.
#[derive(Debug, Default)]
pub struct People(Mutex<HashMap<String, Vec<Key>>>);

impl People {
    /// A session is there, or has changed.
    pub fn enter(&self, key: Key, record: &Record) {
        let mut people = self.lock();
        for name in names(record) {
            let keys = people.entry(name).or_default();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }

    /// A session is gone; this is the last that was known of it.
    pub fn leave(&self, key: Key, record: &Record) {
        let mut people = self.lock();
        for name in names(record) {
            if let Some(keys) = people.get_mut(&name) {
                keys.retain(|other| *other != key);
                if keys.is_empty() {
                    people.remove(&name);
                }
            }
        }
    }

    /// The sessions of a person.
    pub fn keys_of(&self, person: Person<'_>) -> Vec<Key> {
        self.lock().get(&person.index_text()).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Key>>> {
        // Every change of it is whole, whoever panicked meanwhile.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Under which names a record is found; none for what is no session.
fn names(record: &Record) -> Vec<String> {
    let data = SessionData::from_record(&record.data);
    data.iter().flat_map(SessionData::persons).map(Person::index_text).collect()
}
