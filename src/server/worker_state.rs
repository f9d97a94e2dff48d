//! What the connections of one worker share.

use std::sync::Arc;

use super::settings::SharedSettings;
use super::watch::Watch;
use crate::telemetry::Counters;

/// What the connections of one worker share.
#[derive(Debug)]
pub struct WorkerState<H> {
    /// Answers requests.
    pub handler: H,
    /// TLS, trusted proxies and limits of the next connection.
    pub settings: SharedSettings,
    /// This worker's counters.
    pub counters: Arc<Counters>,
    /// Watches connections for clients that are idle or too slow.
    pub watch: Watch,
}
