//! Limits wrong passwords. For console passwords the limit is per person and per address. For native accounts it is lower than Campaign's
//! own, so that guesses through the gateway lock no account.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::net::AddressGroup;

/// Counts of wrong passwords in the last minutes. Each process has its own.
#[derive(Clone, Debug)]
pub struct Guesses {
    /// By person and address: guesses from one address do not lock the person out at others.
    people: Cache<(String, AddressGroup), Arc<AtomicU32>>,
    addresses: Cache<AddressGroup, Arc<AtomicU32>>,
    /// By the login of a native account.
    operators: Cache<String, Arc<AtomicU32>>,
}

impl Guesses {
    /// True while the wrong attempts of this person at this address, and of the address, are below their limits.
    pub fn may_try(&self, login: &str, address: IpAddr) -> bool {
        let group = AddressGroup::of(address);
        let count = |count: Option<Arc<AtomicU32>>| count.map_or(0, |count| count.load(Ordering::Relaxed));
        count(self.people.get(&(login.to_lowercase(), group))) < OF_PERSON
            && count(self.addresses.get(&group)) < OF_ADDRESS
    }

    /// True while one more wrong password would not lock this native account at Campaign.
    pub fn may_try_operator(&self, login: &str) -> bool {
        self.operators.get(login).is_none_or(|count| count.load(Ordering::Relaxed) < OF_OPERATOR)
    }

    /// Counts a password of a native account that Campaign refused.
    pub fn note_operator_failure(&self, login: &str) {
        self.operators.get_with(login.to_owned(), Arc::default).fetch_add(1, Ordering::Relaxed);
    }

    /// Resets the count of a native account after it has signed in.
    pub fn note_operator_success(&self, login: &str) {
        self.operators.invalidate(login);
    }

    /// Counts a wrong attempt.
    pub fn note_failure(&self, login: &str, address: IpAddr) {
        let group = AddressGroup::of(address);
        self.people.get_with((login.to_lowercase(), group), Arc::default).fetch_add(1, Ordering::Relaxed);
        self.addresses.get_with(group, Arc::default).fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for Guesses {
    fn default() -> Self {
        Self { people: counts(), addresses: counts(), operators: counts() }
    }
}

fn counts<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> Cache<K, Arc<AtomicU32>> {
    let counts = Cache::builder().max_capacity(MAX_KNOWN).eviction_policy(EvictionPolicy::lru());
    counts.time_to_live(PERIOD).build()
}

/// Wrong attempts of one person from one address within [`PERIOD`].
const OF_PERSON: u32 = 5;
/// Wrong attempts from one address.
const OF_ADDRESS: u32 = 30;
/// Wrong passwords of one native account. Campaign locks it with the third within ten minutes (builds from 9080).
const OF_OPERATOR: u32 = 2;
const PERIOD: Duration = Duration::from_mins(10);
/// About 1 MB.
const MAX_KNOWN: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_and_an_address_have_a_number_of_attempts() {
        let guesses = Guesses::default();
        let (here, there): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..OF_PERSON {
            assert!(guesses.may_try("Alice@example.com", here));
            guesses.note_failure("alice@example.com", here);
        }
        assert!(!guesses.may_try("ALICE@example.com", here));
        assert!(guesses.may_try("alice@example.com", there), "an attacker elsewhere does not lock her out");
        assert!(guesses.may_try("bob@example.com", here));
        for number in 0..OF_ADDRESS {
            guesses.note_failure(&format!("person{number}"), here);
        }
        assert!(!guesses.may_try("bob@example.com", here));
    }

    #[test]
    fn a_native_account_is_left_alone_before_campaign_locks_it() {
        let guesses = Guesses::default();
        for _ in 0..2 {
            assert!(guesses.may_try_operator("admin"));
            guesses.note_operator_failure("admin");
        }
        assert!(!guesses.may_try_operator("admin") && guesses.may_try_operator("internal"));
        guesses.note_operator_success("admin");
        assert!(guesses.may_try_operator("admin"));
    }
}
