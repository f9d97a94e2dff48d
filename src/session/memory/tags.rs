//! The index of the memory store: which records have a tag.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::key::Key;
use crate::crypto::Tag;

/// Keys by tag.
#[derive(Debug, Default)]
pub(super) struct Tags(Mutex<HashMap<Tag, Vec<Key>>>);

impl Tags {
    /// Adds a record.
    pub(super) fn add(&self, key: Key, tags: &[Tag]) {
        let mut index = self.lock();
        for tag in tags {
            let keys = index.entry(*tag).or_default();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }

    /// Removes a record.
    pub(super) fn remove(&self, key: Key, tags: &[Tag]) {
        let mut index = self.lock();
        for tag in tags {
            if let Some(keys) = index.get_mut(tag) {
                keys.retain(|other| *other != key);
                if keys.is_empty() {
                    index.remove(tag);
                }
            }
        }
    }

    /// The records with this tag.
    pub(super) fn keys(&self, tag: Tag) -> Vec<Key> {
        self.lock().get(&tag).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Tag, Vec<Key>>> {
        // No change stops halfway: the map is valid after a panic of another thread.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
