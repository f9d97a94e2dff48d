//! `[limits]`: what one client, and all of them together, may ask for.

use std::time::Duration;

use crate::policy::buffers::BufferLimits;
use crate::policy::min_rate::MinRate;
use crate::wire::framing::HeadLimits;

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections of the whole process.
    pub connections: usize,
    /// Client connections from one address (IPv6: one /64 network); `None`: no limit.
    pub connections_per_ip: Option<u32>,
    /// A request's head.
    pub head: HeadLimits,
    /// Bytes of a request's body; `None`: no limit.
    pub body_bytes: Option<u64>,
    /// Streams open at a time on one HTTP/2 connection.
    pub http2_streams: u32,
    /// Requests from one address; `None`: no limit.
    pub rate: Option<Rate>,
    /// Requests to `/ims/login`, and as many to `/ims/callback`, from one address; `None`: no limit.
    pub sign_ins: Option<Rate>,
    /// A connection without a request for this long is closed; a head must be complete within it.
    pub idle_timeout: Duration,
    /// Longest pause within a request's body.
    pub upload_timeout: Duration,
    /// Longest time in which a client takes nothing of what waits for it.
    pub download_timeout: Duration,
    /// Bytes of responses that wait for clients.
    pub buffers: BufferLimits,
    /// How fast a client must send a body and take a response; `None`: as slowly as it likes.
    pub min_rate: Option<MinRate>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second in the long run; not 0.
    pub per_second: u32,
    /// Requests at once after a rest; not 0.
    pub burst: u32,
}

/// The defaults of the reference file.
impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32_768,
            connections_per_ip: Some(16_384),
            head: HeadLimits::default(),
            body_bytes: None,
            http2_streams: 200,
            rate: None,
            sign_ins: Some(Rate { per_second: 20, burst: 600 }),
            idle_timeout: Duration::from_secs(75),
            upload_timeout: Duration::from_mins(1),
            download_timeout: Duration::from_mins(5),
            buffers: BufferLimits { connection: 2 << 20, all: 256 << 20 },
            min_rate: Some(MinRate { per_second: 240, grace: Duration::from_mins(1) }),
        }
    }
}
