//! Bytes of responses that clients have not read yet: limits for each connection, and for all of a worker.
//!
//! Only the worker's own thread counts, so plain loads and stores are enough. A body whose connection is over a limit waits: what it
//! would bring next is not read from Campaign.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use crate::policy::buffers::{BufferLimits, Full};
use crate::telemetry::{Counters, Limit};

/// The limits of one worker, and where it counts.
#[derive(Debug)]
pub struct Buffers {
    pub limits: BufferLimits,
    pub counters: Arc<Counters>,
}

/// What one connection holds.
#[derive(Debug, Default)]
pub struct Held {
    bytes: AtomicU64,
    /// Bytes that TLS has taken so far.
    taken: AtomicU64,
    pub(super) waits: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
    /// `None`: without limits.
    worker: Option<Arc<Buffers>>,
    peer: Option<IpAddr>,
}

impl Held {
    /// Nothing yet, of this client, counted for this worker.
    pub fn new(worker: Arc<Buffers>, peer: IpAddr) -> Self {
        Self { worker: Some(worker), peer: Some(peer), ..Self::default() }
    }

    /// Bytes that wait for the client.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that TLS has taken so far.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// TLS has taken so many more.
    pub fn took(&self, count: usize) {
        self.taken.store(self.taken().wrapping_add(count as u64), Ordering::Relaxed);
    }

    /// Whether a body may hand over another piece.
    ///
    /// # Errors
    /// Not now; the task is woken when it may try again.
    pub fn admit(&self, cx: &mut Context<'_>) -> Result<(), Full> {
        let Some(worker) = &self.worker else { return Ok(()) };
        let admitted = worker.limits.admit(self.bytes(), worker.counters.buffered());
        if let Err(full) = admitted {
            self.wait(worker, full, cx.waker());
        }
        admitted
    }

    #[cold]
    fn wait(&self, worker: &Buffers, full: Full, task: &Waker) {
        if !self.waits.swap(true, Ordering::Relaxed) {
            let limit = match full {
                Full::Connection => Limit::ConnectionBuffer,
                Full::All => Limit::Buffer,
            };
            worker.counters.hit(limit, self.peer);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known.will_wake(task)) {
            waiting.push(task.clone());
        }
    }

    /// Lets every body that waits try again, when there is enough space.
    pub fn retry(&self) {
        if self.waits.load(Ordering::Relaxed)
            && let Some(worker) = &self.worker
            && worker.limits.is_worth_a_try(self.bytes(), worker.counters.buffered())
        {
            self.waits.store(false, Ordering::Relaxed);
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// TLS keeps what it has taken, because the client takes nothing; or no longer does.
    pub fn blocks(&self, blocked: bool) {
        if let Some(worker) = &self.worker {
            worker.counters.buffer(if blocked { TLS } else { -TLS });
        }
    }

    /// Counts so many more bytes, or less.
    pub fn change(&self, by: i64) {
        self.bytes.store(self.bytes().wrapping_add_signed(by), Ordering::Relaxed);
        if let Some(worker) = &self.worker {
            worker.counters.buffer(by);
        }
    }

    /// Counts so many bytes less, and lets others go on.
    pub fn release(&self, size: i64) {
        self.change(-size);
        self.retry();
    }
}

/// What TLS keeps at most for a client that takes nothing: rustls takes no more than this.
const TLS: i64 = 64 * 1024;
