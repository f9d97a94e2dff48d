//! Sealing: authenticated encryption of small values that leave the process.
//!
//! Uses AES-256-GCM-SIV with a random nonce (RFC 8452). A repeated nonce would reveal only that two values are equal.

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// Seals with one key and opens with several, so that keys can be rotated. Clones share the keys.
#[derive(Clone)]
pub struct Sealer {
    /// The first key seals; all keys open.
    keys: Arc<ArcSwap<Vec<RandomizedNonceKey>>>,
    /// The instance whose values these are; empty for the single, unnamed one.
    instance: Arc<str>,
}

impl Sealer {
    /// A sealer with these keys, the newest first.
    ///
    /// # Panics
    /// Never: the type guarantees the key length.
    #[expect(clippy::expect_used, reason = "the array has the key length of the algorithm")]
    pub(super) fn new(keys: impl IntoIterator<Item = Zeroizing<[u8; KEY_LENGTH]>>) -> Self {
        let key = |key: Zeroizing<[u8; KEY_LENGTH]>| {
            RandomizedNonceKey::new(&AES_256_GCM_SIV, &*key).expect("a 256-bit key")
        };
        let keys: Vec<_> = keys.into_iter().map(key).collect();
        Self { keys: Arc::new(ArcSwap::from_pointee(keys)), instance: Arc::default() }
    }

    /// From now on seals and opens with the keys of `other`, and so do all clones.
    pub fn use_keys_of(&self, other: &Self) {
        self.keys.store(other.keys.load_full());
    }

    /// The same keys for the values of one instance: what it seals, only a sealer for an instance of this name opens.
    #[must_use]
    pub fn for_instance(&self, name: &str) -> Self {
        Self { keys: self.keys.clone(), instance: name.into() }
    }

    /// What a value is bound to. No other context holds a zero byte, so no two instances have one in common.
    fn bound<'c>(&self, context: &'c [u8]) -> Cow<'c, [u8]> {
        if self.instance.is_empty() {
            return context.into();
        }
        [self.instance.as_bytes(), b"\0", context].concat().into()
    }

    /// Seals a value; `open` needs the same `context`. The result is base64url.
    ///
    /// # Errors
    /// When the value cannot be serialized as JSON.
    pub fn seal<T: Serialize>(&self, context: &str, value: &T) -> serde_json::Result<String> {
        self.seal_bytes(context.as_bytes(), value).map(|sealed| URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a sealed value; `None` if it was not sealed with one of the keys and this context.
    pub fn open<T: DeserializeOwned>(&self, context: &str, text: &str) -> Option<T> {
        self.open_bytes(context.as_bytes(), &URL_SAFE_NO_PAD.decode(text).ok()?)
    }

    /// Like [`seal`](Self::seal), but returns bytes: ciphertext, tag, nonce.
    ///
    /// # Errors
    /// When the value cannot be serialized as JSON.
    pub fn seal_bytes<T: Serialize>(&self, context: &[u8], value: &T) -> serde_json::Result<Vec<u8>> {
        let failed = || <serde_json::Error as serde::ser::Error>::custom("sealing failed");
        let mut sealed = serde_json::to_vec(value)?;
        let keys = self.keys.load();
        let key = keys.first().ok_or_else(failed)?;
        let nonce = key
            .seal_in_place_append_tag(Aad::from(self.bound(context)), &mut sealed)
            .map_err(|_| failed())?;
        sealed.extend_from_slice(nonce.as_ref());
        Ok(sealed)
    }

    /// Like [`open`](Self::open), but takes bytes.
    pub fn open_bytes<T: DeserializeOwned>(&self, context: &[u8], sealed: &[u8]) -> Option<T> {
        let context = self.bound(context);
        let (sealed, nonce) = sealed.split_at_checked(sealed.len().checked_sub(NONCE_LENGTH)?)?;
        self.keys.load().iter().find_map(|key| {
            // Opening works in place. A wrong key overwrites the bytes, so each attempt gets a copy.
            let mut bytes = sealed.to_vec();
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let plain = key.open_in_place(nonce, Aad::from(&*context), &mut bytes).ok()?;
            serde_json::from_slice(plain).ok()
        })
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

/// Length of a key, in bytes.
pub const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer<const N: usize>(keys: [u8; N]) -> Sealer {
        Sealer::new(keys.map(|key| Zeroizing::new([key; KEY_LENGTH])))
    }

    #[test]
    fn a_sealed_value_opens_only_with_its_key_and_context() {
        let (sealer, other) = (sealer([1]), sealer([2]));
        let text = sealer.seal("a", &"secret").unwrap();
        assert_eq!(sealer.open::<String>("a", &text).as_deref(), Some("secret"));
        assert_eq!(sealer.open::<String>("b", &text), None);
        assert_eq!(other.open::<String>("a", &text), None);
    }

    #[test]
    fn a_value_of_one_instance_is_opened_by_no_other() {
        let unnamed = sealer([1]);
        let all = [unnamed.clone(), unnamed.for_instance("a"), unnamed.for_instance("b")];
        for (index, one) in all.iter().enumerate() {
            let text = one.seal("context", &"secret").unwrap();
            for (other, sealer) in all.iter().enumerate() {
                let opened = sealer.open::<String>("context", &text);
                assert_eq!(opened.is_some(), index == other, "{index} {other}");
            }
        }
        // The name of an instance cannot stand for a part of the context.
        let text = unnamed.for_instance("a").seal("b", &"secret").unwrap();
        assert_eq!(unnamed.open::<String>("ab", &text), None);
        assert_eq!(unnamed.for_instance("ab").open::<String>("", &text), None);
    }

    #[test]
    fn after_a_rotation_the_old_key_opens_and_the_new_one_seals() {
        let (old, new) = (1, 2);
        let before = sealer([old]).seal("a", &"secret").unwrap();
        let rotated = sealer([new, old]);
        assert_eq!(rotated.open::<String>("a", &before).as_deref(), Some("secret"));
        let after = rotated.seal("a", &"secret").unwrap();
        assert_eq!(sealer([old]).open::<String>("a", &after), None);
        assert_eq!(sealer([new]).open::<String>("a", &after).as_deref(), Some("secret"));
        let running = sealer([old]);
        running.use_keys_of(&rotated);
        assert_eq!(running.open::<String>("a", &after).as_deref(), Some("secret"));
    }

    #[test]
    fn changed_or_invalid_text_does_not_open() {
        let sealer = sealer([1]);
        let text = sealer.seal("a", &"secret").unwrap();
        for i in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
            assert_eq!(sealer.open::<String>("a", std::str::from_utf8(&bytes).unwrap()), None, "byte {i}");
        }
        for junk in ["", "A", "====", "\u{e9}"] {
            assert_eq!(sealer.open::<String>("a", junk), None);
        }
    }
}
