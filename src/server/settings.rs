//! What a reload changes for the server: TLS, trusted proxies, limits.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use rustls::ServerConfig;

use crate::config::Limits;

/// What one configuration decides for connections. A connection takes the settings of the moment when it is accepted.
#[derive(Debug)]
pub struct Settings {
    /// TLS for all connections.
    pub tls: Arc<ServerConfig>,
    /// Peers whose forwarding headers and PROXY protocol headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// True when every connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Each host, without port, and where plain HTTP is redirected to, without a trailing slash. Requests for other hosts go where the
    /// first does.
    pub redirects: Vec<(String, String)>,
    /// Limits for clients. `buffer_bytes` is the part of one worker.
    pub limits: Limits,
}

/// The settings of the next connection, shared by workers, redirects and the one that reloads.
pub type SharedSettings = Arc<ArcSwap<Settings>>;
