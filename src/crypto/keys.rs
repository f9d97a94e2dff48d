//! The keys of a key file and the keys derived from them. Each purpose has its own derived key (HKDF, RFC 5869), so a value
//! sealed for one purpose does not open for another.

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use super::seal::{KEY_LENGTH, Sealer};

/// The keys of this gateway, the newest first. Instances that share sessions have the same keys.
pub struct KeyRing(pub(super) Vec<SecretBox<[u8; KEY_LENGTH]>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPurpose {
    /// Values in cookies: pending logins, the last user, references to saved forms.
    LoginCookie,
    /// Records in the session store.
    Session,
    /// Tags of users in the index of the session store.
    PersonTag,
}

/// Computes tags that identify users in the session store's index without revealing their names: HMAC-SHA-256 with a derived key,
/// truncated to 128 bits.
pub struct Tagger(Vec<hmac::Key>);

pub type Tag = [u8; 16];

impl KeyRing {
    /// A ring with one random key that only this process knows.
    ///
    /// # Panics
    /// When the system's random generator fails.
    #[must_use]
    pub fn random() -> Self {
        let mut key = Box::new([0_u8; KEY_LENGTH]);
        super::fill(&mut *key);
        Self(vec![SecretBox::new(key)])
    }

    /// A ring of these keys, the newest first; `None` if there are none.
    pub(super) fn new(keys: Vec<SecretBox<[u8; KEY_LENGTH]>>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// A sealer that seals with the newest key and opens with all keys.
    #[must_use]
    pub fn sealer(&self, purpose: KeyPurpose) -> Sealer {
        Sealer::new(self.0.iter().map(|key| derive(key, purpose)))
    }

    #[must_use]
    /// A tagger with all keys of the ring.
    pub fn tagger(&self) -> Tagger {
        let key = |key| hmac::Key::new(hmac::HMAC_SHA256, &*derive(key, KeyPurpose::PersonTag));
        Tagger(self.0.iter().map(key).collect())
    }

    pub(super) fn newest(&self) -> Option<&[u8; KEY_LENGTH]> {
        self.0.first().map(ExposeSecret::expose_secret)
    }
}

impl Tagger {
    /// The tags of a name, one for each key, the newest key first.
    pub fn tags(&self, name: &str) -> Vec<Tag> {
        let tag = |key| {
            let mut tag = Tag::default();
            tag.copy_from_slice(&hmac::sign(key, name.as_bytes()).as_ref()[..16]);
            tag
        };
        self.0.iter().map(tag).collect()
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys)", self.0.len())
    }
}

impl std::fmt::Debug for Tagger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tagger")
    }
}

#[expect(clippy::expect_used, reason = "HKDF-SHA-256 can derive 32 bytes (RFC 5869 §2.3)")]
fn derive(key: &SecretBox<[u8; KEY_LENGTH]>, purpose: KeyPurpose) -> Zeroizing<[u8; KEY_LENGTH]> {
    let info: &[u8] = match purpose {
        KeyPurpose::LoginCookie => b"imsgate login cookie",
        KeyPurpose::Session => b"imsgate session",
        KeyPurpose::PersonTag => b"imsgate person tag",
    };
    let mut derived = Zeroizing::new([0; KEY_LENGTH]);
    Salt::new(HKDF_SHA256, b"imsgate key file")
        .extract(key.expose_secret())
        .expand(&[info], HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *derived))
        .expect("32 bytes are a valid HKDF length");
    derived
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_sealed_for_one_purpose_does_not_open_for_another() {
        let ring = KeyRing::random();
        let text = ring.sealer(KeyPurpose::LoginCookie).seal("a", &1).unwrap();
        assert_eq!(ring.sealer(KeyPurpose::LoginCookie).open::<i32>("a", &text), Some(1));
        assert_eq!(ring.sealer(KeyPurpose::Session).open::<i32>("a", &text), None);
    }

    #[test]
    fn tags_depend_on_the_name_and_the_key() {
        let ring = KeyRing::random();
        assert_eq!(ring.tagger().tags("alice"), ring.tagger().tags("alice"));
        assert_ne!(ring.tagger().tags("alice"), ring.tagger().tags("bob"));
        assert_ne!(ring.tagger().tags("alice"), KeyRing::random().tagger().tags("alice"));
    }
}
