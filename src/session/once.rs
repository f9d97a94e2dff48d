//! What may happen once: a login's state, a logout token. For stores that one process has to itself.

use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Remembers names, each for a lifetime of its own.
#[derive(Clone, Debug)]
pub(super) struct Once(Cache<String, Duration>);

impl Once {
    /// True for the first use of this name within its lifetime, and only for it.
    pub(super) fn first_use(&self, name: &str, lifetime: Duration) -> bool {
        self.0.entry_by_ref(name).or_insert(lifetime).is_fresh()
    }
}

impl Default for Once {
    fn default() -> Self {
        // A new name is never turned away for the sake of old ones.
        let cache = Cache::builder().max_capacity(CAPACITY).eviction_policy(EvictionPolicy::lru());
        Self(cache.expire_after(Own).build())
    }
}

struct Own;

impl moka::Expiry<String, Duration> for Own {
    fn expire_after_create(&self, _: &String, lifetime: &Duration, _: Instant) -> Option<Duration> {
        Some(*lifetime)
    }
}

/// More names than this within one lifetime, and the oldest could be used again; an authorization code is still one-time
/// at IMS.
const CAPACITY: u64 = 100_000;
