//! What happened in each minute of the last hour, for the charts of the admin page.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::unix_time::UnixTime;

/// Counts of events: since the start of the process in a sample, between two samples in a [`Minute`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests.
    pub requests: u64,
    /// Requests whose response had a status of 500 or higher.
    pub server_errors: u64,
    /// Sign-ins of people that made a new session.
    pub sign_ins: u64,
}

/// What happened between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// The end of the minute.
    pub at: UnixTime,
    /// What happened in it.
    pub happened: Totals,
}

/// The latest samples of the counters: at most [`SAMPLES`].
#[derive(Debug, Default)]
pub struct Rates(Mutex<VecDeque<(UnixTime, Totals)>>);

impl Rates {
    /// Adds a sample of the counters. Call it once a minute.
    pub fn sample(&self, at: UnixTime, totals: Totals) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == SAMPLES {
            samples.pop_front();
        }
        samples.push_back((at, totals));
    }

    /// What happened between the samples, the oldest first.
    pub fn minutes(&self) -> Vec<Minute> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let between = |((_, before), (at, now)): (&(UnixTime, Totals), &(UnixTime, Totals))| Minute {
            at: *at,
            happened: Totals {
                requests: now.requests.saturating_sub(before.requests),
                server_errors: now.server_errors.saturating_sub(before.server_errors),
                sign_ins: now.sign_ins.saturating_sub(before.sign_ins),
            },
        };
        samples.iter().zip(samples.iter().skip(1)).map(between).collect()
    }
}

/// One more than the minutes of an hour.
const SAMPLES: usize = 61;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hour_is_kept_minute_by_minute() {
        let rates = Rates::default();
        assert!(rates.minutes().is_empty());
        for minute in 0..200_u32 {
            let total = u64::from(minute * minute);
            let totals = Totals { requests: total, server_errors: 0, sign_ins: u64::from(minute) };
            rates.sample(UnixTime(60 * i64::from(minute)), totals);
        }
        let minutes = rates.minutes();
        assert_eq!(minutes.len(), 60);
        let last = Totals { requests: 199 * 199 - 198 * 198, server_errors: 0, sign_ins: 1 };
        assert_eq!(minutes[59], Minute { at: UnixTime(199 * 60), happened: last });
    }
}
