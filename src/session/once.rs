//! What may happen once: a login's state, a logout token. For stores that one process has to itself.

use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// What is used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OneTime {
    /// The state of a login whose authorization code IMS has accepted.
    LoginState,
    /// The name of a logout token. Only IMS makes one.
    LogoutToken,
}

/// Remembers names, each for a lifetime of its own. Every kind has room of its own: a flood of one does not push out another.
#[derive(Clone, Debug)]
pub(super) struct Once {
    states: Cache<String, Duration>,
    tokens: Cache<String, Duration>,
}

impl OneTime {
    /// As a part of a key.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::LoginState => "state",
            Self::LogoutToken => "logout",
        }
    }
}

impl Once {
    /// True for the first use of this name within its lifetime, and only for it.
    pub(super) fn first_use(&self, what: OneTime, name: &str, lifetime: Duration) -> bool {
        let room = match what {
            OneTime::LoginState => &self.states,
            OneTime::LogoutToken => &self.tokens,
        };
        room.entry_by_ref(name).or_insert(lifetime).is_fresh()
    }

    /// True when this name was used within its lifetime.
    pub(super) fn was_used(&self, what: OneTime, name: &str) -> bool {
        match what {
            OneTime::LoginState => self.states.contains_key(name),
            OneTime::LogoutToken => self.tokens.contains_key(name),
        }
    }
}

/// The names that this process saw last, at most `MOST_ATTEMPTS`. Anonymous requests may fill it, so it is no part of a
/// store.
#[derive(Clone, Debug)]
pub struct Attempts(Cache<String, ()>);

impl Attempts {
    /// True when the name is not among the names seen last; now it is.
    pub fn is_first(&self, name: &str) -> bool {
        self.0.entry_by_ref(name).or_insert(()).is_fresh()
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST_ATTEMPTS).eviction_policy(EvictionPolicy::lru()).build())
    }
}

/// Names of attempts that are remembered: about 4 MB.
const MOST_ATTEMPTS: u64 = 16_384;

impl Default for Once {
    fn default() -> Self {
        Self { states: room(), tokens: room() }
    }
}

fn room() -> Cache<String, Duration> {
    // A new name is never turned away for the sake of old ones.
    let cache = Cache::builder().max_capacity(CAPACITY).eviction_policy(EvictionPolicy::lru());
    cache.expire_after(Own).build()
}

struct Own;

impl moka::Expiry<String, Duration> for Own {
    fn expire_after_create(&self, _: &String, lifetime: &Duration, _: Instant) -> Option<Duration> {
        Some(*lifetime)
    }
}

/// More names of a kind than this within one lifetime, and the oldest could be used again; an authorization code is still
/// one-time at IMS.
const CAPACITY: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_remembered_one_by_one_and_never_grow_without_bound() {
        let attempts = Attempts::default();
        assert!(attempts.is_first("state"));
        assert!(!attempts.is_first("state"));
        for number in 0..3 * MOST_ATTEMPTS {
            attempts.is_first(&number.to_string());
        }
        attempts.0.run_pending_tasks();
        assert!(attempts.0.entry_count() <= MOST_ATTEMPTS, "{}", attempts.0.entry_count());
    }

    #[test]
    fn a_name_counts_as_used_only_under_its_kind() {
        let (once, lifetime) = (Once::default(), Duration::from_mins(10));
        assert!(!once.was_used(OneTime::LoginState, "name"), "asking uses nothing");
        assert!(once.first_use(OneTime::LoginState, "name", lifetime));
        assert!(once.was_used(OneTime::LoginState, "name"));
        assert!(!once.was_used(OneTime::LogoutToken, "name"));
    }

    #[test]
    fn a_flood_of_callbacks_does_not_push_out_a_logout_token() {
        let (once, lifetime) = (Once::default(), Duration::from_mins(10));
        assert!(once.first_use(OneTime::LogoutToken, "token", lifetime));
        for number in 0..CAPACITY + 1000 {
            once.first_use(OneTime::LoginState, &number.to_string(), lifetime);
        }
        once.states.run_pending_tasks();
        once.tokens.run_pending_tasks();
        assert!(!once.first_use(OneTime::LogoutToken, "token", lifetime));
    }
}
