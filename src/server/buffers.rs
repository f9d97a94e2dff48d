//! What connections have been given and their clients have not taken: counted piece by piece, from the moment that a body hands it over
//! until it is encrypted and on its way.
//!
//! Only the worker's own thread counts, so plain loads and stores are enough. A body whose connection is over a limit waits: what it
//! would bring next is not read from Campaign.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use bytes::{Buf, Bytes};

use super::activity::Activity;
use super::streams::Turn;
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
    waits: AtomicBool,
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

    fn change(&self, by: i64) {
        self.bytes.store(self.bytes().wrapping_add_signed(by), Ordering::Relaxed);
        if let Some(worker) = &self.worker {
            worker.counters.buffer(by);
        }
    }

    fn release(&self, size: i64) {
        self.change(-size);
        self.retry();
    }
}

/// A piece of a response, counted until HTTP lets go of it.
#[derive(Debug)]
pub struct Piece {
    bytes: Bytes,
    size: i64,
    activity: Arc<Activity>,
    /// Of the stream over HTTP/2 that it belongs to, when that is watched.
    turn: Option<Arc<Turn>>,
}

impl Piece {
    /// Counts these bytes as held by this connection.
    pub fn new(mut bytes: Bytes, activity: &Arc<Activity>, turn: Option<&Arc<Turn>>) -> Self {
        let held = activity.held.bytes();
        if bytes.len() < SMALL && held >= MANY {
            // A short piece would keep the whole buffer that it was read into.
            bytes = Bytes::copy_from_slice(&bytes);
        }
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX / 2) + OVERHEAD;
        activity.held.change(size);
        Self { bytes, size, activity: activity.clone(), turn: turn.cloned() }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.activity.held.release(self.size);
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(turn) = &self.turn {
            turn.took(count);
        }
    }
}

/// What TLS keeps at most for a client that takes nothing: rustls takes no more than this.
const TLS: i64 = 64 * 1024;
/// What HTTP keeps for a piece besides its bytes.
const OVERHEAD: i64 = 256;
/// Bytes of a piece that is copied, once its connection holds [`MANY`].
const SMALL: usize = 2048;
const MANY: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn pieces_count_until_they_are_dropped_and_a_full_connection_waits() {
        let metrics = Metrics::new(1);
        let counters = metrics.workers()[0].clone();
        let limits = BufferLimits { connection: 1000, all: 1 << 20 };
        let worker = Arc::new(Buffers { limits, counters: counters.clone() });
        let activity = Arc::new(Activity::counted(worker, [127, 0, 0, 1].into()));
        let cx = &mut Context::from_waker(Waker::noop());
        let piece = || Piece::new(Bytes::from(vec![b'x'; 500]), &activity, None);
        assert_eq!(activity.held.admit(cx), Ok(()));
        let mut pieces = vec![piece()];
        assert_eq!(activity.held.admit(cx), Ok(()));
        pieces.push(piece());
        assert_eq!((activity.held.bytes(), counters.buffered()), (1512, 1512));
        assert_eq!(activity.held.admit(cx), Err(Full::Connection));
        assert!(activity.held.waits.load(Ordering::Relaxed));
        pieces.clear();
        assert_eq!((activity.held.bytes(), counters.buffered()), (0, 0));
        assert!(!activity.held.waits.load(Ordering::Relaxed), "woken");
        activity.blocked(true);
        activity.blocked(true);
        assert_eq!(counters.buffered(), 64 * 1024);
        drop(activity);
        assert_eq!(counters.buffered(), 0, "a connection takes its part with it");
    }

    #[test]
    fn short_pieces_do_not_keep_long_buffers() {
        let activity = Arc::<Activity>::default();
        let buffer = Bytes::from(vec![b'x'; 8192]);
        let first = Piece::new(buffer.slice(0..10), &activity, None);
        assert!(!buffer.is_unique());
        let long = Piece::new(Bytes::from(vec![b'y'; 100_000]), &activity, None);
        drop(first);
        let second = Piece::new(buffer.slice(0..10), &activity, None);
        assert!(buffer.is_unique());
        assert_eq!(second.chunk(), &buffer[..10]);
        drop(long);
    }
}
