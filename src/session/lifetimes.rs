//! When sessions time out, and how long a store keeps them.

use std::time::Duration;

use super::data::SessionData;
use crate::unix_time::UnixTime;

/// How long sessions live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// A session ends when it is unused for this long.
    pub idle: Duration,
    /// A session ends this long after the login at the latest.
    pub absolute: Duration,
}

impl Lifetimes {
    /// When a session that was last used at `seen` ends unless it is used again.
    pub(super) fn end(&self, data: &SessionData, seen: UnixTime) -> UnixTime {
        data.ends.min(seen.plus(self.idle))
    }

    /// When the store may remove a session. It learns of the last use late, and must keep sessions in use. It keeps sessions
    /// that timed out a little longer, because the session cleanup needs their data.
    pub(super) fn kept_until(&self, data: &SessionData, seen: UnixTime) -> UnixTime {
        let idle = seen.plus(self.idle.saturating_add(self.touch_interval()));
        data.ends.min(idle).plus(GRACE)
    }

    /// The last use that follows from [`kept_until`](Self::kept_until). Near the absolute time-out it may be up to a touch
    /// interval late.
    pub(super) fn last_use(&self, data: &SessionData, kept_until: UnixTime) -> UnixTime {
        let end = kept_until.minus(GRACE);
        let at_absolute_end = end >= data.ends;
        let unused =
            if at_absolute_end { self.idle } else { self.idle.saturating_add(self.touch_interval()) };
        data.seen.max(end.minus(unused))
    }

    /// When no instance can have seen a later use: from then on a session that timed out here has timed out everywhere.
    pub(super) fn certain_end(data: &SessionData, kept_until: UnixTime) -> UnixTime {
        kept_until.minus(GRACE).min(data.ends)
    }

    /// How far the last use in the store may be behind the real last use.
    pub(super) fn touch_interval(&self) -> Duration {
        TOUCH_INTERVAL.min(self.idle / 4)
    }
}

/// The last use in the store may be this far behind, or a quarter of the idle time-out when that is less.
pub const TOUCH_INTERVAL: Duration = Duration::from_mins(1);

/// How long a store keeps a session that timed out, so that an instance can take it and clean up.
pub(super) const GRACE: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::data;
    use super::*;

    const LOGIN: UnixTime = UnixTime(1_800_000_000);

    proptest! {
        #[test]
        fn the_end_of_a_stored_session_is_exact_to_the_touch_interval(idle in 60_u64..10_000, used in 0_u64..3600) {
            let lifetimes = Lifetimes { idle: Duration::from_secs(idle), absolute: Duration::from_hours(1) };
            let (data, seen) = (data("alice", LOGIN), LOGIN.plus(Duration::from_secs(used)));
            let stored = lifetimes.last_use(&data, lifetimes.kept_until(&data, seen));
            let (end, known) = (lifetimes.end(&data, seen), lifetimes.end(&data, stored));
            prop_assert!(end <= known && known <= end.plus(lifetimes.touch_interval()));
        }
    }
}
