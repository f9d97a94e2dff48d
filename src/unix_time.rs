//! Wall-clock time in whole seconds since the Unix epoch: arithmetic, text, and the stored form.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Wall-clock time in whole seconds since the Unix epoch. Serde writes the number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// Earlier than every other time.
    pub const MIN: Self = Self(i64::MIN);
    /// Later than every other time: never.
    pub const MAX: Self = Self(i64::MAX);

    /// This time plus `duration`, without its fraction of a second.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_seconds(duration)))
    }

    /// This time minus `duration`, without its fraction of a second.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_seconds(duration)))
    }

    /// The time from `earlier` to this time; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Text as in `2026-11-22T10:29:03Z` (RFC 3339); `None` outside the years 0 to 9999.
    pub fn rfc3339(self) -> Option<String> {
        OffsetDateTime::from_unix_timestamp(self.0).ok()?.format(&Rfc3339).ok()
    }
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_the_first_and_last_time() {
        let time = UnixTime(100);
        assert_eq!(time.plus(Duration::from_millis(7_900)), UnixTime(107));
        assert_eq!(time.minus(Duration::from_mins(2)), UnixTime(-20));
        assert_eq!(time.since(UnixTime(40)), Duration::from_mins(1));
        assert_eq!(time.since(UnixTime(101)), Duration::ZERO);
        assert_eq!(time.plus(Duration::MAX), UnixTime::MAX);
        assert_eq!(UnixTime(-100).minus(Duration::MAX), UnixTime::MIN);
        assert_eq!(UnixTime::MAX.since(UnixTime::MIN), Duration::from_secs(i64::MAX.unsigned_abs()));
    }

    #[test]
    fn text_is_rfc_3339_within_the_calendar() {
        assert_eq!(UnixTime(1_795_343_343).rfc3339().as_deref(), Some("2026-11-22T10:29:03Z"));
        assert_eq!(UnixTime::MAX.rfc3339(), None);
    }

    #[test]
    fn the_stored_form_is_the_number_of_seconds() {
        let json = serde_json::to_string(&UnixTime(1_795_343_343)).unwrap();
        assert_eq!(json, "1795343343");
        assert_eq!(serde_json::from_str::<UnixTime>(&json).unwrap(), UnixTime(1_795_343_343));
    }
}
