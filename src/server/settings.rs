//! What a reload changes for the server: TLS, trusted proxies, limits.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use rustls::ServerConfig;

use crate::config::Limits;

/// The settings of new connections. A connection uses the settings that were current when it was accepted.
#[derive(Debug)]
pub struct Settings {
    /// TLS for all connections.
    pub tls: Arc<ServerConfig>,
    /// Peers whose forwarding headers and PROXY protocol headers are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// True when every connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// The target of the redirect from plain HTTP for each host: host without port, origin without a trailing slash. Other hosts get the
    /// first target.
    pub redirects: Vec<(String, String)>,
    /// Limits for clients. `buffer_bytes` is the part of one worker.
    pub limits: Limits,
}

/// The settings of the next connection, shared by workers, redirects and `app::Reloader`.
pub type SharedSettings = Arc<ArcSwap<Settings>>;
