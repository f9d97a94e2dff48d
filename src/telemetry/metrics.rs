//! Counters, in the text form that Prometheus reads.
//!
//! Every worker has its own and is the only one that writes them: counting is a plain load, add and store, and no cache line
//! goes from core to core. Who reads adds them up.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::StatusCode;

use super::Limit;

/// Counters of all workers.
#[derive(Debug)]
pub struct Metrics {
    workers: Vec<Arc<Counters>>,
    began: Instant,
}

/// One worker's counters; only that worker's thread may add to them.
#[derive(Debug)]
pub struct Counters {
    /// By the first digit of the status, from 1 on.
    requests: [Counter; 5],
    opened: Counter,
    closed: Counter,
    protocols: [Counter; 2],
    handshakes_failed: Counter,
    /// By protocol, as above.
    unreadable: [Counter; 2],
    limits: [Hits; Limit::ALL.len()],
    upstream: [Counter; Trouble::ALL.len()],
    lookups: [Counter; Lookup::ALL.len()],
    /// Bytes of responses that clients have not taken.
    buffered: AtomicU64,
    began: Instant,
}

/// A number that only grows, and that only one thread writes.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

/// How often a limit was reached, and what was said of it.
#[derive(Debug, Default)]
struct Hits {
    count: Counter,
    told: AtomicU64,
    /// Seconds after the start, plus 1; 0: never.
    told_at: AtomicU64,
}

/// Why Campaign gave no answer, or none to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection.
    Connect,
    /// All connections in use.
    Busy,
    /// The connection broke.
    Broken,
    /// No answer in time.
    Deadline,
    /// The client's body did not come.
    Client,
    /// A switch of protocols nobody asked for.
    Upgrade,
    /// The answer began, and broke off or stood still.
    Cut,
}

/// How looking for a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A live session.
    Found,
    /// A cookie of no live session.
    Unknown,
    /// The store did not answer.
    Failed,
}

impl Metrics {
    /// Counters for so many workers.
    pub fn new(workers: usize) -> Self {
        let began = Instant::now();
        Self { workers: (0..workers).map(|_| Arc::new(Counters::new(began))).collect(), began }
    }

    /// Each worker's counters.
    pub fn workers(&self) -> &[Arc<Counters>] {
        &self.workers
    }

    /// Client connections open now.
    pub fn connections(&self) -> u64 {
        // Closed first: a connection that closes between the two sums must not make the difference negative.
        let closed = self.sum(|c| &c.closed);
        self.sum(|c| &c.opened).saturating_sub(closed)
    }

    /// Seconds since the start.
    pub fn uptime(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    /// Everything, in the Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        let mut text = Text(String::with_capacity(4096));
        text.head("imsgate_build_info", "gauge", "The version that runs.");
        text.line("imsgate_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.head("imsgate_uptime_seconds", "gauge", "Seconds since the start.");
        text.line("imsgate_uptime_seconds", &[], self.uptime());
        text.head(
            "imsgate_requests_total",
            "counter",
            "Requests, by class of status; whose client went away before an answer counts as 4xx.",
        );
        for (index, class) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().enumerate() {
            text.line("imsgate_requests_total", &[("status", class)], self.sum(|c| &c.requests[index]));
        }
        text.head("imsgate_connections_open", "gauge", "Client connections open now, WebSockets included.");
        text.line("imsgate_connections_open", &[], self.connections());
        text.head("imsgate_connections_total", "counter", "Client connections accepted.");
        text.line("imsgate_connections_total", &[], self.sum(|c| &c.opened));
        text.head("imsgate_connections_served_total", "counter", "Client connections served, by protocol.");
        for (index, protocol) in PROTOCOLS.into_iter().enumerate() {
            let served = self.sum(|c| &c.protocols[index]);
            text.line("imsgate_connections_served_total", &[("protocol", protocol)], served);
        }
        text.head(
            "imsgate_tls_handshakes_failed_total",
            "counter",
            "TLS handshakes that failed or took too long.",
        );
        text.line("imsgate_tls_handshakes_failed_total", &[], self.sum(|c| &c.handshakes_failed));
        text.head(
            "imsgate_requests_unreadable_total",
            "counter",
            "Requests, or connections, that broke the rules of their protocol before anything could be decided.",
        );
        for (index, protocol) in PROTOCOLS.into_iter().enumerate() {
            let unreadable = self.sum(|c| &c.unreadable[index]);
            text.line("imsgate_requests_unreadable_total", &[("protocol", protocol)], unreadable);
        }
        text.head("imsgate_limit_hits_total", "counter", "How often a limit was reached.");
        for limit in Limit::ALL {
            let hits = self.sum(|c| &c.limits[limit as usize].count);
            text.line("imsgate_limit_hits_total", &[("limit", limit.name())], hits);
        }
        text.head(
            "imsgate_upstream_errors_total",
            "counter",
            "Requests Campaign gave no answer to, or none to its end, by reason.",
        );
        for trouble in Trouble::ALL {
            let errors = self.sum(|c| &c.upstream[trouble as usize]);
            text.line("imsgate_upstream_errors_total", &[("reason", trouble.name())], errors);
        }
        text.head("imsgate_session_lookups_total", "counter", "Session cookies looked up, by outcome.");
        for lookup in Lookup::ALL {
            let lookups = self.sum(|c| &c.lookups[lookup as usize]);
            text.line("imsgate_session_lookups_total", &[("outcome", lookup.name())], lookups);
        }
        text.head(
            "imsgate_buffered_bytes",
            "gauge",
            "Bytes of responses that wait for clients to take them.",
        );
        text.line("imsgate_buffered_bytes", &[], self.workers.iter().map(|worker| worker.buffered()).sum());
        if let Some(bytes) = resident() {
            text.head("process_resident_memory_bytes", "gauge", "Resident memory.");
            text.line("process_resident_memory_bytes", &[], bytes);
        }
        text.0
    }

    fn sum(&self, counter: impl Fn(&Counters) -> &Counter) -> u64 {
        self.workers.iter().map(|worker| counter(worker).read()).sum()
    }
}

impl Counters {
    fn new(began: Instant) -> Self {
        Self {
            requests: Default::default(),
            opened: Counter::default(),
            closed: Counter::default(),
            protocols: Default::default(),
            handshakes_failed: Counter::default(),
            unreadable: Default::default(),
            limits: Default::default(),
            upstream: Default::default(),
            lookups: Default::default(),
            buffered: AtomicU64::new(0),
            began,
        }
    }

