//! The key of a session: its name in store, cache, assertion and audit trail. Only the browser has the id itself.

use std::cell::RefCell;
use std::fmt::{self, Display, Formatter};
use std::hash::Hasher;

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_sessions::session::Id;

/// A digest of a session's id. The cookie cannot be computed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; Key::LENGTH]);

impl Key {
    /// Bytes of a key.
    pub const LENGTH: usize = 16;

    /// The key of this id: SHA-256, cut to the 128 bits of an id.
    pub fn of(id: Id) -> Self {
        let mut text = *b"imsgate session ................";
        text[16..].copy_from_slice(&id.0.to_le_bytes());
        let mut key = [0; Self::LENGTH];
        key.copy_from_slice(&digest::digest(&digest::SHA256, &text).as_ref()[..Self::LENGTH]);
        Self(key)
    }

    /// Parses the value of a cookie; returns the id and its key. `None` when the value is no id. Each thread caches its latest values.
    pub(super) fn of_cookie(value: &str) -> Option<(Id, Self)> {
        thread_local! {
            static RECENT: RefCell<Vec<Option<(IdText, Id, Key)>>> = RefCell::new(vec![None; RECENT_IDS]);
        }
        let text: IdText = value.as_bytes().try_into().ok()?;
        let slot = (usize::from(text[0]) << 2 ^ usize::from(text[1])) % RECENT_IDS;
        RECENT.with_borrow_mut(|recent| match recent[slot] {
            Some((known, id, key)) if known == text => Some((id, key)),
            _ => {
                let id = value.parse().ok()?;
                let key = Self::of(id);
                recent[slot] = Some((text, id, key));
                Some((id, key))
            }
        })
    }

    /// Reads a key as in the claim `sid`.
    pub fn parse(sid: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(sid).ok()?.try_into().ok().map(Self)
    }

    /// A number that differs between sessions, to spread periodic work over time.
    pub(super) fn salt(&self) -> u64 {
        let (half, _) = self.0.split_at(8);
        half.iter().fold(0, |salt, byte| salt << 8 | u64::from(*byte))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

/// A session id: 128 bits from the system's generator.
#[expect(clippy::expect_used, reason = "without randomness every session could be guessed")]
pub(super) fn new_id() -> Id {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the system's random generator works");
    Id(i128::from_le_bytes(bytes))
}

/// An id as text: 128 bits in base64url.
type IdText = [u8; 22];

/// Ids in the cache of a thread.
const RECENT_IDS: usize = 256;

/// Hashes a [`Key`] by taking eight of its bytes: a key is already a digest.
#[derive(Debug, Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(self.0, |half| u64::from_le_bytes(*half));
    }

    // The length is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The claim `sid`: 22 characters of base64url.
impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_holds_nothing_of_the_id() {
        let id = Id::default();
        let key = Key::of(id);
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        assert_ne!(key.to_string(), id.to_string());
        assert_ne!(Key::of(Id(id.0 ^ 1)), key);
        for other in [id, id, Id(id.0 ^ (1 << 64)), id] {
            assert_eq!(Key::of_cookie(&other.to_string()), Some((other, Key::of(other))));
        }
        let text = id.to_string();
        for junk in [
            "",
            "A",
            &text[1..],
            &format!("{text}A"),
            &format!("{}=", &text[1..]),
            &format!("{}\u{e9}", &text[2..]),
        ] {
            assert_eq!(Key::of_cookie(junk), None, "{junk}");
        }
        for junk in ["", "A", "AAAAAAAAAAAAAAAAAAAAAAA", "====", "AAAAAAAAAAAAAAAAAAAAA\u{e9}"] {
            assert_eq!(Key::parse(junk), None);
        }
    }
}
