//! Counts of requests and of their paths.

use std::collections::HashMap;
use std::ops::AddAssign;

/// A number of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) requests: u64,
    /// Requests with status 2xx or 3xx in the log.
    pub(super) answered: u64,
}

/// Requests by path, for the first [`MAX_PATHS`] different paths.
#[derive(Default)]
pub(super) struct Paths {
    counts: HashMap<String, u64>,
    /// Requests for paths that are not counted.
    pub(super) others: u64,
}

impl Count {
    pub(super) fn add(&mut self, status: Option<u16>) {
        self.requests += 1;
        self.answered += u64::from(status.is_some_and(|status| (200..400).contains(&status)));
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.answered += other.answered;
    }
}

impl Paths {
    pub(super) fn add(&mut self, path: String) {
        if let Some(count) = self.counts.get_mut(&path) {
            *count += 1;
        } else if self.counts.len() < MAX_PATHS {
            self.counts.insert(path, 1);
        } else {
            self.others += 1;
        }
    }

    /// The most frequent paths.
    pub(super) fn top(&self, count: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self.counts.iter().map(|(path, count)| (path.as_str(), *count)).collect();
        all.sort_by_key(|(path, count)| (u64::MAX - count, *path));
        all.truncate(count);
        all
    }

    /// How many different paths were counted.
    pub(super) fn different(&self) -> usize {
        self.counts.len()
    }
}

/// Different paths that are counted for each decision.
const MAX_PATHS: usize = 100_000;
