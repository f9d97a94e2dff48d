//! Replay protection: the state of a login and the id of a logout token are accepted once. In memory, for stores of one process.

use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// The kind of a value that is accepted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OneTime {
    /// The state of a login whose authorization code IMS has accepted.
    LoginState,
    /// The id of a logout token. Only IMS makes one.
    LogoutToken,
}

/// Used values, each with its own lifetime. Each kind has its own limit: a flood of one kind does not evict values of the other.
#[derive(Clone, Debug)]
pub(super) struct ReplayCache {
    states: Cache<String, Duration>,
    tokens: Cache<String, Duration>,
}

impl OneTime {
    /// The word in the key of a store.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::LoginState => "state",
            Self::LogoutToken => "logout",
        }
    }
}

impl ReplayCache {
    /// Marks a value as used; true for exactly one caller within `lifetime`.
    pub(super) fn first_use(&self, what: OneTime, name: &str, lifetime: Duration) -> bool {
        self.names(what).entry_by_ref(name).or_insert(lifetime).is_fresh()
    }

    /// True when the value was used.
    pub(super) fn was_used(&self, what: OneTime, name: &str) -> bool {
        self.names(what).contains_key(name)
    }

    fn names(&self, what: OneTime) -> &Cache<String, Duration> {
        match what {
            OneTime::LoginState => &self.states,
            OneTime::LogoutToken => &self.tokens,
        }
    }
}

/// The latest login attempts, at most `MAX_ATTEMPTS`. Anonymous requests can fill it, so it is not in a store.
#[derive(Clone, Debug)]
pub struct Attempts(Cache<String, ()>);

impl Attempts {
    /// Adds an attempt; true when it is new.
    pub fn add(&self, name: &str) -> bool {
        self.0.entry_by_ref(name).or_insert(()).is_fresh()
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_ATTEMPTS).eviction_policy(EvictionPolicy::lru()).build())
    }
}

/// About 4 MB.
const MAX_ATTEMPTS: u64 = 16_384;

impl Default for ReplayCache {
    fn default() -> Self {
        Self { states: names(), tokens: names() }
    }
}

fn names() -> Cache<String, Duration> {
    // LRU, because moka's default policy (TinyLFU) may reject a new name.
    let cache = Cache::builder().max_capacity(CAPACITY).eviction_policy(EvictionPolicy::lru());
    cache.expire_after(OwnLifetime).build()
}

struct OwnLifetime;

impl moka::Expiry<String, Duration> for OwnLifetime {
    fn expire_after_create(&self, _: &String, lifetime: &Duration, _: Instant) -> Option<Duration> {
        Some(*lifetime)
    }
}

/// Names of each kind. With more names, the oldest can be used again; IMS still accepts an authorization code only once.
const CAPACITY: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_new_once_and_bounded() {
        let attempts = Attempts::default();
        assert!(attempts.add("state"));
        assert!(!attempts.add("state"));
        for number in 0..3 * MAX_ATTEMPTS {
            attempts.add(&number.to_string());
        }
        attempts.0.run_pending_tasks();
        assert!(attempts.0.entry_count() <= MAX_ATTEMPTS, "{}", attempts.0.entry_count());
    }

    #[test]
    fn a_name_is_used_for_one_kind_only() {
        let (used, lifetime) = (ReplayCache::default(), Duration::from_mins(10));
        assert!(!used.was_used(OneTime::LoginState, "name"), "the question does not use it up");
        assert!(used.first_use(OneTime::LoginState, "name", lifetime));
        assert!(used.was_used(OneTime::LoginState, "name"));
        assert!(!used.was_used(OneTime::LogoutToken, "name"));
    }

    #[test]
    fn a_flood_of_callbacks_does_not_evict_a_logout_token() {
        let (used, lifetime) = (ReplayCache::default(), Duration::from_mins(10));
        assert!(used.first_use(OneTime::LogoutToken, "token", lifetime));
        for number in 0..CAPACITY + 1000 {
            used.first_use(OneTime::LoginState, &number.to_string(), lifetime);
        }
        used.states.run_pending_tasks();
        used.tokens.run_pending_tasks();
        assert!(!used.first_use(OneTime::LogoutToken, "token", lifetime));
    }
}
