//! The counters of one worker.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::StatusCode;

use super::counter::Counter;
use super::request_times::RequestHistograms;
use crate::config::Limit;
use crate::telemetry::audit::RuleRefusal;

/// One worker's counters; only that worker's thread may add to them.
#[derive(Debug)]
pub struct Counters {
    /// By the first digit of the status: 1xx to 5xx.
    pub(super) requests: [Counter; 5],
    pub(super) opened: Counter,
    pub(super) closed: Counter,
    /// HTTP/1.1, HTTP/2.
    pub(super) protocols: [Counter; 2],
    pub(super) handshakes_failed: Counter,
    /// HTTP/1.1, HTTP/2.
    pub(super) invalid_requests: [Counter; 2],
    pub(super) limits: [Hits; Limit::ALL.len()],
    pub(super) upstream_failures: [Counter; UpstreamFailure::ALL.len()],
    pub(super) lookups: [Counter; Lookup::ALL.len()],
    /// Refused, reported.
    pub(super) foreign_tokens: [Counter; 2],
    pub(super) accounts: [Counter; BearerResult::ALL.len()],
    pub(super) rule_refusals: [Counter; RuleRefusal::ALL.len()],
    /// Times of requests, by Campaign instance.
    times: Mutex<BTreeMap<Arc<str>, Arc<RequestHistograms>>>,
    /// Bytes of responses that clients have not read yet.
    buffered: AtomicU64,
    began: Instant,
}

/// How often a limit was reached, and what was logged about it.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub(super) count: Counter,
    /// The count in the last log line.
    logged: AtomicU64,
    /// When the last log line was written: seconds after the start, plus 1; 0: never.
    logged_at: AtomicU64,
}

/// Why a request has no complete response from Campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFailure {
    /// No connection.
    Connect,
    /// All connections are in use.
    Busy,
    /// The connection broke.
    Broken,
    /// No response in time.
    Deadline,
    /// The client did not send its complete body.
    Client,
    /// Campaign switched protocols although the client did not ask for it.
    Upgrade,
    /// The response broke off or stalled.
    Cut,
}

/// The result of a session look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A live session.
    Found,
    /// The cookie belongs to no live session.
    Unknown,
    /// The store did not answer.
    Failed,
}

/// The result of a request with the token of a technical account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerResult {
    /// Forwarded for the account.
    Accepted,
    /// The token, the address or the path is refused.
    Refused,
    /// IMS did not answer.
    Failed,
}

impl Counters {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            requests: Default::default(),
            opened: Counter::default(),
            closed: Counter::default(),
            protocols: Default::default(),
            handshakes_failed: Counter::default(),
            invalid_requests: Default::default(),
            limits: Default::default(),
            upstream_failures: Default::default(),
            lookups: Default::default(),
            foreign_tokens: Default::default(),
            accounts: Default::default(),
            rule_refusals: Default::default(),
            times: Mutex::default(),
            buffered: AtomicU64::new(0),
            began,
        }
    }

    /// The times of this worker's requests for one Campaign instance. They outlive every configuration.
    pub fn request_histograms(&self, instance: &Arc<str>) -> Arc<RequestHistograms> {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.entry(instance.clone()).or_default().clone()
    }

    pub(super) fn all_request_histograms(&self) -> BTreeMap<Arc<str>, Arc<RequestHistograms>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a response with this status.
    pub fn request(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.requests.get(class) {
            counter.add();
        }
    }

    /// Counts an accepted connection.
    pub fn connection_opened(&self) {
        self.opened.add();
    }

    /// Counts a closed connection.
    pub fn connection_closed(&self) {
        self.closed.add();
    }

    /// Counts a connection by protocol: HTTP/2 or HTTP/1.1.
    pub fn connection_protocol(&self, http2: bool) {
        self.protocols[usize::from(http2)].add();
    }

    /// Counts a failed TLS handshake.
    pub fn handshake_failed(&self) {
        self.handshakes_failed.add();
    }

    /// Counts a request that violates the protocol.
    pub fn invalid_request(&self, http2: bool) {
        self.invalid_requests[usize::from(http2)].add();
    }

    /// Counts a request without a complete response from Campaign.
    pub fn upstream_failure(&self, failure: UpstreamFailure) {
        self.upstream_failures[failure as usize].add();
    }

    /// Counts a session look-up.
    pub fn lookup(&self, lookup: Lookup) {
        self.lookups[lookup as usize].add();
    }

    /// Counts a session token of another session.
    pub fn foreign_token(&self, refused: bool) {
        self.foreign_tokens[usize::from(!refused)].add();
    }

    /// Counts a request with the token of a technical account.
    pub fn account(&self, result: BearerResult) {
        self.accounts[result as usize].add();
    }

    /// Counts a request that does not meet a rule.
    pub fn rule_refusal(&self, condition: RuleRefusal) {
        self.rule_refusals[condition as usize].add();
    }

    /// Adds to the bytes that clients have not read yet; `by` may be negative.
    pub fn buffer(&self, by: i64) {
        self.buffered.store(self.buffered().wrapping_add_signed(by), Ordering::Relaxed);
    }

    /// Bytes that this worker's clients have not read yet.
    pub fn buffered(&self) -> u64 {
        self.buffered.load(Ordering::Relaxed)
    }

    /// Counts a reached limit. Logs it at most once in [`LOG_INTERVAL`], so that a flood does not fill the disk.
    pub fn limit_reached(&self, limit: Limit, peer: Option<IpAddr>) {
        let entry = &self.limits[limit as usize];
        entry.count.add();
        let now = self.began.elapsed().as_secs() + 1;
        let logged_at = entry.logged_at.load(Ordering::Relaxed);
        if logged_at != 0 && now - logged_at < LOG_INTERVAL {
            return;
        }
        entry.logged_at.store(now, Ordering::Relaxed);
        let all = entry.count.read();
        let hits = all - entry.logged.swap(all, Ordering::Relaxed);
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        tracing::warn!(
            limit = limit.name(),
            hits,
            peer,
            "a limit was reached; `hits` counts since the last such line, `peer` is the latest client"
        );
    }
}

impl UpstreamFailure {
    /// All reasons, in declaration order.
    pub const ALL: [Self; 7] =
        [Self::Connect, Self::Busy, Self::Broken, Self::Deadline, Self::Client, Self::Upgrade, Self::Cut];

    pub(super) fn name(self) -> &'static str {
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
    /// All results, in declaration order.
    pub const ALL: [Self; 3] = [Self::Found, Self::Unknown, Self::Failed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}

impl BearerResult {
    /// All results, in declaration order.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::Failed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Seconds between two log lines about one limit, for each worker.
const LOG_INTERVAL: u64 = 10;
