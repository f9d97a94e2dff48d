//! Renders all metrics in the Prometheus text format 0.0.4.

use std::fmt::Write as _;

use super::Metrics;
use super::counters::{BearerResult, Lookup, Trouble};
use crate::config::Limit;

impl Metrics {
    /// All metrics in the Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        let mut text = Text(String::with_capacity(4096));
        text.head("imsgate_build_info", "gauge", "The running version.");
        text.line("imsgate_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.head("imsgate_uptime_seconds", "gauge", "Seconds since the start.");
        text.line("imsgate_uptime_seconds", &[], self.uptime());
        text.head(
            "imsgate_requests_total",
            "counter",
            "Requests by status class. A request whose client disconnected before the response counts as 4xx.",
        );
        for (index, class) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().enumerate() {
            text.line("imsgate_requests_total", &[("status", class)], self.sum(|c| &c.requests[index]));
        }
        text.head("imsgate_connections_open", "gauge", "Open client connections, including WebSockets.");
        text.line("imsgate_connections_open", &[], self.connections());
        text.head("imsgate_connections_total", "counter", "Client connections accepted.");
        text.line("imsgate_connections_total", &[], self.sum(|c| &c.opened));
        text.head("imsgate_connections_served_total", "counter", "Client connections by protocol.");
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
            "Requests or connections that violate HTTP and were rejected before routing, by protocol.",
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
            "Requests without a complete response from Campaign, by reason.",
        );
        for trouble in Trouble::ALL {
            let errors = self.sum(|c| &c.upstream[trouble as usize]);
            text.line("imsgate_upstream_errors_total", &[("reason", trouble.name())], errors);
        }
        text.head("imsgate_session_lookups_total", "counter", "Session look-ups by cookie, by outcome.");
        for lookup in Lookup::ALL {
            let lookups = self.sum(|c| &c.lookups[lookup as usize]);
            text.line("imsgate_session_lookups_total", &[("outcome", lookup.name())], lookups);
        }
        text.head(
            "imsgate_foreign_tokens_total",
            "counter",
            "Session tokens or passwords in requests that are not of their session, by what happened.",
        );
        for (index, outcome) in ["refused", "reported"].into_iter().enumerate() {
            let found = self.sum(|c| &c.foreign_tokens[index]);
            text.line("imsgate_foreign_tokens_total", &[("outcome", outcome)], found);
        }
        text.head(
            "imsgate_technical_account_requests_total",
            "counter",
            "Requests with a Bearer token where technical accounts are configured, by outcome.",
        );
        for result in BearerResult::ALL {
            let requests = self.sum(|c| &c.accounts[result as usize]);
            text.line("imsgate_technical_account_requests_total", &[("outcome", result.name())], requests);
        }
        text.head("imsgate_buffered_bytes", "gauge", "Bytes of responses that clients have not read yet.");
        text.line("imsgate_buffered_bytes", &[], self.workers.iter().map(|worker| worker.buffered()).sum());
        if let Some(bytes) = resident() {
            text.head("process_resident_memory_bytes", "gauge", "Resident memory in bytes.");
            text.line("process_resident_memory_bytes", &[], bytes);
        }
        text.0
    }
}

/// Builds the text: a help line and a type line for each metric, then its values.
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// Label values are constants that need no escaping.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{text}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// Resident memory in bytes, from `/proc` (pages of 4 KiB). `None` on systems without `/proc`.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

/// The names of the protocols in ALPN (RFC 7301 §6).
const PROTOCOLS: [&str; 2] = ["http/1.1", "h2"];
