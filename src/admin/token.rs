//! The admin token, and the comparison with what somebody sends.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Listen;
use crate::crypto::sha256_text;

/// The admin token of the running configuration; `None` without one. A reload replaces it.
pub type SharedToken = Arc<ArcSwapOption<AdminToken>>;

/// An admin token, as its digest.
#[derive(Debug)]
pub struct AdminToken {
    digest: String,
}

impl AdminToken {
    /// `listen.admin_token`.
    pub fn of(listen: &Listen) -> Option<Arc<Self>> {
        listen.admin_token.as_ref().map(|token| Arc::new(Self::new(token)))
    }

    pub(super) fn new(token: &SecretString) -> Self {
        Self { digest: sha256_text(token.expose_secret().as_bytes()) }
    }

    /// True for this token. The time does not depend on where the two differ.
    pub fn is(&self, sent: &str) -> bool {
        verify_slices_are_equal(sha256_text(sent.as_bytes()).as_bytes(), self.digest.as_bytes()).is_ok()
    }

    /// True for the same token.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_is_accepted() {
        let token = AdminToken::new(&"0123456789abcdef".to_owned().into());
        assert!(token.is("0123456789abcdef"));
        for other in ["", "0123456789abcde", "0123456789abcdef ", "0123456789abcdeF", &token.digest] {
            assert!(!token.is(other), "{other}");
        }
        assert!(!format!("{token:?}").contains("0123456789abcdef"));
    }
}
