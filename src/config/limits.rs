//! `[limits]`: limits for one client and for all clients.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats::{self, zero_is_none};
use crate::policy::buffers::BufferLimits;
use crate::policy::min_rate::MinRate;
use crate::wire::framing::HeadLimits;

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Limits {
    /// Most client connections of the whole process; further ones get 503.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 32_768))]
    pub connections: usize,
    /// Most client connections from one address (IPv6: one /64 network); further ones get 429. Trusted
    /// proxies are exempt. 0: unlimited.
    #[serde(deserialize_with = "zero_is_none")]
    #[schemars(with = "u32", range(max = 1_000_000), extend("default" = 16_384))]
    pub connections_per_ip: Option<u32>,
    /// Most bytes of a request's target and header fields together; then 431.
    #[schemars(range(min = 4096, max = 1_048_576), extend("default" = 49_152))]
    pub head_bytes: usize,
    /// Most header fields of a request; then 431. With more than 100, every HTTP/1.1 request is slightly
    /// slower.
    #[schemars(range(min = 16, max = 1000), extend("default" = 100))]
    pub head_fields: usize,
    /// Most bytes of a request body; then 413. 0: unlimited.
    #[serde(deserialize_with = "zero_is_none")]
    #[schemars(with = "u64", extend("default" = 0))]
    pub body_bytes: Option<u64>,
    /// Most open streams on one HTTP/2 connection; further ones are reset with `REFUSED_STREAM`.
    #[schemars(range(min = 1, max = 10_000), extend("default" = 200))]
    pub http2_streams: u32,
    /// Requests per second from one address (IPv6: one /64 network) on average; then 429. Trusted proxies are
    /// exempt. 0: unlimited.
    #[schemars(range(max = 1_000_000), extend("default" = 0))]
    pub requests_per_second: u32,
    /// Requests that one address may send at once after a pause. Used with `requests_per_second`.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 100))]
    pub request_burst: u32,
    /// Requests per second to `/ims/login`, and as many to `/ims/callback`, from one address (IPv6: one /64
    /// network) on average; then 429. Trusted proxies are exempt. 0: unlimited.
    #[schemars(range(max = 1_000_000), extend("default" = 20))]
    pub sign_ins_per_second: u32,
    /// Requests to `/ims/login`, and as many to `/ims/callback`, that one address may send at once after a
    /// pause. Raise it when more people share one address and start work at the same time.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 600))]
    pub sign_in_burst: u32,
    /// Closes a connection that sends no request for this long. A request head must be complete within the
    /// same time.
    #[schemars(with = "formats::Timeout", extend("default" = "75s"))]
    pub idle_timeout: Duration,
    /// Longest pause within a request body; then 408.
    #[schemars(with = "formats::Timeout", extend("default" = "60s"))]
    pub upload_timeout: Duration,
    /// Longest time in which a client reads nothing of a waiting response; then the connection is cut, or
    /// over HTTP/2 only the stream.
    #[schemars(with = "formats::Timeout", extend("default" = "5m"))]
    pub download_timeout: Duration,
    /// Most response bytes that wait for one client. Above it the gateway stops reading from Campaign for
    /// that client.
    #[schemars(range(min = 65_536, max = 1_073_741_824), extend("default" = 2_097_152))]
    pub connection_buffer_bytes: u64,
    /// Most response bytes that wait for all clients together, divided among the workers. Near it,
    /// connections that read nothing are cut. Raise it where `imsgate_buffered_bytes` often comes close.
    #[schemars(range(min = 16_777_216), extend("default" = 268_435_456))]
    pub buffer_bytes: u64,
    /// Slowest rate, in bytes per second, at which a client must send a body or read a response. Only time in
    /// which the gateway waits for the client counts. 0: no minimum.
    #[schemars(range(max = 1_000_000), extend("default" = 240))]
    pub min_rate: u32,
    /// Waiting time before `min_rate` applies.
    #[schemars(with = "formats::Timeout", extend("default" = "60s"))]
    pub min_rate_grace: Duration,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second on average; not 0.
    pub per_second: u32,
    /// Requests at once after a pause; not 0.
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
