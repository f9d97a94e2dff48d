//! When tokens are renewed and groups asked for again. Times are seconds since the Unix epoch.

use std::time::Duration;

/// When to renew a token that IMS gave at `issued` and that ends at `expires`: in the last tenth of its life, five minutes
/// before its end at the earliest.
pub fn renewal_due(issued: i64, expires: i64) -> i64 {
    let life = expires.saturating_sub(issued).max(0);
    expires.saturating_sub((life / 10).min(EARLIEST))
}

/// When to ask again for groups that IMS told at `asked`: within `interval`, up to a fifth of it earlier. `salt` tells one
/// session from the other, so that many who signed in together are not asked for together.
pub fn recheck_due(asked: i64, interval: Duration, salt: u64) -> i64 {
    let interval = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
    let spread = u64::try_from(interval / 5).unwrap_or(0).saturating_add(1);
    let earlier = i64::try_from(salt % spread).unwrap_or(0);
    asked.saturating_add(interval - earlier)
}

/// How old groups may become while IMS does not answer: six intervals, an hour at least.
pub fn recheck_grace(interval: Duration) -> Duration {
    interval.saturating_mul(6).max(Duration::from_hours(1))
}

/// Seconds before the end of a token.
const EARLIEST: i64 = 300;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_renewed_in_its_last_tenth_and_five_minutes_before_its_end_at_the_earliest() {
        for (issued, expires, due) in
            [(0, 86_400, 86_100), (0, 600, 540), (100, 110, 109), (0, 5, 5), (7, 7, 7), (9, 3, 3)]
        {
            assert_eq!(renewal_due(issued, expires), due, "{issued} {expires}");
        }
    }

    #[test]
    fn the_grace_is_six_intervals_and_an_hour_at_least() {
        for (interval, grace) in [(1, 60), (10, 60), (15, 90)] {
            assert_eq!(recheck_grace(Duration::from_mins(interval)), Duration::from_mins(grace));
        }
    }

    proptest! {
        #[test]
        fn groups_are_asked_for_within_the_interval_and_not_much_earlier(
            asked in 0_i64..4_000_000_000, interval in 1_u64..1_000_000, salt: u64,
        ) {
            let after = recheck_due(asked, Duration::from_secs(interval), salt) - asked;
            let interval = i64::try_from(interval).unwrap();
            prop_assert!(after <= interval && after >= interval - interval / 5);
        }
    }

    #[test]
    fn sessions_are_spread() {
        let due: std::collections::HashSet<i64> =
            (0..100).map(|salt| recheck_due(0, Duration::from_mins(10), salt)).collect();
        assert_eq!(due.len(), 100);
        assert_eq!(recheck_due(0, Duration::MAX, 1), i64::MAX - 1, "no overflow");
    }
}
