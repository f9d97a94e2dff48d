//! What the pooled connections to one upstream share: idle connections, free slots, limits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::BodyError;
use super::anonymous_quota::AnonymousQuota;
use super::connection::Connection;
use super::health::Health;
use super::upstreams::{Limits, Upstream};
use crate::telemetry::{Counters, Trouble};

/// The state of one worker's pool.
#[derive(Debug)]
pub(super) struct PoolState {
    pub name: Arc<str>,
    pub body_idle: Duration,
    pub counters: Arc<Counters>,
    pub health: Arc<Health>,
    idle: Mutex<IdleConnections>,
    pub slots: Semaphore,
    pub anonymous: Arc<AnonymousQuota>,
    idle_timeout: Duration,
    /// True while a task closes connections that nobody uses.
    swept: AtomicBool,
}

/// Boxed: they move in and out many times a second.
type IdleConnections = Vec<Box<Connection>>;

impl PoolState {
    pub fn new(upstream: &Upstream, limits: Limits, counters: Arc<Counters>) -> Self {
        Self {
            name: upstream.endpoint.name().clone(),
            body_idle: limits.body_idle,
            counters,
            health: upstream.health.clone(),
            idle: Mutex::default(),
            slots: Semaphore::new(limits.pool.max_connections),
            anonymous: Arc::new(AnonymousQuota::new(limits.pool.shares())),
            idle_timeout: limits.pool.idle_timeout,
            swept: AtomicBool::new(false),
        }
    }

    /// The idle connection used last, if it was used recently enough.
    pub fn take(&self, now: Instant) -> Option<Box<Connection>> {
        let mut idle = self.idle();
        while let Some(mut connection) = idle.pop() {
            if connection.is_usable(now, self.idle_timeout) {
                return Some(connection);
            }
        }
        None
    }

    /// Makes a connection available to the next request.
    pub fn put(this: &Arc<Self>, connection: Box<Connection>) {
        this.idle().push(connection);
        if !this.swept.load(Ordering::Relaxed) {
            Self::sweep(this);
        }
    }

    /// Counts an answer that ends before its end.
    pub fn cut(&self, why: BodyError) -> BodyError {
        self.counters.upstream(Trouble::Cut);
        why
    }

    /// Frees a slot.
    pub fn free(&self) {
        self.slots.add_permits(1);
    }

    /// Closes connections that nobody uses any more: one task while there are any, and no timer for each.
    fn sweep(this: &Arc<Self>) {
        this.swept.store(true, Ordering::Relaxed);
        let (state, pause) = (Arc::downgrade(this), this.idle_timeout / 2);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(state) = Weak::upgrade(&state) else { return };
                let mut idle = state.idle();
                let now = Instant::now();
                idle.retain_mut(|connection| connection.may_stay(now, state.idle_timeout));
                if idle.is_empty() {
                    // The next connection that comes back starts it again.
                    state.swept.store(false, Ordering::Relaxed);
                    return;
                }
            }
        });
    }

    fn idle(&self) -> MutexGuard<'_, IdleConnections> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
