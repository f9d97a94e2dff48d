//! Cryptography, all from aws-lc-rs: random ids, digests, keys, authenticated encryption (sealing).

mod key_file;
mod keys;
mod seal;

pub use key_file::{KeyFileError, KeyRotation};
pub use keys::{KeyPurpose, KeyRing, Tag, Tagger};
pub use seal::Sealer;

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// `N` random bytes as base64url without padding.
///
/// # Panics
/// When the system's random generator fails, because the gateway cannot work safely without it.
#[must_use]
pub fn random_text<const N: usize>() -> String {
    let mut bytes = [0_u8; N];
    fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `N` random letters of an alphabet.
///
/// # Panics
/// As [`random_text`].
#[must_use]
pub fn random_letters<const N: usize>(alphabet: &[u8; 32]) -> String {
    let mut bytes = [0_u8; N];
    fill(&mut bytes);
    // 256 is a multiple of 32, so every letter is equally likely.
    bytes.iter().map(|byte| char::from(alphabet[usize::from(byte % 32)])).collect()
}

/// The nonce of a WebSocket handshake: 16 random bytes as base64 (RFC 6455 §4.1).
///
/// # Panics
/// As [`random_text`].
#[must_use]
pub fn websocket_key() -> String {
    let mut bytes = [0_u8; 16];
    fill(&mut bytes);
    STANDARD.encode(bytes)
}

#[expect(clippy::expect_used, reason = "without random numbers, ids and keys would be predictable")]
fn fill(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the system's random generator works");
}

/// SHA-256 as base64url without padding.
#[must_use]
pub fn sha256_text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, bytes))
}
