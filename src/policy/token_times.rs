//! When to refresh tokens and when to check groups again.

use std::time::Duration;

use crate::unix_time::UnixTime;

/// When to refresh a token that IMS issued at `issued` and that expires at `expires`: in the last tenth of its lifetime, but
/// at most five minutes before it expires.
pub fn refresh_due(issued: UnixTime, expires: UnixTime) -> UnixTime {
    let lifetime = expires.since(issued);
    expires.minus((lifetime / 10).min(EARLIEST))
}

/// When to check groups again that IMS confirmed at `asked`: within `interval`, up to a fifth of it earlier. `salt` differs
/// between sessions, so that sessions that began together are not checked together.
pub fn recheck_due(asked: UnixTime, interval: Duration, salt: u64) -> UnixTime {
    let interval = interval.as_secs();
    let earlier = salt % (interval / 5 + 1);
    asked.plus(Duration::from_secs(interval - earlier))
}

/// How long the last confirmed groups stay valid while IMS does not answer: six intervals, at least one hour.
pub fn recheck_grace(interval: Duration) -> Duration {
    interval.saturating_mul(6).max(Duration::from_hours(1))
}

const EARLIEST: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_refreshed_in_its_last_tenth_but_at_most_five_minutes_before_it_expires() {
        for (issued, expires, due) in
            [(0, 86_400, 86_100), (0, 600, 540), (100, 110, 109), (0, 5, 5), (7, 7, 7), (9, 3, 3)]
        {
            assert_eq!(refresh_due(UnixTime(issued), UnixTime(expires)), UnixTime(due), "{issued} {expires}");
        }
    }

    #[test]
    fn the_grace_time_is_six_intervals_but_at_least_one_hour() {
        for (interval, grace) in [(1, 60), (10, 60), (15, 90)] {
            assert_eq!(recheck_grace(Duration::from_mins(interval)), Duration::from_mins(grace));
        }
    }

    proptest! {
        #[test]
        fn groups_are_checked_again_within_the_interval_and_at_most_a_fifth_of_it_earlier(
            asked in 0_i64..4_000_000_000, interval in 1_u64..1_000_000, salt: u64,
        ) {
            let asked = UnixTime(asked);
            let after = recheck_due(asked, Duration::from_secs(interval), salt).since(asked).as_secs();
            prop_assert!(after <= interval && after >= interval - interval / 5);
        }
    }

    #[test]
    fn checks_of_different_sessions_are_spread_over_time() {
        let due: std::collections::HashSet<UnixTime> =
            (0..100).map(|salt| recheck_due(UnixTime(0), Duration::from_mins(10), salt)).collect();
        assert_eq!(due.len(), 100);
        assert_eq!(recheck_due(UnixTime(0), Duration::MAX, 1), UnixTime::MAX, "no overflow");
    }
}
