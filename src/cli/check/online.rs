//! What only IMS and Campaign can tell.

use super::report::Item;
use crate::config::Loaded;

/// Asks for the discovery document and each Campaign server's health.
pub(super) fn check(_loaded: &Loaded) -> Vec<Item> {
    Vec::new()
}
