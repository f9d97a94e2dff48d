//! The clock as a parameter: production reads the system clock, tests move theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::unix_time::UnixTime;

/// Tells the time. Cloning shares the same clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Seconds a test has moved the clock forward.
    offset: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that a test can move with [`Clock::advance`].
    pub fn movable() -> Self {
        Self { offset: Some(Arc::default()) }
    }

    /// Moves a movable clock forward. Does nothing to the system clock.
    pub fn advance(&self, by: Duration) {
        if let Some(offset) = &self.offset {
            offset.fetch_add(i64::try_from(by.as_secs()).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }

    /// The current time.
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
    pub fn now(&self) -> UnixTime {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let offset = self.offset.as_ref().map_or(0, |o| o.load(Ordering::Relaxed));
        UnixTime(i64::try_from(system).unwrap_or(i64::MAX).saturating_add(offset))
    }
}
