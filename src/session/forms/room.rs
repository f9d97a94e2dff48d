//! How much may be kept: bounded for each person and for all together.
//!
//! Each instance counts what it has taken in itself.

use std::collections::BTreeMap;

use crate::clock::UnixTime;
use crate::session::Key;

/// Forms of one person that are kept, and as many that may be coming in at the same time.
pub(super) const MOST_PER_PERSON: usize = 4;
/// Forms of all.
pub(super) const MOST: usize = 1000;
/// Bytes of all.
pub(super) const MOST_BYTES: usize = 64 << 20;

/// What is kept and what is coming in, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Room {
    next: u64,
    slots: BTreeMap<u64, Slot>,
}

struct Slot {
    user: String,
    bytes: usize,
    /// Under what and until when; `None`: it is coming in.
    kept: Option<(Key, UnixTime)>,
}

impl Room {
    /// Room for `bytes` of this person; `None` when there is none.
    pub(super) fn reserve(&mut self, user: &str, bytes: usize, now: UnixTime) -> Option<u64> {
        self.slots.retain(|_, slot| slot.kept.is_none_or(|(_, expires)| expires > now));
        let coming = self.slots.values().filter(|slot| slot.kept.is_none() && slot.user == user).count();
        let taken: usize = self.slots.values().map(|slot| slot.bytes).sum();
        let fits = coming < MOST_PER_PERSON
            && self.slots.len() < MOST
            && taken.checked_add(bytes).is_some_and(|all| all <= MOST_BYTES);
        fits.then(|| self.enter(Slot { user: user.to_owned(), bytes, kept: None }))
    }

    /// A form has come in. What this person has too much of, the oldest first, is to be removed.
    pub(super) fn fill(&mut self, number: u64, key: Key, bytes: usize, expires: UnixTime) -> Vec<Key> {
        let Some(slot) = self.slots.get_mut(&number) else { return Vec::new() };
        slot.kept = Some((key, expires));
        slot.bytes = bytes;
        let user = slot.user.clone();
        let theirs: Vec<(u64, Key)> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.user == user)
            .filter_map(|(number, slot)| Some((*number, slot.kept?.0)))
            .collect();
        let too_many = theirs.len().saturating_sub(MOST_PER_PERSON);
        theirs
            .into_iter()
            .take(too_many)
            .map(|(number, key)| {
                self.slots.remove(&number);
                key
            })
            .collect()
    }

    /// A form that had left is back.
    pub(super) fn restore(&mut self, user: &str, key: Key, bytes: usize, expires: UnixTime) {
        self.enter(Slot { user: user.to_owned(), bytes, kept: Some((key, expires)) });
    }

    /// A form that was coming in is not kept.
    pub(super) fn free(&mut self, number: u64) {
        self.slots.remove(&number);
    }

    /// A kept form has left.
    pub(super) fn leave(&mut self, left: Key) {
        self.slots.retain(|_, slot| slot.kept.is_none_or(|(key, _)| key != left));
    }

    fn enter(&mut self, slot: Slot) -> u64 {
        self.next += 1;
        self.slots.insert(self.next, slot);
        self.next
    }
}

impl std::fmt::Debug for Slot {
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
    fn a_person_keeps_the_latest_few() {
        let mut room = Room::default();
        for number in 0..10 {
            let place = room.reserve("alice", 10, NOW).unwrap();
            let gone = room.fill(place, key(number), 10, LATER);
            let expected = number.checked_sub(MOST_PER_PERSON).map(key);
            assert_eq!(gone, Vec::from_iter(expected), "form {number}");
        }
        let place = room.reserve("bob", 10, NOW).unwrap();
        assert_eq!(room.fill(place, key(99), 10, LATER), [], "others lose nothing");
        assert_eq!(room.slots.len(), MOST_PER_PERSON + 1);
    }

    #[test]
    fn a_person_sends_a_few_at_a_time() {
        let mut room = Room::default();
        let places: Vec<_> = (0..MOST_PER_PERSON).map(|_| room.reserve("alice", 10, NOW).unwrap()).collect();
        assert_eq!(room.reserve("alice", 10, NOW), None);
        room.free(places[0]);
        assert!(room.reserve("alice", 10, NOW).is_some());
    }

    #[test]
    fn a_thousand_forms_are_all_there_is_room_for_until_they_expire() {
        let mut room = Room::default();
        for number in 0..MOST {
            let place = room.reserve(&format!("user{number}"), 10, NOW).unwrap();
            room.fill(place, key(number), 10, LATER);
        }
        assert_eq!(room.reserve("late", 10, NOW), None);
        room.leave(key(7));
        assert!(room.reserve("late", 10, NOW).is_some());
        assert_eq!(room.reserve("later", 10, NOW), None);
        assert!(room.reserve("later", 10, LATER).is_some());
    }

    #[test]
    fn large_forms_are_bounded_by_their_bytes_and_what_came_in_counts_as_it_is() {
        let (mut room, large) = (Room::default(), MOST_BYTES / 4);
        let places: Vec<_> = (0..4).map(|n| room.reserve(&format!("user{n}"), large, NOW).unwrap()).collect();
        assert_eq!(room.reserve("late", 1, NOW), None);
        room.fill(places[0], key(0), large - 1, LATER);
        assert!(room.reserve("late", 1, NOW).is_some());
        assert_eq!(room.reserve("late", usize::MAX, NOW), None);
    }
}
