//! `[limits]` as written.

use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawLimits {
    /// Most client connections of the whole process; then 503.
    #[serde(default = "default::connections")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections: u32,
    /// Most client connections from one address (IPv6: one /64 network), trusted proxies apart; then 429. 0: no limit.
    #[serde(default = "default::connections_per_ip")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub connections_per_ip: u32,
    /// Bytes of a request's target and fields together; then 431.
    #[serde(default = "default::head_bytes")]
    #[schemars(range(min = 4096, max = 1_048_576))]
    pub head_bytes: u32,
    /// Fields of a request; then 431. More than 100 make every HTTP/1.1 request a little dearer.
    #[serde(default = "default::head_fields")]
    #[schemars(range(min = 16, max = 1000))]
    pub head_fields: u32,
    /// Bytes of a request's body; then 413. 0: no limit.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub body_bytes: u64,
    /// Streams open at a time on one HTTP/2 connection; more are reset with `REFUSED_STREAM`.
    #[serde(default = "default::http2_streams")]
    #[schemars(range(min = 1, max = 10_000))]
    pub http2_streams: u32,
    /// Requests a second from one address (IPv6: one /64 network) in the long run, trusted proxies apart; then 429. 0: no
    /// limit.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub requests_per_second: u32,
    /// Requests at once after a rest, when `requests_per_second` is set.
    #[serde(default = "default::request_burst")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub request_burst: u32,
    /// Requests a second to `/ims/login`, and as many to `/ims/callback`, from one address (IPv6: one /64 network) in the
    /// long run, trusted proxies apart; then 429. 0: no limit.
    #[serde(default = "default::sign_ins_per_second")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub sign_ins_per_second: u32,
    /// Such requests at once after a rest, for people who share one address and all begin at nine o'clock.
    #[serde(default = "default::sign_in_burst")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sign_in_burst: u32,
    /// A connection without a request for this long is closed; a request's head must be complete within it.
    #[serde(default = "default::idle_timeout")]
    pub idle_timeout: String,
    /// Longest pause within a request's body; then 408.
    #[serde(default = "default::upload_timeout")]
    pub upload_timeout: String,
    /// Longest time in which a client takes nothing of what waits for it; then the connection is cut, or over HTTP/2 the stream alone.
    #[serde(default = "default::download_timeout")]
    pub download_timeout: String,
    /// Bytes of responses that wait for one client to take them; then nothing more is read from Campaign for it.
    #[serde(default = "default::connection_buffer_bytes")]
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub connection_buffer_bytes: u32,
    /// Bytes of responses that wait for all clients together, divided among the workers. Near it, connections that take nothing are cut.
    #[serde(default = "default::buffer_bytes")]
    #[schemars(range(min = 16_777_216))]
    pub buffer_bytes: u64,
    /// Bytes a second that a client must send of a body, and take of a response, when only the client is waited for. 0: no limit.
    #[serde(default = "default::min_rate")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub min_rate: u32,
    /// Waiting time after which `min_rate` counts.
    #[serde(default = "default::min_rate_grace")]
    pub min_rate_grace: String,
}

/// The defaults, in the spelling of the file.
mod default {
    pub(super) fn connections() -> u32 {
        32_768
    }
    pub(super) fn connections_per_ip() -> u32 {
        16_384
    }
    pub(super) fn head_bytes() -> u32 {
        49_152
    }
    pub(super) fn head_fields() -> u32 {
        100
    }
    pub(super) fn http2_streams() -> u32 {
        200
    }
    pub(super) fn request_burst() -> u32 {
        100
    }
    pub(super) fn sign_ins_per_second() -> u32 {
        20
    }
    pub(super) fn sign_in_burst() -> u32 {
        600
    }
    pub(super) fn idle_timeout() -> String {
        "75s".into()
    }
    pub(super) fn upload_timeout() -> String {
        "60s".into()
    }
    pub(super) fn connection_buffer_bytes() -> u32 {
        2_097_152
    }
    pub(super) fn buffer_bytes() -> u64 {
        268_435_456
    }
    pub(super) fn min_rate() -> u32 {
        240
    }
    pub(super) fn min_rate_grace() -> String {
        "60s".into()
    }
    pub(super) fn download_timeout() -> String {
        "5m".into()
    }
}
