//! A piece of a response, counted from the moment its body hands it over until TLS has encrypted it.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::activity::Activity;
use super::streams::Turn;

/// A piece of a response, counted until HTTP lets go of it.
#[derive(Debug)]
pub struct BufferedPiece {
    bytes: Bytes,
    size: i64,
    activity: Arc<Activity>,
    /// Of the stream over HTTP/2 that it belongs to, when that is watched.
    turn: Option<Arc<Turn>>,
}

impl BufferedPiece {
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

impl Drop for BufferedPiece {
    fn drop(&mut self) {
        self.activity.held.release(self.size);
    }
}

impl Buf for BufferedPiece {
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

/// What HTTP keeps for a piece besides its bytes.
const OVERHEAD: i64 = 256;
/// Bytes of a piece that is copied, once its connection holds [`MANY`].
const SMALL: usize = 2048;
const MANY: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::task::{Context, Waker};

    use super::super::buffers::Buffers;
    use super::*;
    use crate::policy::buffers::{BufferLimits, Full};
    use crate::telemetry::Metrics;

    #[test]
    fn pieces_count_until_they_are_dropped_and_a_full_connection_waits() {
        let metrics = Metrics::new(1);
        let counters = metrics.workers()[0].clone();
        let limits = BufferLimits { connection: 1000, all: 1 << 20 };
        let worker = Arc::new(Buffers { limits, counters: counters.clone() });
        let activity = Arc::new(Activity::counted(worker, [127, 0, 0, 1].into()));
        let cx = &mut Context::from_waker(Waker::noop());
        let piece = || BufferedPiece::new(Bytes::from(vec![b'x'; 500]), &activity, None);
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
        let first = BufferedPiece::new(buffer.slice(0..10), &activity, None);
        assert!(!buffer.is_unique());
        let long = BufferedPiece::new(Bytes::from(vec![b'y'; 100_000]), &activity, None);
        drop(first);
        let second = BufferedPiece::new(buffer.slice(0..10), &activity, None);
        assert!(buffer.is_unique());
        assert_eq!(second.chunk(), &buffer[..10]);
        drop(long);
    }
}
