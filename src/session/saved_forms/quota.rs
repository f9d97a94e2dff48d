//! The quota of saved forms, for each person and for all. Each instance counts the forms that it saved itself.

use std::collections::BTreeMap;

use crate::session::Key;
use crate::unix_time::UnixTime;

/// Saved forms of one person, and concurrent uploads of one person.
pub(super) const MAX_PER_PERSON: usize = 4;
/// Forms of all people.
pub(super) const MAX_FORMS: usize = 1000;
/// Bytes of all forms.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// Saved forms and uploads, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Quota {
    next: u64,
    uses: BTreeMap<u64, QuotaUse>,
}

struct QuotaUse {
    user: String,
    bytes: usize,
    /// Key and expiry; `None` during the upload.
    saved: Option<(Key, UnixTime)>,
}

impl Quota {
    /// Reserves `bytes` for this person; `None` when the quota is used up.
    pub(super) fn reserve(&mut self, user: &str, bytes: usize, now: UnixTime) -> Option<u64> {
        self.uses.retain(|_, slot| slot.saved.is_none_or(|(_, expires)| expires > now));
        let uploads = self.uses.values().filter(|slot| slot.saved.is_none() && slot.user == user).count();
        let total: usize = self.uses.values().map(|slot| slot.bytes).sum();
        let fits = uploads < MAX_PER_PERSON
            && self.uses.len() < MAX_FORMS
            && total.checked_add(bytes).is_some_and(|all| all <= MAX_BYTES);
        fits.then(|| self.insert(QuotaUse { user: user.to_owned(), bytes, saved: None }))
    }

    /// Number and bytes of all forms that have not expired.
    pub(super) fn usage(&self, now: UnixTime) -> (u64, u64) {
        let current = self.uses.values().filter(|slot| slot.saved.is_none_or(|(_, expires)| expires > now));
        current.fold((0, 0), |(forms, bytes), slot| (forms + 1, bytes + slot.bytes as u64))
    }

    /// Records that a form was saved. The caller deletes the forms that are returned: the oldest of this person, if there are
    /// too many.
    pub(super) fn mark_saved(&mut self, number: u64, key: Key, bytes: usize, expires: UnixTime) -> Vec<Key> {
        let Some(slot) = self.uses.get_mut(&number) else { return Vec::new() };
        slot.saved = Some((key, expires));
        slot.bytes = bytes;
        let user = slot.user.clone();
        let theirs: Vec<(u64, Key)> = self
            .uses
            .iter()
            .filter(|(_, slot)| slot.user == user)
            .filter_map(|(number, slot)| Some((*number, slot.saved?.0)))
            .collect();
        let too_many = theirs.len().saturating_sub(MAX_PER_PERSON);
        theirs
            .into_iter()
            .take(too_many)
            .map(|(number, key)| {
                self.uses.remove(&number);
                key
            })
            .collect()
    }

    /// Records that a form was put back.
    pub(super) fn restore(&mut self, user: &str, key: Key, bytes: usize, expires: UnixTime) {
        self.insert(QuotaUse { user: user.to_owned(), bytes, saved: Some((key, expires)) });
    }

    /// Releases the quota of an upload that was not saved.
    pub(super) fn release(&mut self, number: u64) {
        self.uses.remove(&number);
    }

    /// Releases the quota of a deleted form.
    pub(super) fn remove(&mut self, deleted: Key) {
        self.uses.retain(|_, slot| slot.saved.is_none_or(|(key, _)| key != deleted));
    }

    fn insert(&mut self, slot: QuotaUse) -> u64 {
        self.next += 1;
        self.uses.insert(self.next, slot);
        self.next
    }
}

impl std::fmt::Debug for QuotaUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower_sessions::session::Id;

    const NOW: UnixTime = UnixTime(1_800_000_000);
    const LATER: UnixTime = UnixTime(NOW.0 + 1800);

    fn key(number: usize) -> Key {
        Key::of(Id(number as i128))
    }

    #[test]
    fn the_latest_forms_of_a_person_stay() {
        let mut quota = Quota::default();
        for number in 0..10 {
            let slot = quota.reserve("alice", 10, NOW).unwrap();
            let gone = quota.mark_saved(slot, key(number), 10, LATER);
            let expected = number.checked_sub(MAX_PER_PERSON).map(key);
            assert_eq!(gone, Vec::from_iter(expected), "form {number}");
        }
        let slot = quota.reserve("bob", 10, NOW).unwrap();
        assert_eq!(quota.mark_saved(slot, key(99), 10, LATER), [], "nobody else loses a form");
        assert_eq!(quota.uses.len(), MAX_PER_PERSON + 1);
    }

    #[test]
    fn concurrent_uploads_of_a_person_are_bounded() {
        let mut quota = Quota::default();
        let slots: Vec<_> = (0..MAX_PER_PERSON).map(|_| quota.reserve("alice", 10, NOW).unwrap()).collect();
        assert_eq!(quota.reserve("alice", 10, NOW), None);
        quota.release(slots[0]);
        assert!(quota.reserve("alice", 10, NOW).is_some());
    }

    #[test]
    fn the_number_of_forms_is_bounded_until_they_expire() {
        let mut quota = Quota::default();
        for number in 0..MAX_FORMS {
            let slot = quota.reserve(&format!("user{number}"), 10, NOW).unwrap();
            quota.mark_saved(slot, key(number), 10, LATER);
        }
        assert_eq!(quota.reserve("late", 10, NOW), None);
        quota.remove(key(7));
        assert!(quota.reserve("late", 10, NOW).is_some());
        assert_eq!(quota.reserve("later", 10, NOW), None);
        assert!(quota.reserve("later", 10, LATER).is_some());
    }

    #[test]
    fn bytes_are_bounded_and_count_as_saved() {
        let (mut quota, large) = (Quota::default(), MAX_BYTES / 4);
        let slots: Vec<_> = (0..4).map(|n| quota.reserve(&format!("user{n}"), large, NOW).unwrap()).collect();
        assert_eq!(quota.reserve("late", 1, NOW), None);
        quota.mark_saved(slots[0], key(0), large - 1, LATER);
        assert!(quota.reserve("late", 1, NOW).is_some());
        assert_eq!(quota.reserve("late", usize::MAX, NOW), None);
    }
}