    /// A request was answered.
    pub fn request(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.requests.get(class) {
            counter.add();
        }
    }

    /// A connection was accepted.
    pub fn opened(&self) {
        self.opened.add();
    }

    /// A connection is gone.
    pub fn closed(&self) {
        self.closed.add();
    }

    /// A connection speaks HTTP/2, or HTTP/1.1.
    pub fn speaks(&self, http2: bool) {
        self.protocols[usize::from(http2)].add();
    }

    /// A TLS handshake failed.
    pub fn handshake_failed(&self) {
        self.handshakes_failed.add();
    }

    /// A request could not be read.
    pub fn unreadable(&self, http2: bool) {
        self.unreadable[usize::from(http2)].add();
    }

    /// Campaign gave no answer.
    pub fn upstream(&self, trouble: Trouble) {
        self.upstream[trouble as usize].add();
    }

    /// A session was looked for.
    pub fn lookup(&self, lookup: Lookup) {
        self.lookups[lookup as usize].add();
    }

    /// So many bytes more, or less, wait for clients.
    pub fn buffer(&self, by: i64) {
        self.buffered.store(self.buffered().wrapping_add_signed(by), Ordering::Relaxed);
    }

    /// Bytes that wait for this worker's clients.
    pub fn buffered(&self) -> u64 {
        self.buffered.load(Ordering::Relaxed)
    }

    /// A limit was reached: counted, and logged at most once in ten seconds, so that a flood does not fill the
    /// disk.
    pub fn hit(&self, limit: Limit, peer: Option<IpAddr>) {
        let entry = &self.limits[limit as usize];
        entry.count.add();
        let now = self.began.elapsed().as_secs() + 1;
        let told_at = entry.told_at.load(Ordering::Relaxed);
        if told_at != 0 && now - told_at < TELL_EVERY {
            return;
        }
        entry.told_at.store(now, Ordering::Relaxed);
        let all = entry.count.read();
        let hits = all - entry.told.swap(all, Ordering::Relaxed);
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        tracing::warn!(limit = limit.name(), hits, peer, "a limit was reached; `peer` is the last one");
    }
}

impl Counter {
    fn add(&self) {
        self.0.store(self.read().wrapping_add(1), Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Trouble {
    /// Every one, in order.
    pub const ALL: [Self; 7] =
        [Self::Connect, Self::Busy, Self::Broken, Self::Deadline, Self::Client, Self::Upgrade, Self::Cut];

    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Busy => "busy",
            Self::Broken => "broken",
            Self::Deadline => "deadline",
            Self::Client => "client",
            Self::Upgrade => "upgrade",
            Self::Cut => "cut",
        }
    }
}

impl Lookup {
    /// Every one, in order.
    pub const ALL: [Self; 3] = [Self::Found, Self::Unknown, Self::Failed];

    fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}

/// The text format: a help and a type line for each name, then its values.
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// Label values are words of ours, which need no escape.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{text}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// From `/proc`, in pages of 4 KiB; none where there is no such file.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

/// As ALPN names them (RFC 7301 §6).
const PROTOCOLS: [&str; 2] = ["http/1.1", "h2"];
/// Seconds between two log lines about one limit, for each worker.
const TELL_EVERY: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_add_up() {
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
    fn every_value_has_a_type_and_lists_are_in_the_order_of_their_numbers() {
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
