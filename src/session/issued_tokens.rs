//! Session tokens that Campaign has issued to one caller in its responses: in the answer to the caller's own logon, or in a cookie that
//! the gateway removed. A page may contain such a token and send it back.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::crypto::sha256_text;

/// Digests of the latest tokens, in this process only: after a restart the caller logs on again.
#[derive(Debug, Default)]
pub struct IssuedTokens(Mutex<VecDeque<String>>);

impl IssuedTokens {
    /// Adds a token.
    pub fn add(&self, token: &str) {
        let digest = sha256_text(token.as_bytes());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(&digest) {
            known.push_front(digest);
            known.truncate(MAX_KNOWN);
        }
    }

    /// True for one of these tokens.
    pub fn contains(&self, token: &str) -> bool {
        let digest = sha256_text(token.as_bytes());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest)
    }
}

/// More logons than a client has open at a time.
const MAX_KNOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_tokens_are_known() {
        let issued = IssuedTokens::default();
        assert!(!issued.contains("___A"));
        for number in 0..=MAX_KNOWN {
            issued.add(&format!("___{number}"));
        }
        assert!(issued.contains("___1") && issued.contains("___8"));
        assert!(!issued.contains("___0"), "the oldest is forgotten");
    }
}
