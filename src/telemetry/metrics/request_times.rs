//! How long requests take: the gateway's part and Campaign's part, by method, status and caller.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use prometheus_client::encoding::NoLabelSet;

use super::Metrics;
use super::encode::FamilyEncoder;
use super::events::instance_label;
use super::histogram::{Histogram, Sum};

/// Who sent a request: the label `caller`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// Unknown: on public paths, and for refused requests.
    Anonymous,
    /// A signed-in person.
    Person,
    /// A technical account.
    TechnicalAccount,
    /// A native account of Campaign.
    NativeAccount,
    /// Anyone, at a gateway route: sign-in, callback, sign-out.
    GatewayRoute,
}

/// Caller and times of one request, set while it is served. Only the request's own task writes it.
#[derive(Debug, Default)]
pub struct RequestTimes {
    /// A [`CallerKind`].
    caller: AtomicU8,
    /// Nanoseconds from the first byte sent to Campaign until the head of its response.
    exchange: AtomicU64,
    /// The same without the time in which the client sent its body.
    campaign: AtomicU64,
}

/// The times of one exchange with Campaign.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExchangeTimes {
    /// When it got a connection; `None` when it got none.
    pub began: Option<Instant>,
    /// When the last part of the body was sent, if after `began`.
    pub sent: Option<Instant>,
}

/// The times of the requests that one worker has served for one Campaign instance. Only that worker's thread may add to them.
#[derive(Debug)]
pub struct RequestHistograms(Box<[HistogramPair]>);

#[derive(Debug, Default)]
struct HistogramPair {
    gateway: Histogram,
    campaign: Histogram,
}

impl RequestTimes {
    /// Sets who sent the request.
    pub fn set_caller(&self, caller: CallerKind) {
        self.caller.store(caller as u8, Ordering::Relaxed);
    }

    /// Adds the times of an exchange that has a response or has failed. A request may have several exchanges.
    pub fn add_exchange(&self, times: ExchangeTimes) {
        let Some(began) = times.began else { return };
        let now = Instant::now();
        let exchange = nanoseconds(now.saturating_duration_since(began));
        let campaign = times
            .sent
            .map_or(exchange, |sent| nanoseconds(now.saturating_duration_since(sent)).min(exchange));
        self.exchange.store(self.exchange.load(Ordering::Relaxed) + exchange, Ordering::Relaxed);
        self.campaign.store(self.campaign.load(Ordering::Relaxed) + campaign, Ordering::Relaxed);
    }

    /// Adds the times of the same request in another task.
    pub fn add(&self, other: &Self) {
        for (own, other) in [(&self.exchange, &other.exchange), (&self.campaign, &other.campaign)] {
            own.store(own.load(Ordering::Relaxed) + other.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

impl Default for RequestHistograms {
    fn default() -> Self {
        Self(
            (0..CALLERS.len() * METHODS.len() * STATUS_CLASSES.len())
                .map(|_| HistogramPair::default())
                .collect(),
        )
    }
}

impl RequestHistograms {
    /// Adds a request. `took` is its total time.
    pub fn add(&self, times: &RequestTimes, method: &Method, status: StatusCode, took: Duration) {
        let caller = usize::from(times.caller.load(Ordering::Relaxed));
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        let index = (caller * METHODS.len() + method_class(method)) * STATUS_CLASSES.len() + class;
        let Some(cell) = self.0.get(index) else { return };
        let exchange = times.exchange.load(Ordering::Relaxed);
        cell.gateway.add(nanoseconds(took).saturating_sub(exchange));
        if exchange != 0 {
            cell.campaign.add(times.campaign.load(Ordering::Relaxed));
        }
    }
}

impl Metrics {
    pub(super) fn encode_request_times(&self, families: &mut FamilyEncoder<'_>) -> fmt::Result {
        self.encode_times(
            families,
            "imsgate_request_gateway_duration",
            "Time of a request in the gateway: from its head to the head of the response, without the time in which Campaign processed it or the client sent its body.",
            |times| &times.gateway,
        )?;
        self.encode_times(
            families,
            "imsgate_request_campaign_duration",
            "Time in which Campaign processed a forwarded request: from the end of the request to the head of the response, with a new connection if one was needed.",
            |times| &times.campaign,
        )
    }

    fn encode_times(
        &self,
        families: &mut FamilyEncoder<'_>,
        name: &str,
        help: &str,
        part: impl Fn(&HistogramPair) -> &Histogram,
    ) -> fmt::Result {
        let instances = self.request_histograms();
        families.durations(name, help, |metric| {
            for (instance, workers) in &instances {
                for index in 0..CALLERS.len() * METHODS.len() * STATUS_CLASSES.len() {
                    let mut sum = Sum::default();
                    for times in workers.iter().filter_map(|worker| worker.0.get(index)) {
                        sum.add(part(times));
                    }
                    if sum.count() == 0 {
                        continue;
                    }
                    let (rest, class) = (index / STATUS_CLASSES.len(), index % STATUS_CLASSES.len());
                    let labels = [
                        ("campaign_instance", instance_label(instance)),
                        ("caller", CALLERS[rest / METHODS.len()]),
                        ("method", METHODS[rest % METHODS.len()]),
                        ("status", STATUS_CLASSES[class]),
                    ];
                    metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                        sum.seconds(),
                        sum.count(),
                        &sum.bounded(),
                        None,
                    )?;
                }
            }
            Ok(())
        })
    }

    /// The histograms of all workers, by instance.
    fn request_histograms(&self) -> Vec<(Arc<str>, Vec<Arc<RequestHistograms>>)> {
        let mut instances = std::collections::BTreeMap::<Arc<str>, Vec<_>>::new();
        for worker in self.workers() {
            for (name, histograms) in worker.all_request_histograms() {
                instances.entry(name).or_default().push(histograms);
            }
        }
        instances.into_iter().collect()
    }
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_secs() * 1_000_000_000 + u64::from(time.subsec_nanos())
}

/// The class of a method: reads, writes, others.
fn method_class(method: &Method) -> usize {
    match *method {
        Method::GET | Method::HEAD => 0,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE => 1,
        _ => 2,
    }
}

/// By [`CallerKind`].
const CALLERS: [&str; 5] = ["anonymous", "person", "technical_account", "native_account", "gateway_route"];
/// By the first digit of the status.
pub(super) const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const METHODS: [&str; 3] = ["read", "write", "other"];
