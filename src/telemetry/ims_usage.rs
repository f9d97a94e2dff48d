//! Counters of the calls to IMS.

use std::fmt::Write as _;

/// Counters of the calls to IMS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImsUsage {
    /// Calls to the token endpoint in progress, by share: sign-ins, refreshes.
    pub calls: [u64; 2],
    /// Calls that got no slot in time, by share.
    pub refused: [u64; 2],
    /// 429 responses of IMS.
    pub throttled: u64,
    /// Seconds until the pause after a 429 ends; 0 without a pause.
    pub paused: u64,
}

impl ImsUsage {
    /// All counters in the Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, values: &[(&str, u64)]| {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for (labels, value) in values {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let shares = |[sign_in, refresh]: [u64; 2]| {
            [("{share=\"sign-in\"}", sign_in), ("{share=\"refresh\"}", refresh)]
        };
        family(
            "imsgate_ims_token_calls",
            "gauge",
            "Calls to the token endpoint of IMS in progress.",
            &shares(self.calls),
        );
        family(
            "imsgate_ims_token_refused_total",
            "counter",
            "Calls to the token endpoint not made: no slot was free in time.",
            &shares(self.refused),
        );
        family(
            "imsgate_ims_throttled_total",
            "counter",
            "Responses of IMS with status 429.",
            &[("", self.throttled)],
        );
        family(
            "imsgate_ims_pause_seconds",
            "gauge",
            "Seconds until IMS may be called again after a 429.",
            &[("", self.paused)],
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_rendered() {
        let text = ImsUsage { calls: [1, 2], refused: [3, 4], throttled: 5, paused: 6 }.render();
        for line in [
            "imsgate_ims_token_calls{share=\"sign-in\"} 1",
            "imsgate_ims_token_calls{share=\"refresh\"} 2",
            "imsgate_ims_token_refused_total{share=\"sign-in\"} 3",
            "imsgate_ims_token_refused_total{share=\"refresh\"} 4",
            "imsgate_ims_throttled_total 5",
            "imsgate_ims_pause_seconds 6",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
