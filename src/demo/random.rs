//! Random identifiers in the formats of the real servers, and a lock that ignores poisoning.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// 32 random bytes, base64url: authorization codes, refresh tokens, cookies.
pub(super) fn opaque() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// A Campaign session token: three underscores and an upper-case UUID.
pub(super) fn session_token() -> String {
    let hex = hex(&bytes::<16>()).to_uppercase();
    format!("___{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A Campaign security token: `@`, then base64 that ends in `==`.
pub(super) fn security_token() -> String {
    format!("@{}", STANDARD.encode(bytes::<40>()))
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Locks the mutex, even if another thread panicked while it held the lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::expect_used, reason = "the simulators need random numbers")]
pub(super) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random source");
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn tokens_have_the_format_of_campaign() {
        let session = super::session_token();
        assert_eq!(session.len(), "___C8B4A541-48DC-4C97-95AD-066930FD3892".len());
        assert!(session.starts_with("___"));
        let security = super::security_token();
        assert!(security.starts_with('@') && security.ends_with("=="), "{security}");
    }
}
