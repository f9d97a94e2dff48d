//! What the connections of one worker share.

use std::sync::Arc;

use ipnet::IpNet;
use rustls::ServerConfig;

use super::watch::Watch;
use crate::config::Limits;
use crate::telemetry::Counters;

/// What the connections of one worker share.
#[derive(Debug)]
pub struct WorkerState<H> {
    /// Answers requests.
    pub handler: H,
    /// TLS for all connections.
    pub tls: Arc<ServerConfig>,
    /// Peers whose forwarding headers and PROXY protocol headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// True when every connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Limits for clients.
    pub limits: Limits,
    /// This worker's counters.
    pub counters: Arc<Counters>,
    /// Watches connections for clients that are idle or too slow.
    pub watch: Watch,
}
