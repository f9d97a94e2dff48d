//! The lowest rate at which a client must send a request body or read a response.
//!
//! Only time in which the gateway waits for the client counts. So a slow Campaign, an event stream or a WebSocket never ends a connection.

use std::time::Duration;

/// `limits.min_rate` and `limits.min_rate_grace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinRate {
    /// Bytes per second; not 0.
    pub per_second: u32,
    /// Waiting time that does not count.
    pub grace: Duration,
}

impl MinRate {
    /// Longest total waiting time for a client that has moved this many bytes.
    pub fn allowance(&self, bytes: u64) -> Duration {
        let rate = u64::from(self.per_second.max(1));
        let parts = (bytes % rate) * 1000 / rate;
        self.grace
            .saturating_add(Duration::from_secs(bytes / rate))
            .saturating_add(Duration::from_millis(parts))
    }

    /// True when the gateway waited longer than [`allowance`](Self::allowance).
    pub fn is_too_slow(&self, waited: Duration, bytes: u64) -> bool {
        waited > self.allowance(bytes)
    }
}

/// Watches one direction of a connection or stream. It is checked at regular intervals (rounds).
#[derive(Debug, Default)]
pub struct Pace {
    /// Number of rounds in which the gateway has been waiting.
    rounds: u32,
    /// Bytes moved when the wait began.
    base: u64,
}

impl Pace {
    /// Checks one round: `waits` is true while the gateway waits for the client, `moved` counts the bytes moved so far. True when the
    /// client is too slow.
    pub fn look(&mut self, least: &MinRate, round: Duration, waits: bool, moved: u64) -> bool {
        if !waits {
            *self = Self { rounds: 0, base: moved };
            return false;
        }
        self.rounds = self.rounds.saturating_add(1);
        least.is_too_slow(round.saturating_mul(self.rounds), moved.wrapping_sub(self.base))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEAST: MinRate = MinRate { per_second: 240, grace: Duration::from_mins(1) };
    const ROUND: Duration = Duration::from_secs(1);

    /// Seconds until a client with this rate, in bursts of `step` bytes, is too slow; `None`: not within an hour.
    fn ends(per_second: u64, step: u64) -> Option<u64> {
        let mut pace = Pace::default();
        (1..3600).find(|second| pace.look(&LEAST, ROUND, true, second * per_second / step * step))
    }

    #[test]
    fn a_very_slow_client_ends_and_a_slow_network_does_not() {
        assert_eq!(ends(0, 1), Some(61));
        assert!(ends(1, 20).unwrap() < 65, "single bytes do not extend the time");
        assert_eq!(ends(120, 1), Some(121));
        for (per_second, step) in [(240, 1), (1000, 1000), (2000, 65_536), (5000, 65_536)] {
            assert_eq!(ends(per_second, step), None, "{per_second}");
        }
    }

    #[test]
    fn time_without_waiting_for_the_client_does_not_count() {
        let mut pace = Pace::default();
        for second in 0..10_000 {
            assert!(!pace.look(&LEAST, ROUND, second % 50 != 0, 0));
        }
    }

    proptest! {
        #[test]
        fn a_client_that_keeps_the_rate_is_never_too_slow(bytes in 0_u64..1 << 40, rate in 1_u32..1_000_000, grace in 0_u64..1000) {
            let least = MinRate { per_second: rate, grace: Duration::from_secs(grace) };
            let fair = Duration::from_secs(bytes / u64::from(rate));
            prop_assert!(!least.is_too_slow(fair, bytes));
            prop_assert!(!least.is_too_slow(fair + least.grace, bytes));
            prop_assert!(least.is_too_slow(fair + least.grace + Duration::from_secs(1), bytes));
        }
    }
}
