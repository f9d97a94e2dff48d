//! The switches that operators turn on and off while the gateway runs. A switch is on for a Campaign instance until an operator turns it off
//! or its time is over.

use std::time::Duration;

use crate::unix_time::UnixTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Switch {
    /// Requests for Campaign get a page about maintenance.
    Maintenance,
    /// Emergency accounts may sign in.
    Emergency,
}

impl Switch {
    /// All switches, in declaration order.
    pub const ALL: [Self; 2] = [Self::Maintenance, Self::Emergency];

    /// The name, as in commands and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Emergency => "emergency",
        }
    }
}

/// A time during which a switch is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub since: UnixTime,
    /// When it ends by itself; `None`: only when it is turned off.
    pub until: Option<UnixTime>,
}

impl Period {
    /// A period that begins now, but at least one second after `before`: no ticket of an earlier period is dated within it.
    pub fn after(before: UnixTime, now: UnixTime, until: Option<UnixTime>) -> Self {
        Self { since: now.max(before.plus(Duration::from_secs(1))), until }
    }

    /// True until the end.
    pub fn is_on(self, now: UnixTime) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// How long a client should wait before it tries again (`Retry-After`): until the end, or a few minutes when no end is known.
    pub fn retry_after(until: Option<UnixTime>, now: UnixTime) -> Duration {
        until.map_or(UNKNOWN_END, |until| until.since(now).max(Duration::from_secs(1)))
    }
}

/// The wait when no end is known.
const UNKNOWN_END: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_period_is_over_from_its_end_on(since: i32, lasts in 1_u32.., later in 0_u32..) {
            let since = UnixTime(since.into());
            let until = since.plus(Duration::from_secs(lasts.into()));
            let period = Period { since, until: Some(until) };
            prop_assert!(period.is_on(until.minus(Duration::from_secs(1))));
            prop_assert!(!period.is_on(until.plus(Duration::from_secs(later.into()))));
            let endless = Period { since, until: None };
            prop_assert!(endless.is_on(until));
        }
    }

    #[test]
    fn a_client_tries_again_at_the_end_and_never_at_once() {
        let now = UnixTime(1000);
        assert_eq!(Period::retry_after(Some(UnixTime(1090)), now), Duration::from_secs(90));
        assert_eq!(Period::retry_after(Some(UnixTime(900)), now), Duration::from_secs(1));
        assert_eq!(Period::retry_after(None, now), Duration::from_mins(5));
    }
}
