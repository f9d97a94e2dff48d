//! The text of a scrape: `OpenMetrics` 1.0 for those who ask for it, as Prometheus does; otherwise the Prometheus text format 0.0.4.

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

/// The `Content-Type` and the text of all metrics. `accept` is the request's header field.
pub fn exposition(registry: &Registry, accept: &str) -> (&'static str, String) {
    let mut written = String::with_capacity(16 * 1024);
    let is_open = accepts_open_metrics(accept);
    // Writing into a string does not fail.
    let _ = if is_open {
        text::encode(&mut written, registry)
    } else {
        prometheus_text::encode(&mut written, registry)
    };
    (if is_open { OPEN_METRICS } else { prometheus_text::CONTENT_TYPE }, written)
}

/// True when `OpenMetrics` is among the accepted types and is not excluded by `q=0`.
fn accepts_open_metrics(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_wanted =
            parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text"));
        let is_excluded = |part: &str| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.parse() == Ok(0.0))
        };
        is_wanted && !parts.any(is_excluded)
    })
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_sent_to_those_who_ask_for_it() {
        // What Prometheus 2.42 sends.
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, wanted) in [
            (prometheus, true),
            ("Application/OpenMetrics-Text", true),
            ("", false),
            ("*/*", false),
            ("text/plain", false),
            ("application/openmetrics-text;q=0, text/plain", false),
        ] {
            assert_eq!(accepts_open_metrics(accept), wanted, "{accept}");
        }
        let registry = Registry::default();
        assert_eq!(exposition(&registry, prometheus), (OPEN_METRICS, "# EOF\n".to_owned()));
        assert_eq!(exposition(&registry, "*/*"), (prometheus_text::CONTENT_TYPE, String::new()));
    }
}
