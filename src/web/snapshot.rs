//! Everything that one configuration decides for requests. A request takes one snapshot at its beginning and uses no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Request};

use super::rate_limit::{RateLimiter, SignInLimiter};
use super::site::Site;
use super::switches::Switches;
use crate::auth::Services;
use crate::config::Limits;
use crate::proxy::Proxy;
use crate::telemetry::{Counters, RequestHistograms};
use crate::wire::host::host;

/// One configuration. Immutable; sessions, stores, counters and sockets outlive it.
#[derive(Debug)]
pub struct Snapshot {
    /// The Campaign instances; at least one.
    pub sites: Vec<Arc<Site>>,
    /// Bounds of requests and bodies.
    pub limits: Limits,
    /// `Strict-Transport-Security` of every response, when configured.
    pub hsts: Option<HeaderValue>,
    /// Requests a second from one address, when limited.
    pub rate: Option<Arc<RateLimiter>>,
    /// Sign-ins from one address, when limited.
    pub sign_ins: Option<Arc<SignInLimiter>>,
    /// What outlives every configuration.
    pub services: Arc<Services>,
    /// Tells probes that the process is about to stop.
    pub stopping: Arc<Stopping>,
    /// What operators have switched on.
    pub switches: Arc<Switches>,
}

impl Snapshot {
    /// The index of the site that serves the host of this request. Unknown hosts get the first site, which refuses them.
    pub fn site_of<B>(&self, request: &Request<B>) -> usize {
        if self.sites.len() == 1 {
            return 0;
        }
        let host = host(request).ok().flatten();
        let serves = |site: &Arc<Site>| host.as_ref().is_some_and(|host| site.serves(host));
        self.sites.iter().position(serves).unwrap_or(0)
    }
}

/// The view of one worker: a snapshot, and the worker's own connections to the servers of each site.
#[derive(Debug)]
pub struct WorkerView {
    pub snapshot: Arc<Snapshot>,
    /// One for each site, in the same order.
    pub proxies: Box<[Arc<Proxy>]>,
    /// The times of requests, one for each site, in the same order.
    pub times: Box<[Arc<RequestHistograms>]>,
}

impl WorkerView {
    pub fn new(snapshot: Arc<Snapshot>, proxies: Box<[Arc<Proxy>]>, counters: &Counters) -> Self {
        let sites = snapshot.sites.iter();
        let times = sites.map(|site| counters.request_histograms(&site.name)).collect();
        Self { snapshot, proxies, times }
    }
}

/// Set when the process begins to stop: then probes report that no more traffic should be sent here.
#[derive(Debug, Default)]
pub struct Stopping(AtomicBool);

impl Stopping {
    /// Ends readiness. Requests are served as before.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True until the process begins to stop.
    pub fn is_ready(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}
