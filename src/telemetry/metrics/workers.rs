//! The counters of all workers, added up for a scrape.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;

use super::Metrics;
use super::counters::{BearerResult, Lookup, UpstreamFailure};
use super::encode::{FamilyEncoder, NONE};
use super::request_times::STATUS_CLASSES;
use crate::config::Limit;
use crate::telemetry::audit::RuleRefusal;

/// Reads the counters at the time of a scrape.
#[derive(Debug)]
pub(super) struct WorkerCounters(pub Arc<Metrics>);

impl Collector for WorkerCounters {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = FamilyEncoder::new(encoder);
        self.0.encode_process(&mut families)?;
        self.0.encode_requests(&mut families)?;
        self.0.encode_request_times(&mut families)?;
        self.0.encode_connections(&mut families)?;
        self.0.configuration.encode(&mut families, [self.0.connections(), self.0.buffered()])
    }
}

impl Metrics {
    fn encode_process(&self, families: &mut FamilyEncoder<'_>) -> fmt::Result {
        let build = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("commit", env!("IMSGATE_COMMIT")),
            ("rustc", env!("IMSGATE_RUSTC")),
        ];
        families.info("imsgate_build", "The running version.", &build)?;
        let uptime = [(NONE, self.uptime())];
        families.gauge("imsgate_uptime", Some(&Unit::Seconds), "Seconds since the start.", uptime)?;
        let memory = resident().map(|bytes| (NONE, bytes));
        families.gauge("process_resident_memory", Some(&Unit::Bytes), "Resident memory in bytes.", memory)
    }

    fn encode_requests(&self, families: &mut FamilyEncoder<'_>) -> fmt::Result {
        let classes = STATUS_CLASSES.into_iter().enumerate();
        families.counter(
            "imsgate_requests",
            "Requests by status class. A request whose client disconnected before the response counts as 4xx.",
            classes.map(|(index, class)| ([("status", class)], self.sum(|c| &c.requests[index]))),
        )?;
        let protocols = PROTOCOLS.into_iter().enumerate();
        families.counter(
            "imsgate_requests_unreadable",
            "Requests or connections that violate HTTP and were rejected before routing, by protocol.",
            protocols.map(|(index, name)| ([("protocol", name)], self.sum(|c| &c.invalid_requests[index]))),
        )?;
        families.counter(
            "imsgate_limit_hits",
            "How often a limit was reached.",
            Limit::ALL.map(|limit| ([("limit", limit.name())], self.hits(limit))),
        )?;
        families.counter(
            "imsgate_upstream_errors",
            "Requests without a complete response from Campaign, by reason.",
            UpstreamFailure::ALL.map(|reason| {
                ([("reason", reason.name())], self.sum(|c| &c.upstream_failures[reason as usize]))
            }),
        )?;
        families.counter(
            "imsgate_session_lookups",
            "Session look-ups by cookie, by outcome.",
            Lookup::ALL
                .map(|lookup| ([("outcome", lookup.name())], self.sum(|c| &c.lookups[lookup as usize]))),
        )?;
        let outcomes = ["refused", "reported"].into_iter().enumerate();
        families.counter(
            "imsgate_foreign_tokens",
            "Session tokens of other sessions and passwords in requests, by what happened.",
            outcomes.map(|(index, outcome)| ([("outcome", outcome)], self.sum(|c| &c.foreign_tokens[index]))),
        )?;
        families.counter(
            "imsgate_technical_account_requests",
            "Requests with a Bearer token where technical accounts are configured, by outcome.",
            BearerResult::ALL
                .map(|result| ([("outcome", result.name())], self.sum(|c| &c.accounts[result as usize]))),
        )?;
        families.counter(
            "imsgate_rule_refusals",
            "Requests that do not meet a rule of the configuration, by what they do not meet.",
            RuleRefusal::ALL.map(|condition| {
                ([("condition", condition.name())], self.sum(|c| &c.rule_refusals[condition as usize]))
            }),
        )
    }

    fn encode_connections(&self, families: &mut FamilyEncoder<'_>) -> fmt::Result {
        families.gauge(
            "imsgate_connections_open",
            None,
            "Open client connections, including WebSockets.",
            [(NONE, self.connections())],
        )?;
        let opened = [(NONE, self.sum(|c| &c.opened))];
        families.counter("imsgate_connections", "Client connections accepted.", opened)?;
        let protocols = PROTOCOLS.into_iter().enumerate();
        families.counter(
            "imsgate_connections_served",
            "Client connections by protocol.",
            protocols.map(|(index, name)| ([("protocol", name)], self.sum(|c| &c.protocols[index]))),
        )?;
        families.counter(
            "imsgate_tls_handshakes_failed",
            "TLS handshakes that failed or took too long.",
            [(NONE, self.sum(|c| &c.handshakes_failed))],
        )?;
        families.gauge(
            "imsgate_buffered",
            Some(&Unit::Bytes),
            "Bytes of responses that clients have not read yet.",
            [(NONE, self.buffered())],
        )
    }

    fn hits(&self, limit: Limit) -> u64 {
        self.sum(|c| &c.limits[limit as usize].count)
    }
}

/// Resident memory in bytes, from `/proc` (pages of 4 KiB). `None` on systems without `/proc`.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

/// The names of the protocols in ALPN (RFC 7301 §6).
const PROTOCOLS: [&str; 2] = ["http/1.1", "h2"];
