//! What every request of a connection knows about it.

use std::any::Any;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderValue;
use ipnet::IpNet;

use crate::config::Limit;
use crate::wire::fields::{FORWARDED_FOR, header_text};
use crate::wire::framing::FramingError;
use crate::wire::request_head::HeaderLines;

/// The client at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub ip: IpAddr,
    /// Values rendered once for all requests of the connection.
    pub prepared: Arc<Prepared>,
    /// True for a trusted proxy, whose forwarding headers are believed.
    pub trusted: bool,
    /// The limit that this connection exceeds: each of its requests is refused with it.
    pub over: Option<Limit>,
    /// The flaw that the head of this request had on the wire.
    pub flaw: Option<FramingError>,
}

/// Values rendered once per connection.
#[derive(Debug)]
pub struct Prepared {
    /// The peer's address, for `X-Forwarded-For` and the access log.
    pub forwarded_for: HeaderValue,
    /// Forwarding headers for peers that are not trusted proxies.
    pub forwarded_lines: HeaderLines,
}

impl Peer {
    /// The peer at this address; trusted when one of the networks contains it.
    pub fn new(address: SocketAddr, trusted: &[IpNet]) -> Self {
        let ip = address.ip().to_canonical();
        let trusted = trusted.iter().any(|network| network.contains(&ip));
        let forwarded_for = header_text(&ip.to_string());
        let mut forwarded_lines = HeaderLines::default();
        forwarded_lines.add(&FORWARDED_FOR, &forwarded_for);
        forwarded_lines.add_fixed("x-forwarded-proto: https\r\n");
        let prepared = Arc::new(Prepared { forwarded_for, forwarded_lines });
        Self { ip, prepared, trusted, over: None, flaw: None }
    }
}

/// Keeps what belongs to a WebSocket over HTTP/2 until the WebSocket ends. The server adds it to the request's extensions.
#[derive(Clone)]
pub struct TunnelGuard(#[expect(dead_code, reason = "it only has to be dropped")] Arc<dyn Any + Send + Sync>);

impl TunnelGuard {
    /// Drops `content` when the WebSocket ends.
    pub fn new(content: impl Any + Send + Sync) -> Self {
        Self(Arc::new(content))
    }
}

impl fmt::Debug for TunnelGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TunnelGuard")
    }
}
