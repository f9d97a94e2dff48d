//! The name of a session towards everybody but its browser: store, cache, assertion, audit trail.

use std::cell::RefCell;
use std::fmt::{self, Display, Formatter};
use std::hash::Hasher;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_sessions::session::Id;

/// A digest of a session's id. Whoever reads it in a store or in a log cannot make a cookie from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; Key::LENGTH]);

impl Key {
    /// Bytes of a key.
    pub const LENGTH: usize = 16;

    /// The key of the session with this id: SHA-256, cut to the 128 bits that the id has.
    pub fn of(id: Id) -> Self {
        let mut text = *b"imsgate session ................";
        text[16..].copy_from_slice(&id.0.to_le_bytes());
        let mut key = [0; Self::LENGTH];
        key.copy_from_slice(&digest::digest(&digest::SHA256, &text).as_ref()[..Self::LENGTH]);
        Self(key)
    }

    /// As [`of`](Self::of), without the digest for the ids that this thread was asked for last.
    pub(super) fn recall(id: Id) -> Self {
        thread_local! {
            static RECENT: RefCell<Vec<Option<(Id, Key)>>> = RefCell::new(vec![None; RECENT_IDS]);
        }
        let place = usize::from(id.0.to_le_bytes()[0]) % RECENT_IDS;
        RECENT.with_borrow_mut(|recent| match recent[place] {
            Some((known, key)) if known == id => key,
            _ => {
                let key = Self::of(id);
                recent[place] = Some((id, key));
                key
            }
        })
    }

    /// A key as it is written in the claim `sid`; `None` for anything else.
    pub fn parse(sid: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(sid).ok()?.try_into().ok().map(Self)
    }

    /// A number that tells this session from others; it spreads what would happen to all at once.
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

/// Ids of which a thread knows the key.
const RECENT_IDS: usize = 256;

/// Hashes a [`Key`], which is a digest already, by taking a part of it.
#[derive(Debug, Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(self.0, |half| u64::from_le_bytes(*half));
    }

    // The length, which is always the same.
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
            assert_eq!(Key::recall(other), Key::of(other));
        }
        for junk in ["", "A", "AAAAAAAAAAAAAAAAAAAAAAA", "====", "AAAAAAAAAAAAAAAAAAAAA\u{e9}"] {
            assert_eq!(Key::parse(junk), None);
        }
    }
}
