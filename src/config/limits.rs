//! `[limits]`: what one client, and all of them together, may ask for.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats::{self, zero_is_none};
use super::schema;
use crate::policy::buffers::BufferLimits;
use crate::policy::min_rate::MinRate;
use crate::wire::framing::HeadLimits;

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Limits {
    /// Most client connections of the whole process; then 503.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 32_768))]
    pub connections: usize,
    /// Most client connections from one address (IPv6: one /64 network), trusted proxies apart; then 429. 0: no limit.
    #[serde(deserialize_with = "zero_is_none")]
    #[schemars(with = "u32", range(max = 1_000_000), extend("default" = 16_384))]
    pub connections_per_ip: Option<u32>,
    /// Bytes of a request's target and fields together; then 431.
    #[schemars(range(min = 4096, max = 1_048_576), extend("default" = 49_152))]
    pub head_bytes: usize,
    /// Fields of a request; then 431. More than 100 make every HTTP/1.1 request a little dearer.
    #[schemars(range(min = 16, max = 1000), extend("default" = 100))]
    pub head_fields: usize,
    /// Bytes of a request's body; then 413. 0: no limit.
    #[serde(deserialize_with = "zero_is_none")]
    #[schemars(with = "u64", extend("default" = 0))]
    pub body_bytes: Option<u64>,
    /// Streams open at a time on one HTTP/2 connection; more are reset with `REFUSED_STREAM`.
    #[schemars(range(min = 1, max = 10_000), extend("default" = 200))]
    pub http2_streams: u32,
    /// Requests a second from one address (IPv6: one /64 network) in the long run, trusted proxies apart; then 429. 0: no
    /// limit.
    #[schemars(range(max = 1_000_000), extend("default" = 0))]
    pub requests_per_second: u32,
    /// Requests at once after a rest, when `requests_per_second` is set.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 100))]
    pub request_burst: u32,
    /// Requests a second to `/ims/login`, and as many to `/ims/callback`, from one address (IPv6: one /64 network) in the
    /// long run, trusted proxies apart; then 429. 0: no limit.
    #[schemars(range(max = 1_000_000), extend("default" = 20))]
    pub sign_ins_per_second: u32,
    /// Such requests at once after a rest, for people who share one address and all begin at nine o'clock.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 600))]
    pub sign_in_burst: u32,
    /// A connection without a request for this long is closed; a request's head must be complete within it.
    #[schemars(with = "formats::Timeout", extend("default" = "75s"))]
    pub idle_timeout: Duration,
    /// Longest pause within a request's body; then 408.
    #[schemars(with = "formats::Timeout", extend("default" = "60s"))]
    pub upload_timeout: Duration,
    /// Longest time in which a client takes nothing of what waits for it; then the connection is cut, or over HTTP/2 the stream alone.
    #[schemars(with = "formats::Timeout", extend("default" = "5m"))]
    pub download_timeout: Duration,
    /// Bytes of responses that wait for one client to take them; then nothing more is read from Campaign for it.
    #[schemars(range(min = 65_536, max = 1_073_741_824), extend("default" = 2_097_152))]
    pub connection_buffer_bytes: u64,
    /// Bytes of responses that wait for all clients together, divided among the workers. Near it, connections that take nothing are cut.
    #[schemars(range(min = 16_777_216), extend("default" = 268_435_456))]
    pub buffer_bytes: u64,
    /// Bytes a second that a client must send of a body, and take of a response, when only the client is waited for. 0: no limit.
    #[schemars(range(max = 1_000_000), extend("default" = 240))]
    pub min_rate: u32,
    /// Waiting time after which `min_rate` counts.
    #[schemars(with = "formats::Timeout", extend("default" = "60s"))]
    pub min_rate_grace: Duration,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second in the long run; not 0.
    pub per_second: u32,
    /// Requests at once after a rest; not 0.
    pub burst: u32,
}

impl Limits {
    /// Limits of a request's head.
    pub fn head(&self) -> HeadLimits {
        HeadLimits { bytes: self.head_bytes, fields: self.head_fields }
    }

    /// Requests from one address; `None`: no limit.
    pub fn requests(&self) -> Option<Rate> {
        rate(self.requests_per_second, self.request_burst)
    }

    /// Requests to `/ims/login`, and as many to `/ims/callback`, from one address; `None`: no limit.
    pub fn sign_ins(&self) -> Option<Rate> {
        rate(self.sign_ins_per_second, self.sign_in_burst)
    }

    /// Bytes of responses that may wait for clients.
    pub fn buffers(&self) -> BufferLimits {
        BufferLimits { connection: self.connection_buffer_bytes, all: self.buffer_bytes }
    }

    /// How fast a client must send a body and take a response; `None`: no limit.
    pub fn min_rate(&self) -> Option<MinRate> {
        (self.min_rate > 0).then_some(MinRate { per_second: self.min_rate, grace: self.min_rate_grace })
    }
}

fn rate(per_second: u32, burst: u32) -> Option<Rate> {
    (per_second > 0).then_some(Rate { per_second, burst })
}

/// The defaults of the keys.
impl Default for Limits {
    fn default() -> Self {
        schema::defaults("limits")
    }
}
