//! Limits wrong passwords and wrong admin tokens. Console passwords and admin tokens have a limit for each name at an address, and for each
//! address. The limit of a native account is lower than Campaign's own, so guesses through the gateway lock no account.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::OwnedMutexGuard;

use crate::crypto::sha256_text;
use crate::net::AddressGroup;

/// Counts of wrong passwords in the last minutes. Each process has its own.
#[derive(Clone, Debug)]
pub struct Guesses {
    /// By person and address: guesses from one address do not lock the person out at others.
    people: Cache<(String, AddressGroup), Arc<AtomicU32>>,
    addresses: Cache<AddressGroup, Arc<AtomicU32>>,
    /// By the login of a native account.
    operators: Cache<String, Arc<CountedOperator>>,
    /// By the login of a native account: the digest of the password that Campaign accepted last.
    accepted: Cache<String, String>,
}

/// A native account whose passwords are counted.
#[derive(Debug, Default)]
struct CountedOperator {
    passwords: Mutex<OperatorAttempts>,
    /// Locked by the request whose password may be the first that Campaign accepts.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl CountedOperator {
    fn passwords(&self) -> MutexGuard<'_, OperatorAttempts> {
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passwords of one native account within [`PERIOD`].
#[derive(Debug, Default)]
struct OperatorAttempts {
    /// When Campaign refused one.
    wrong: Vec<Instant>,
    /// When a password was sent that has no result yet. So concurrent guesses do not all pass before the first result.
    open: Vec<Instant>,
}

impl OperatorAttempts {
    /// Removes attempts that Campaign no longer counts.
    fn forget(&mut self, now: Instant) {
        let is_recent = |then: &Instant| now.duration_since(*then) < PERIOD;
        self.wrong.retain(is_recent);
        self.open.retain(is_recent);
    }
}

/// A password of a native account that may go to Campaign. Without a result it counts as wrong: the client may have disconnected.
#[derive(Debug)]
#[must_use = "without a result it counts as wrong"]
pub struct OperatorAttempt {
    login: String,
    digest: String,
    /// When it began; `None` for the password that Campaign accepted last.
    began: Option<Instant>,
}

/// The result of sending a password to Campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordResult {
    /// Campaign opened a session with it.
    SignedIn,
    /// Campaign accepted it for a request that needs an operator.
    Accepted,
    Refused,
    /// Campaign did not check it.
    Unchecked,
    /// Unknown: the response may be good because the request has another valid identity.
    Unknown,
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
        let Some(operator) = self.operators.get(login) else { return true };
        let mut passwords = operator.passwords();
        passwords.forget(Instant::now());
        passwords.wrong.len() < OF_OPERATOR
    }

    /// Waits for the turn of a request with a password of this native account. Until Campaign has accepted a password, concurrent requests go
    /// one after the other. Otherwise, of the requests that a program sends when it starts, the third would be refused. `None` when no wait
    /// is needed, and when the wait is too long. Hold the guard until the password has its result.
    pub async fn operator_turn(&self, login: &str) -> Option<OwnedMutexGuard<()>> {
        let is_accepted = || self.accepted.contains_key(login);
        if is_accepted() {
            return None;
        }
        let turn = self.operators.get_with(login.to_owned(), Arc::default).turn.clone();
        let turn = tokio::time::timeout(TURN_TIMEOUT, turn.lock_owned()).await.ok()?;
        // The previous request may have proved that the password is right.
        (!is_accepted()).then_some(turn)
    }

    /// Begins an attempt with this password. `None` when a refusal of it and of the attempts without a result could lock the account.
    pub fn begin_operator(&self, login: &str, password: &str) -> Option<OperatorAttempt> {
        let digest = sha256_text(format!("{login}/{password}").as_bytes());
        let is_known = self.accepted.get(login).is_some_and(|accepted| accepted == digest);
        let operator = self.operators.get_with(login.to_owned(), Arc::default);
        let (mut passwords, now) = (operator.passwords(), Instant::now());
        passwords.forget(now);
        let open = if is_known { 0 } else { passwords.open.len() };
        if passwords.wrong.len() + open >= OF_OPERATOR {
            return None;
        }
        let began = (!is_known).then_some(now);
        passwords.open.extend(began);
        Some(OperatorAttempt { login: login.to_owned(), digest, began })
    }

    /// Records the result of an attempt.
    pub fn end_operator(&self, attempt: OperatorAttempt, result: PasswordResult) {
        let OperatorAttempt { login, digest, began } = attempt;
        let operator = self.operators.get_with(login.clone(), Arc::default);
        let mut passwords = operator.passwords();
        if let Some(index) = passwords.open.iter().position(|open| Some(*open) == began) {
            passwords.open.swap_remove(index);
        }
        match result {
            PasswordResult::SignedIn => {
                passwords.wrong.clear();
                self.accepted.insert(login, digest);
            }
            PasswordResult::Accepted => self.accepted.insert(login, digest),
            PasswordResult::Refused => {
                passwords.wrong.push(Instant::now());
                self.accepted.invalidate(&login);
            }
            PasswordResult::Unknown if began.is_some() => passwords.wrong.push(Instant::now()),
            PasswordResult::Unchecked | PasswordResult::Unknown => {}
        }
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
        let operators = Cache::builder().max_capacity(MAX_KNOWN).time_to_idle(PERIOD).build();
        Self { people: counts(), addresses: counts(), operators, accepted: Cache::new(MAX_KNOWN) }
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
const OF_OPERATOR: usize = 2;
const PERIOD: Duration = Duration::from_mins(10);
/// How long a request waits for its turn. Campaign checks a password in less than a second.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// About 1 MB.
const MAX_KNOWN: u64 = 10_000;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

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
        for guess in ["one", "two"] {
            let attempt = guesses.begin_operator("admin", guess).unwrap();
            guesses.end_operator(attempt, PasswordResult::Refused);
        }
        assert!(!guesses.may_try_operator("admin") && guesses.may_try_operator("internal"));
        assert!(guesses.begin_operator("admin", "three").is_none());
    }

    #[test]
    fn a_sign_in_makes_up_for_wrong_passwords_and_what_was_not_checked_counts_nothing() {
        let guesses = Guesses::default();
        let end = |password, result| {
            guesses.end_operator(guesses.begin_operator("admin", password).unwrap(), result);
        };
        for _ in 0..3 {
            end("wrong", PasswordResult::Refused);
            end("right", PasswordResult::SignedIn);
            end("other", PasswordResult::Unchecked);
        }
        end("wrong", PasswordResult::Refused);
        end("right", PasswordResult::Accepted);
        end("wrong", PasswordResult::Refused);
        assert!(
            !guesses.may_try_operator("admin"),
            "only a sign-in proves that the counter at Campaign is back"
        );
    }

    #[test]
    fn a_password_beside_another_right_counts_as_wrong_unless_it_was_accepted() {
        let guesses = Guesses::default();
        for guess in ["one", "two"] {
            guesses.end_operator(guesses.begin_operator("admin", guess).unwrap(), PasswordResult::Unknown);
        }
        assert!(!guesses.may_try_operator("admin"));
    }

    #[test]
    fn passwords_at_once_and_abandoned_ones_count_as_wrong_but_not_the_one_that_was_accepted() {
        let guesses = Guesses::default();
        let first = guesses.begin_operator("admin", "right").unwrap();
        let abandoned = guesses.begin_operator("admin", "guess");
        assert!(abandoned.is_some() && guesses.begin_operator("admin", "another").is_none());
        guesses.end_operator(first, PasswordResult::Accepted);
        let many: Vec<_> = (0..9).filter_map(|_| guesses.begin_operator("admin", "right")).collect();
        assert_eq!(many.len(), 9, "the accepted password may come any number of times");
        let last = guesses.begin_operator("admin", "guess").unwrap();
        assert!(guesses.begin_operator("admin", "guess").is_none());
        guesses.end_operator(last, PasswordResult::Unchecked);
        guesses.end_operator(guesses.begin_operator("admin", "right").unwrap(), PasswordResult::Unknown);
        guesses.end_operator(guesses.begin_operator("admin", "right").unwrap(), PasswordResult::Refused);
        assert!(guesses.begin_operator("admin", "right").is_none(), "it was changed at Campaign");
    }

    #[tokio::test]
    async fn requests_at_once_go_one_after_the_other_until_a_password_is_accepted() {
        let guesses = Guesses::default();
        let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(guesses.operator_turn("admin"))).collect();
        let first = waiting.remove(0).now_or_never().flatten();
        assert!(first.is_some() && guesses.operator_turn("internal").now_or_never().flatten().is_some());
        let mut ready = || waiting.iter_mut().filter_map(FutureExt::now_or_never).collect::<Vec<_>>();
        assert!(ready().is_empty());
        // The client disconnected, or the result proves nothing.
        drop(first);
        let mut second = ready();
        assert!(second.len() == 1 && second[0].is_some());
        let attempt = guesses.begin_operator("admin", "right").unwrap();
        guesses.end_operator(attempt, PasswordResult::Accepted);
        second.clear();
        drop(waiting.remove(0));
        let others: Vec<_> = waiting.iter_mut().filter_map(FutureExt::now_or_never).collect();
        assert!(others.len() == 2 && others.iter().all(Option::is_none), "nobody waits any more");
        assert!(matches!(guesses.operator_turn("admin").now_or_never(), Some(None)));
    }

    #[test]
    fn passwords_are_forgotten_after_ten_minutes() {
        let mut passwords = OperatorAttempts::default();
        let began = Instant::now();
        (passwords.wrong, passwords.open) = (vec![began], vec![began]);
        let mut left = |now| {
            passwords.forget(now);
            (passwords.wrong.len(), passwords.open.len())
        };
        assert_eq!(left(began + PERIOD.saturating_sub(Duration::from_secs(1))), (1, 1));
        assert_eq!(left(began + PERIOD), (0, 0));
    }
}
