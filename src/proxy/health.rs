//! The health of one server, shared by all workers: a few numbers without a lock.
//!
//! Two sources count: the check by `/r/test` ([`Health::checked`]), and requests ([`Health::failed`], [`Health::answered`]). Failed
//! requests eject a server for a time that grows with every failed try. Then one request tries it again, and the others wait for the
//! result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::config;

/// The health of one server.
#[derive(Debug)]
pub struct Health {
    name: Arc<str>,
    settings: config::HealthSettings,
    /// How long one request may try an ejected server before another request may.
    probe: Duration,
    /// True for the only server: it is always tried, and its health only matters for the log.
    alone: bool,
    start: Instant,
    checked_down: AtomicBool,
    failures: AtomicU32,
    ejections: AtomicU32,
    /// The end of the ejection, in milliseconds after `start`; 0: not ejected.
    until: AtomicU64,
    probing: AtomicBool,
}

/// Whether requests may be sent to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// It gets requests.
    Healthy,
    /// Its ejection is over: one request may find out whether it works again ([`Health::claim_probe`]).
    ProbeDue,
    /// Requests failed: for this many milliseconds it gets requests only when no other server can take them.
    Ejected(u64),
    /// The health check fails: it gets requests only when no other server can take them.
    Down,
}

impl Health {
    /// A healthy server.
    pub fn new(name: Arc<str>, settings: config::HealthSettings, probe: Duration, alone: bool) -> Self {
        Self {
            name,
            settings,
            probe,
            alone,
            start: Instant::now(),
            checked_down: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            until: AtomicU64::new(0),
            probing: AtomicBool::new(false),
        }
    }

    /// The current state. Reads no clock for a healthy server.
    pub fn state(&self) -> HealthState {
        if self.checked_down.load(Ordering::Relaxed) {
            return HealthState::Down;
        }
        match self.until.load(Ordering::Relaxed) {
            0 => HealthState::Healthy,
            until => match until.saturating_sub(self.now()) {
                0 => HealthState::ProbeDue,
                left => HealthState::Ejected(left),
            },
        }
    }

    /// True for one request only, which tries a server whose ejection is over.
    pub fn claim_probe(&self) -> bool {
        let (until, now) = (self.until.load(Ordering::Relaxed), self.now());
        let next = now + millis(self.probe);
        let claimed = until != 0
            && until <= now
            && self.until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if claimed {
            self.probing.store(true, Ordering::Relaxed);
        }
        claimed
    }

    /// Records a complete response, or a switch of protocols.
    pub fn answered(&self) {
        // It reads first: a write would take the cache line from the other workers.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if self.until.load(Ordering::Relaxed) != 0 && self.until.swap(0, Ordering::Relaxed) != 0 {
            self.probing.store(false, Ordering::Relaxed);
            self.ejections.store(0, Ordering::Relaxed);
            tracing::info!(upstream = %self.name, "Campaign answers again");
        }
    }

    /// Records a request that got no connection, no response, or an incomplete one.
    pub fn failed(&self, reason: &dyn std::fmt::Display) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < self.settings.max_failures {
            return;
        }
        // During an ejection, only a failure of the request that tries the server again counts.
        if self.until.load(Ordering::Relaxed) != 0 && !self.probing.swap(false, Ordering::Relaxed) {
            return;
        }
        let ejections = self.ejections.fetch_add(1, Ordering::Relaxed);
        let time = self.settings.ejection.saturating_mul(1_u32 << ejections.min(MOST_DOUBLINGS));
        let time = time.min(self.settings.max_ejection);
        self.until.store(self.now() + millis(time), Ordering::Relaxed);
        if self.alone {
            tracing::warn!(upstream = %self.name, failures, %reason, "Campaign does not answer");
        } else {
            let seconds = time.as_secs_f32();
            tracing::warn!(upstream = %self.name, failures, seconds, %reason, "Campaign server gets no requests for a while");
        }
    }

    /// Records the result of the check; `Err` holds the reason.
    pub fn checked(&self, outcome: Result<(), &str>) {
        let was_down = self.checked_down.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Ok(()) if was_down => {
                tracing::info!(upstream = %self.name, "Campaign server gets requests again: its health page is good");
            }
            Err(reason) if !was_down => {
                tracing::warn!(upstream = %self.name, reason, "Campaign server gets no requests: its health check fails");
            }
            _ => {}
        }
    }

    fn now(&self) -> u64 {
        // Never 0, which means "not ejected".
        millis(self.start.elapsed()) + 1
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

/// Far more than the longest ejection needs.
const MOST_DOUBLINGS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn health(ejection: Duration) -> Health {
        let settings = config::HealthSettings { ejection, ..config::HealthSettings::default() };
        Health::new("http://campaign".into(), settings, Duration::from_mins(1), false)
    }

    #[test]
    fn only_failures_in_a_row_eject() {
        let health = health(Duration::from_mins(1));
        for _ in 0..5 {
            health.failed(&"refused");
            health.failed(&"refused");
            health.answered();
        }
        assert_eq!(health.state(), HealthState::Healthy);
        for _ in 0..3 {
            health.failed(&"refused");
        }
        assert!(matches!(health.state(), HealthState::Ejected(50_000..=60_000)));
        assert!(!health.claim_probe());
        health.answered();
        assert_eq!(health.state(), HealthState::Healthy);
    }

    #[test]
    fn one_request_tries_again_and_every_failed_try_doubles_the_time() {
        let health = health(Duration::from_millis(1));
        for _ in 0..10 {
            health.failed(&"refused");
        }
        while health.state() != HealthState::ProbeDue {
            std::thread::yield_now();
        }
        assert!(health.claim_probe());
        assert!(!health.claim_probe());
        assert!(matches!(health.state(), HealthState::Ejected(_)));
        for ejections in 2..30 {
            health.failed(&"refused");
            assert_eq!(health.ejections.load(Ordering::Relaxed), ejections);
            // The time is over, as if it had passed.
            health.until.store(1, Ordering::Relaxed);
            assert!(health.claim_probe());
        }
        health.failed(&"refused");
        assert!(matches!(health.state(), HealthState::Ejected(50_000..=60_000)), "bounded");
    }

    #[test]
    fn the_check_counts_by_itself() {
        let health = health(Duration::from_mins(1));
        health.checked(Err("status 503"));
        health.answered();
        assert_eq!(health.state(), HealthState::Down);
        health.checked(Ok(()));
        assert_eq!(health.state(), HealthState::Healthy);
    }
}
