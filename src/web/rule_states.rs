//! State of `[[campaign.rule]]` between requests: the rate limiter of each rule, and the count of its refusals.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::rate_limit::RateLimiter;
use crate::policy::request_rules::{RequestRule, RequestRules, Unmet};
use crate::unix_time::UnixTime;

/// The state of the rules of one instance, in their order. A reload keeps the state of unchanged rules.
#[derive(Debug, Default)]
pub struct RuleStates(Box<[Arc<RuleState>]>);

#[derive(Debug)]
struct RuleState {
    rule: RequestRule,
    limiter: Option<RateLimiter>,
    /// Refusals of unknown callers, by `RuleCondition`.
    refused: [Refusals; 3],
}

/// Counts refusals. Only some of them are in the audit trail: a flood must not fill the disk.
#[derive(Debug)]
struct Refusals {
    since_event: AtomicU64,
    event_at: AtomicI64,
}

impl RuleStates {
    /// The states of these rules. A rule that is also in `previous` keeps its counts.
    pub fn new(rules: &RequestRules, previous: Option<&Self>) -> Self {
        let mut known: Vec<&Arc<RuleState>> =
            previous.map(|states| states.0.iter().collect()).unwrap_or_default();
        let mut state = |rule: &RequestRule| match known.iter().position(|state| state.rule == *rule) {
            // Each state is taken once: two equal rules have separate counts.
            Some(at) => known.remove(at).clone(),
            None => Arc::new(RuleState::new(rule)),
        };
        Self(rules.iter().map(&mut state).collect())
    }

    /// Takes a request from the bucket of this address, if the rule at this position has a rate.
    ///
    /// # Errors
    /// How long until the bucket holds a request again.
    pub fn take(&self, index: usize, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let limiter = self.0.get(index).and_then(|state| state.limiter.as_ref());
        limiter.map_or(Ok(()), |limiter| limiter.take(client, now))
    }

    /// Counts a refusal of an unknown caller. Returns the refusals since the last audit event when the next event is due.
    pub fn count_refusal(&self, unmet: Unmet, now: UnixTime) -> Option<u64> {
        self.0.get(unmet.index)?.refused[unmet.condition as usize].count(now)
    }
}

impl RuleState {
    fn new(rule: &RequestRule) -> Self {
        let limiter = rule.rate.map(RateLimiter::of_rule);
        Self { rule: rule.clone(), limiter, refused: Default::default() }
    }
}

impl Default for Refusals {
    fn default() -> Self {
        Self { since_event: AtomicU64::new(0), event_at: AtomicI64::new(i64::MIN) }
    }
}

impl Refusals {
    /// Counts a refusal. Returns the refusals since the last event when the next event is due.
    fn count(&self, now: UnixTime) -> Option<u64> {
        let count = self.since_event.fetch_add(1, Ordering::Relaxed) + 1;
        let event_at = self.event_at.load(Ordering::Relaxed);
        if now.0 < event_at.saturating_add(EVENT_INTERVAL) {
            return None;
        }
        let is_first =
            self.event_at.compare_exchange(event_at, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_first.then(|| {
            self.since_event.fetch_sub(count, Ordering::Relaxed);
            count
        })
    }
}

/// Seconds between two audit events about refusals of unknown callers, for each rule and condition.
const EVENT_INTERVAL: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::request_rules::{RuleCondition, RulePaths};

    fn rules(rates: &[(&str, &str)]) -> RequestRules {
        let rule = |(path, rate): &(&str, &str)| RequestRule {
            paths: RulePaths::parse([*path]).unwrap(),
            rate: rate.parse().ok(),
            ..RequestRule::default()
        };
        RequestRules::new(rates.iter().map(rule).collect()).unwrap()
    }

    #[test]
    fn a_reload_keeps_the_counts_of_rules_that_stay() {
        let before = RuleStates::new(&rules(&[("/a", "1/hour"), ("/b", "1/hour"), ("/b", "1/hour")]), None);
        let after = RuleStates::new(
            &rules(&[
                ("/new", "1/hour"),
                ("/b", "1/hour"),
                ("/a", "2/hour"),
                ("/b", "1/hour"),
                ("/b", "1/hour"),
            ]),
            Some(&before),
        );
        let is_kept: Vec<bool> =
            after.0.iter().map(|state| before.0.iter().any(|known| Arc::ptr_eq(known, state))).collect();
        assert_eq!(is_kept, [false, true, false, true, false]);
        assert!(!Arc::ptr_eq(&after.0[1], &after.0[3]), "two equal rules count apart");
    }

    #[test]
    fn refusals_are_counted_for_each_rule_and_condition() {
        let states = RuleStates::new(&rules(&[("/a", "1/hour"), ("/b", "1/hour")]), None);
        let conditions = [RuleCondition::Groups, RuleCondition::Networks, RuleCondition::Rate];
        let all = [0, 1].into_iter().flat_map(|index| conditions.map(|condition| Unmet { index, condition }));
        for counted in [Some(1), None] {
            for unmet in all.clone() {
                assert_eq!(states.count_refusal(unmet, UnixTime(0)), counted, "{unmet:?}");
            }
        }
    }

    #[test]
    fn a_flood_of_refusals_makes_an_event_every_ten_seconds() {
        let refusals = Refusals::default();
        let at = |seconds: i64, times: usize| -> Vec<u64> {
            (0..times).filter_map(|_| refusals.count(UnixTime(1_000_000 + seconds))).collect()
        };
        assert_eq!(at(0, 1000), [1]);
        assert!(at(9, 1000).is_empty());
        assert_eq!(at(10, 1000), [2000]);
        assert_eq!(at(20, 1), [1000]);
        assert_eq!(at(40, 1), [1]);
    }
}
