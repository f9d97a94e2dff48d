//! The keys of a key file, and what is derived from them: one key a purpose (HKDF, RFC 5869), so that what is sealed for
//! one purpose never opens for another.

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::{hmac, rand};
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use super::seal::{KEY_LENGTH, Sealer};

/// The keys of this gateway, the newest first. Instances that share sessions share these.
pub struct KeyRing(Vec<SecretBox<[u8; KEY_LENGTH]>>);

/// What a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What browsers hold: open logins, who was signed in, the names of kept forms.
    LoginCookie,
    /// Records in a store.
    Session,
    /// Names of people in a store's index.
    PersonTag,
}

/// Names people in a store's index without telling who they are: HMAC-SHA-256 under a derived key, cut to 128 bits.
pub struct Tagger(Vec<hmac::Key>);

/// What a [`Tagger`] makes of a name.
pub type Tag = [u8; 16];

impl KeyRing {
    /// One key from the system's generator, known to this process only.
    ///
    /// # Panics
    /// When the system's generator fails.
    #[expect(clippy::expect_used, reason = "without randomness nothing can be sealed")]
    #[must_use]
    pub fn random() -> Self {
        let mut key = Box::new([0_u8; KEY_LENGTH]);
        rand::fill(&mut *key).expect("the system's random generator works");
        Self(vec![SecretBox::new(key)])
    }

    /// These keys, the newest first; `None` when there is none.
    pub(super) fn new(keys: Vec<SecretBox<[u8; KEY_LENGTH]>>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Seals with the newest key and opens with all of them.
    ///
    /// # Panics
    /// Never: a ring holds at least one key.
    #[expect(clippy::expect_used, reason = "a ring is made with at least one key")]
    #[must_use]
    pub fn sealer(&self, purpose: Purpose) -> Sealer {
        let keys: Vec<_> = self.0.iter().map(|key| derive(key, purpose)).collect();
        let (first, older) = keys.split_first().expect("a key");
        Sealer::with_older(first, older.iter().map(|key| &**key))
    }

    /// Names people in a store's index.
    #[must_use]
    pub fn tagger(&self) -> Tagger {
        let key = |key| hmac::Key::new(hmac::HMAC_SHA256, &*derive(key, Purpose::PersonTag));
        Tagger(self.0.iter().map(key).collect())
    }

    pub(super) fn newest(&self) -> Option<&[u8; KEY_LENGTH]> {
        self.0.first().map(ExposeSecret::expose_secret)
    }
}

impl Tagger {
    /// The tags of a name, that of the newest key first.
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

#[expect(clippy::expect_used, reason = "32 bytes are within what HKDF-SHA-256 gives (RFC 5869 §2.3)")]
fn derive(key: &SecretBox<[u8; KEY_LENGTH]>, purpose: Purpose) -> Zeroizing<[u8; KEY_LENGTH]> {
    let info: &[u8] = match purpose {
        Purpose::LoginCookie => b"imsgate login cookie",
        Purpose::Session => b"imsgate session",
        Purpose::PersonTag => b"imsgate person tag",
    };
    let mut derived = Zeroizing::new([0; KEY_LENGTH]);
    Salt::new(HKDF_SHA256, b"imsgate key file")
        .extract(key.expose_secret())
        .expand(&[info], HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *derived))
        .expect("a length HKDF can give");
    derived
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_for_one_purpose_opens_for_no_other() {
        let ring = KeyRing::random();
        let text = ring.sealer(Purpose::LoginCookie).seal("a", &1).unwrap();
        assert_eq!(ring.sealer(Purpose::LoginCookie).open::<i32>("a", &text), Some(1));
        assert_eq!(ring.sealer(Purpose::Session).open::<i32>("a", &text), None);
    }

    #[test]
    fn a_name_has_one_tag_a_key() {
        let ring = KeyRing::random();
        assert_eq!(ring.tagger().tags("alice"), ring.tagger().tags("alice"));
        assert_ne!(ring.tagger().tags("alice"), ring.tagger().tags("bob"));
        assert_ne!(ring.tagger().tags("alice"), KeyRing::random().tagger().tags("alice"));
    }
}
