//! The authenticators of the running configuration, for background work.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Authenticator;

/// One authenticator for each instance where people sign in.
#[derive(Debug, Default)]
pub struct Authenticators(ArcSwap<Vec<Arc<Authenticator>>>);

impl Authenticators {
    pub fn new(all: Vec<Arc<Authenticator>>) -> Self {
        Self(ArcSwap::from_pointee(all))
    }

    pub fn all(&self) -> Arc<Vec<Arc<Authenticator>>> {
        self.0.load_full()
    }

    pub fn of(&self, instance: &str) -> Option<Arc<Authenticator>> {
        self.all().iter().find(|auth| auth.instance.name == instance).cloned()
    }

    /// Replaces them by the authenticators of another configuration.
    pub fn replace(&self, all: Vec<Arc<Authenticator>>) {
        self.0.store(Arc::new(all));
    }
}
