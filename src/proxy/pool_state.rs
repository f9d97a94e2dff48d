//! The state that a pool shares with its connections: idle connections, free slots, limits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::BodyError;
use super::anonymous_quota::AnonymousQuota;
use super::connection::Connection;
use super::health::Health;
use super::pools::InUse;
use super::upstreams::{PoolSettings, UpstreamServer};
use crate::telemetry::{Counters, UpstreamFailure};

/// The state of one worker's pool.
#[derive(Debug)]
pub(super) struct PoolState {
    pub name: Arc<str>,
    pub body_idle: Duration,
    pub counters: Arc<Counters>,
    pub health: Arc<Health>,
    idle: Mutex<IdleConnections>,
    pub slots: Semaphore,
    max_connections: usize,
    pub anonymous: Arc<AnonymousQuota>,
    idle_timeout: Duration,
    /// True while a task closes connections that were idle for too long.
    sweeping: AtomicBool,
}

/// Boxed: they move in and out many times a second.
type IdleConnections = Vec<Box<Connection>>;

impl InUse for PoolState {
    fn in_use(&self) -> usize {
        self.max_connections.saturating_sub(self.slots.available_permits())
    }

    fn most(&self) -> usize {
        self.max_connections
    }
}

impl PoolState {
    pub fn new(upstream: &UpstreamServer, limits: PoolSettings, counters: Arc<Counters>) -> Self {
        Self {
            name: upstream.endpoint.name().clone(),
            body_idle: limits.body_idle,
            counters,
            health: upstream.health.clone(),
            idle: Mutex::default(),
            slots: Semaphore::new(limits.pool.max_connections),
            max_connections: limits.pool.max_connections,
            anonymous: Arc::new(AnonymousQuota::new(limits.pool.shares())),
            idle_timeout: limits.pool.idle_timeout,
            sweeping: AtomicBool::new(false),
        }
    }

    /// The most recently used idle connection, if it is not too old.
    pub fn take(&self, now: Instant) -> Option<Box<Connection>> {
        let mut idle = self.idle();
        while let Some(mut connection) = idle.pop() {
            if connection.is_usable(now, self.idle_timeout) {
                return Some(connection);
            }
        }
        None
    }

    /// Makes a connection available for the next request.
    pub fn put(this: &Arc<Self>, connection: Box<Connection>) {
        this.idle().push(connection);
        if !this.sweeping.load(Ordering::Relaxed) {
            Self::sweep(this);
        }
    }

    /// Counts a response that broke off.
    pub fn count_broken(&self, why: BodyError) -> BodyError {
        self.counters.upstream_failure(UpstreamFailure::Cut);
        why
    }

    /// Frees a slot.
    pub fn free(&self) {
        self.slots.add_permits(1);
    }

    /// Closes connections that were idle for too long. One task does it while there are idle connections, instead of a timer for each.
    fn sweep(this: &Arc<Self>) {
        this.sweeping.store(true, Ordering::Relaxed);
        let (state, pause) = (Arc::downgrade(this), this.idle_timeout / 2);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(state) = Weak::upgrade(&state) else { return };
                let mut idle = state.idle();
                let now = Instant::now();
                idle.retain_mut(|connection| connection.check_idle(now, state.idle_timeout));
                if idle.is_empty() {
                    // The next connection that is returned starts it again.
                    state.sweeping.store(false, Ordering::Relaxed);
                    return;
                }
            }
        });
    }

    fn idle(&self) -> MutexGuard<'_, IdleConnections> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
