//! Small SVG charts of counters, minute by minute.

use crate::telemetry::{Minute, Totals};

/// A chart of one counter.
#[derive(Debug)]
pub(super) struct Chart {
    /// What is counted.
    pub title: &'static str,
    /// In the last minute; `None` before the first minute is over.
    pub last: Option<u64>,
    /// The highest count of one minute.
    pub most: u64,
    /// The count of all minutes.
    pub sum: u64,
    /// The bars, from left to right.
    pub bars: Vec<Bar>,
    /// True for a counter of something bad.
    pub is_bad: bool,
}

/// A bar: its left and upper edge and its height. A chart is 300 wide and [`HEIGHT`] high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub x: usize,
    pub y: u64,
    pub height: u64,
}

/// The charts of the overview.
pub(super) fn charts(minutes: &[Minute]) -> [Chart; 3] {
    [
        Chart::of("Requests", minutes, |happened| happened.requests, false),
        Chart::of("Responses with status 5xx", minutes, |happened| happened.server_errors, true),
        Chart::of("Sign-ins", minutes, |happened| happened.sign_ins, false),
    ]
}

impl Chart {
    fn of(title: &'static str, minutes: &[Minute], value: fn(&Totals) -> u64, is_bad: bool) -> Self {
        let values: Vec<u64> = minutes.iter().map(|minute| value(&minute.happened)).collect();
        let most = values.iter().copied().max().unwrap_or_default();
        let first = MINUTES.saturating_sub(values.len());
        let bar = |(index, value): (usize, &u64)| {
            // A minute with one event among millions is still seen.
            let height = (*value).saturating_mul(HEIGHT).div_ceil(most.max(1)).min(HEIGHT);
            Bar { x: (first + index) * STEP, y: HEIGHT - height, height }
        };
        let bars = values.iter().enumerate().map(bar).filter(|bar| bar.height > 0).collect();
        let sum = values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
        Self { title, last: values.last().copied(), most, sum, bars, is_bad }
    }
}

const MINUTES: usize = 60;
/// Width of a minute.
const STEP: usize = 5;
/// Height of the highest bar.
const HEIGHT: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unix_time::UnixTime;

    fn minutes(values: &[u64]) -> Vec<Minute> {
        let minute = |value: &u64| Minute {
            at: UnixTime(0),
            happened: Totals { requests: *value, server_errors: 0, sign_ins: 0 },
        };
        values.iter().map(minute).collect()
    }

    #[test]
    fn the_latest_minute_is_at_the_right_and_the_highest_bar_fills_the_chart() {
        let [requests, errors, _] = charts(&minutes(&[1, 0, 1_000_000, 500_000]));
        assert_eq!((requests.last, requests.most, requests.sum), (Some(500_000), 1_000_000, 1_500_001));
        let bar = |x, height| Bar { x, y: HEIGHT - height, height };
        assert_eq!(requests.bars, [bar(280, 1), bar(290, 60), bar(295, 30)]);
        assert!(errors.bars.is_empty() && errors.is_bad);
        let [none, ..] = charts(&[]);
        assert_eq!((none.last, none.bars.len()), (None, 0), "the first minute is not over");
        let [most, ..] = charts(&minutes(&[u64::MAX; 60]));
        assert_eq!(most.bars.len(), 60);
        assert!(most.bars.iter().all(|bar| bar.height <= HEIGHT && bar.x < 300));
    }
}
