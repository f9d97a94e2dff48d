//! Metrics, and their text for Prometheus.
//!
//! Every worker has its own [`Counters`] and is the only one that writes them. So counting is a load, an add and a store without
//! locks, and no cache line moves between cores. A scrape adds up the counters of all workers (`workers`, `request_times`). Rare events have
//! one counter for all workers (`events`). Label values come from closed sets (`outcomes`) and from the configuration, never from a request.

mod configuration;
mod counter;
mod counters;
mod encode;
mod events;
mod exposition;
mod histogram;
mod outcomes;
mod request_times;
mod workers;

use std::sync::Arc;
use std::time::Instant;

use prometheus_client::registry::Registry;

pub use configuration::CertificateEnd;
pub use counters::{BearerResult, Counters, Lookup, UpstreamFailure};
pub use encode::{FamilyEncoder, NONE};
pub use events::{InstanceMetrics, StoreMetrics, instance_label};
pub use exposition::exposition;
pub use outcomes::{CallOutcome, GroupRecheck, SavedFormEvent, SignIn, TokenRefresh};
pub use request_times::{CallerKind, ExchangeTimes, RequestHistograms, RequestTimes};

use crate::config::Limits;
use crate::telemetry::rates::Totals;
use crate::unix_time::UnixTime;
use configuration::Configuration;
use counter::Counter;
use events::Events;
use workers::WorkerCounters;

/// The metrics of the process. They outlive every configuration.
#[derive(Debug)]
pub struct Metrics {
    workers: Vec<Arc<Counters>>,
    events: Arc<Events>,
    configuration: Configuration,
    began: Instant,
}

impl Metrics {
    /// Metrics of a process with this number of workers.
    pub fn new(workers: usize) -> Self {
        let began = Instant::now();
        Self {
            workers: (0..workers).map(|_| Arc::new(Counters::new(began))).collect(),
            events: Arc::default(),
            configuration: Configuration::default(),
            began,
        }
    }

    /// Registers everything that is counted here, for one scrape.
    pub fn register(self: &Arc<Self>, registry: &mut Registry) {
        registry.register_collector(Box::new(WorkerCounters(self.clone())));
        self.events.register(registry);
    }

    /// Each worker's counters.
    pub fn workers(&self) -> &[Arc<Counters>] {
        &self.workers
    }

    /// The metrics of the Campaign instance of this name; the unnamed instance has an empty name.
    pub fn instance(&self, name: &str) -> InstanceMetrics {
        self.events.of_instance(name)
    }

    /// Times of the session store's operations.
    pub fn store(&self) -> StoreMetrics {
        self.events.store()
    }

    /// Sets the limits and the loading time of the first configuration.
    pub fn started(&self, now: UnixTime, limits: &Limits) {
        self.configuration.started(now, limits);
    }

    /// Sets when the certificates for new connections expire. Call it again when certificates are loaded.
    pub fn set_certificates(&self, ends: Vec<CertificateEnd>) {
        self.configuration.set_certificates(ends);
    }

    /// Counts a reload that was applied.
    pub fn reload_succeeded(&self, now: UnixTime) {
        self.configuration.succeeded(now);
    }

    /// Counts a reload that failed: the running configuration stays in use.
    pub fn reload_failed(&self) {
        self.configuration.failed();
    }

    /// What the charts of the admin page show.
    pub fn totals(&self) -> Totals {
        let with_status = |class: usize| self.sum(|counters| &counters.requests[class]);
        Totals {
            requests: (0..5).map(with_status).sum(),
            server_errors: with_status(4),
            sign_ins: self.events.signed_in(),
        }
    }

    /// When the running configuration was loaded, and whether a later reload failed.
    pub fn last_reload(&self) -> (UnixTime, bool) {
        self.configuration.last_reload()
    }

    /// When the certificates of the listener end.
    pub fn certificates(&self) -> Vec<CertificateEnd> {
        self.configuration.certificates()
    }

    /// Open client connections.
    pub fn connections(&self) -> u64 {
        // `closed` is read first. Otherwise a connection that closes between the two sums would make the difference negative.
        let closed = self.sum(|c| &c.closed);
        self.sum(|c| &c.opened).saturating_sub(closed)
    }

    /// Bytes of responses that clients have not read yet.
    pub fn buffered(&self) -> u64 {
        self.workers.iter().map(|worker| worker.buffered()).sum()
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
    use crate::telemetry::RefusalCode;
    use crate::telemetry::audit::RuleRefusal;

    fn text(metrics: &Arc<Metrics>) -> String {
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        exposition(&registry, "").1
    }

    #[test]
    fn counters_of_all_workers_are_added() {
        let metrics = Arc::new(Metrics::new(2));
        for worker in metrics.workers() {
            worker.connection_opened();
            worker.request(StatusCode::OK);
            worker.request(StatusCode::NOT_FOUND);
            worker.limit_reached(Limit::Head, None);
        }
        metrics.workers()[0].connection_closed();
        let text = text(&metrics);
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
    fn lists_are_in_declaration_order() {
        assert!(Limit::ALL.iter().enumerate().all(|(index, limit)| *limit as usize == index));
        assert!(UpstreamFailure::ALL.iter().enumerate().all(|(index, failure)| *failure as usize == index));
        assert!(Lookup::ALL.iter().enumerate().all(|(index, lookup)| *lookup as usize == index));
        assert!(BearerResult::ALL.iter().enumerate().all(|(index, result)| *result as usize == index));
        assert!(RuleRefusal::ALL.iter().enumerate().all(|(index, condition)| *condition as usize == index));
    }

    #[test]
    fn events_begin_at_zero_and_are_counted_by_instance() {
        let metrics = Arc::new(Metrics::new(1));
        let (unnamed, other) = (metrics.instance(""), metrics.instance("other"));
        unnamed.sign_in(SignIn::Refused(RefusalCode::NoGroup));
        other.token_refresh(TokenRefresh::Refreshed);
        // A reload calls `instance` again: the counters keep their values.
        metrics.instance("").sign_in(SignIn::Refused(RefusalCode::NoGroup));
        let text = text(&metrics);
        for line in [
            "imsgate_sign_ins_total{campaign_instance=\"default\",outcome=\"refused\",reason=\"no_group\"} 2",
            "imsgate_sign_ins_total{campaign_instance=\"other\",outcome=\"refused\",reason=\"no_group\"} 0",
            "imsgate_token_refreshes_total{campaign_instance=\"other\",outcome=\"refreshed\"} 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_reload_is_counted_and_a_failed_one_shows_until_the_next_succeeds() {
        let metrics = Arc::new(Metrics::new(1));
        let shows = |lines: [&str; 3]| {
            let text = text(&metrics);
            assert!(lines.iter().all(|line| text.lines().any(|known| known == *line)), "{lines:?}\n{text}");
        };
        metrics.started(UnixTime(1000), &Limits::default());
        shows([
            "imsgate_reloads_total{outcome=\"succeeded\"} 0",
            "imsgate_config_last_reload_successful 1",
            "imsgate_config_loaded_timestamp_seconds 1000",
        ]);
        metrics.reload_failed();
        shows([
            "imsgate_reloads_total{outcome=\"failed\"} 1",
            "imsgate_config_last_reload_successful 0",
            "imsgate_config_loaded_timestamp_seconds 1000",
        ]);
        metrics.reload_succeeded(UnixTime(2000));
        shows([
            "imsgate_reloads_total{outcome=\"succeeded\"} 1",
            "imsgate_config_last_reload_successful 1",
            "imsgate_config_loaded_timestamp_seconds 2000",
        ]);
    }
}
