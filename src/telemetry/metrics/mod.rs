//! Counters in the Prometheus text format.
//!
//! Every worker has its own counters and is the only one that writes them. So counting is a load, an add and a store without
//! locks, and no cache line moves between cores. A reader adds up the counters of all workers.

mod counters;
mod render;

use std::sync::Arc;
use std::time::Instant;

pub use counters::{BearerResult, Counters, Lookup, Trouble};

use counters::Counter;

/// Counters of all workers.
#[derive(Debug)]
pub struct Metrics {
    workers: Vec<Arc<Counters>>,
    began: Instant,
}

impl Metrics {
    /// Counters for this number of workers.
    pub fn new(workers: usize) -> Self {
        let began = Instant::now();
        Self { workers: (0..workers).map(|_| Arc::new(Counters::new(began))).collect(), began }
    }

    /// Each worker's counters.
    pub fn workers(&self) -> &[Arc<Counters>] {
        &self.workers
    }

    /// Open client connections.
    pub fn connections(&self) -> u64 {
        // `closed` is read first. Otherwise a connection that closes between the two sums would make the difference negative.
        let closed = self.sum(|c| &c.closed);
        self.sum(|c| &c.opened).saturating_sub(closed)
    }

    /// Seconds since the start.
    pub fn uptime(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    fn sum(&self, counter: impl Fn(&Counters) -> &Counter) -> u64 {
        self.workers.iter().map(|worker| counter(worker).read()).sum()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::config::Limit;

    #[test]
    fn counters_of_all_workers_are_added() {
        let metrics = Metrics::new(2);
        for worker in metrics.workers() {
            worker.opened();
            worker.request(StatusCode::OK);
            worker.request(StatusCode::NOT_FOUND);
            worker.hit(Limit::Head, None);
        }
        metrics.workers()[0].closed();
        let text = metrics.render();
        for line in [
            "imsgate_requests_total{status=\"2xx\"} 2",
            "imsgate_requests_total{status=\"5xx\"} 0",
            "imsgate_connections_open 1",
            "imsgate_limit_hits_total{limit=\"head\"} 2",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }

    #[test]
    fn every_value_has_a_type_and_lists_are_in_declaration_order() {
        let text = Metrics::new(1).render();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(text.contains(&format!("# TYPE {name} ")), "{line}");
        }
        assert!(Limit::ALL.iter().enumerate().all(|(index, limit)| *limit as usize == index));
        assert!(Trouble::ALL.iter().enumerate().all(|(index, trouble)| *trouble as usize == index));
        assert!(Lookup::ALL.iter().enumerate().all(|(index, lookup)| *lookup as usize == index));
    }
}
