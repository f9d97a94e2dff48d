//! What may happen once: a login's state, a logout token. For stores that one process has to itself.

use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// What is used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OneTime {
    /// The state of a login. Whoever begins logins makes as many as they like.
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
}

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
