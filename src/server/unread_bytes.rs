//! Response bytes that clients have not read yet, counted piece by piece, with limits for each connection and for each worker.
//!
//! Only the worker's own thread counts, so plain loads and stores are enough. A body whose connection exceeds a limit waits: the gateway
//! does not read its next piece from Campaign.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use crate::config::Limit;
use crate::policy::buffers::{BufferLimits, Full};
use crate::telemetry::Counters;

/// The limits of one worker, and its counters.
#[derive(Debug)]
pub struct WorkerBuffers {
    pub limits: BufferLimits,
    pub counters: Arc<Counters>,
}

/// The unread bytes of one connection.
#[derive(Debug, Default)]
pub struct UnreadBytes {
    bytes: AtomicU64,
    /// Bytes that TLS has accepted since the connection began.
    read: AtomicU64,
    /// True while bodies wait.
    pub(super) waits: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
    /// `None`: without limits.
    worker: Option<Arc<WorkerBuffers>>,
    peer: Option<IpAddr>,
}

impl UnreadBytes {
    /// No bytes yet of this client. They count for this worker.
    pub fn new(worker: Arc<WorkerBuffers>, peer: IpAddr) -> Self {
        Self { worker: Some(worker), peer: Some(peer), ..Self::default() }
    }

    /// Bytes that wait for the client.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that TLS has accepted since the connection began.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Records that TLS has accepted this many more bytes.
    pub fn add_read(&self, count: usize) {
        self.read.store(self.read().wrapping_add(count as u64), Ordering::Relaxed);
    }

    /// Whether a body may hand over another piece.
    ///
    /// # Errors
    /// Not now. The task is woken when it may try again.
    pub fn admit(&self, cx: &mut Context<'_>) -> Result<(), Full> {
        let Some(worker) = &self.worker else { return Ok(()) };
        let admitted = worker.limits.admit(self.bytes(), worker.counters.buffered());
        if let Err(full) = admitted {
            self.wait(worker, full, cx.waker());
        }
        admitted
    }

    #[cold]
    fn wait(&self, worker: &WorkerBuffers, full: Full, task: &Waker) {
        if !self.waits.swap(true, Ordering::Relaxed) {
            let limit = match full {
                Full::Connection => Limit::ConnectionBuffer,
                Full::All => Limit::Buffer,
            };
            worker.counters.limit_reached(limit, self.peer);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known.will_wake(task)) {
            waiting.push(task.clone());
        }
    }

    /// Lets every waiting body try again when there is enough space.
    pub fn retry(&self) {
        if self.waits.load(Ordering::Relaxed)
            && let Some(worker) = &self.worker
            && worker.limits.should_retry(self.bytes(), worker.counters.buffered())
        {
            self.waits.store(false, Ordering::Relaxed);
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Counts what TLS keeps while the client reads nothing.
    pub fn set_blocked(&self, blocked: bool) {
        if let Some(worker) = &self.worker {
            worker.counters.buffer(if blocked { TLS } else { -TLS });
        }
    }

    /// Counts more bytes, or fewer.
    pub fn change(&self, by: i64) {
        self.bytes.store(self.bytes().wrapping_add_signed(by), Ordering::Relaxed);
        if let Some(worker) = &self.worker {
            worker.counters.buffer(by);
        }
    }

    /// Counts this many bytes less, and lets waiting bodies try again.
    pub fn release(&self, size: i64) {
        self.change(-size);
        self.retry();
    }
}

/// Bytes that TLS keeps at most for a client that reads nothing: rustls accepts no more.
const TLS: i64 = 64 * 1024;
