//! The pools of all workers to one server. Metrics read how many connections they use.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Reports how many connections carry a request.
pub(super) trait InUse: Send + Sync {
    fn in_use(&self) -> usize;
    /// How many connections may carry a request.
    fn most(&self) -> usize;
}

/// The pools that still exist: a pool goes with its worker's view.
#[derive(Debug, Default)]
pub(super) struct Pools(Mutex<Vec<Weak<dyn InUse>>>);

impl Pools {
    /// Adds a pool.
    pub fn add<P: InUse + 'static>(&self, pool: &Arc<P>) {
        let pool: Weak<P> = Arc::downgrade(pool);
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(pool);
    }

    /// Connections in use and allowed, of all pools.
    pub fn usage(&self) -> (u64, u64) {
        let pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pools = pools.iter().filter_map(Weak::upgrade);
        pools.fold((0, 0), |(used, most), pool| (used + pool.in_use() as u64, most + pool.most() as u64))
    }
}
