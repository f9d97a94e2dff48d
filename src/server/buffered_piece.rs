//! A piece of a response, counted from the moment its body hands it over until TLS has encrypted it.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::activity::Activity;
use super::http2_streams::WatchedStream;

/// A piece of a response, counted until HTTP drops it.
#[derive(Debug)]
pub struct BufferedPiece {
    bytes: Bytes,
    size: i64,
    activity: Arc<Activity>,
    /// The HTTP/2 stream of the piece, if it is watched.
    stream: Option<Arc<WatchedStream>>,
}

impl BufferedPiece {
    /// Counts these bytes as unread on this connection.
    pub fn new(mut bytes: Bytes, activity: &Arc<Activity>, stream: Option<&Arc<WatchedStream>>) -> Self {
        if bytes.len() < SMALL && activity.unread.bytes() >= MANY {
            // A short piece would keep the whole buffer that it was read into.
            bytes = Bytes::copy_from_slice(&bytes);
        }
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX / 2) + OVERHEAD;
        activity.unread.change(size);
        Self { bytes, size, activity: activity.clone(), stream: stream.cloned() }
    }
}

impl Drop for BufferedPiece {
    fn drop(&mut self) {
        self.activity.unread.release(self.size);
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
        if let Some(stream) = &self.stream {
            stream.sent(count);
        }
    }
}

/// Bytes that HTTP needs for a piece besides its content.
const OVERHEAD: i64 = 256;
/// A piece below this size, in bytes, is copied when its connection has [`MANY`] unread bytes.
const SMALL: usize = 2048;
const MANY: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::task::{Context, Waker};

    use super::super::unread_bytes::WorkerBuffers;
    use super::*;
    use crate::policy::buffers::{BufferLimits, Full};
    use crate::telemetry::Metrics;

    #[test]
    fn pieces_count_until_they_are_dropped_and_a_full_connection_waits() {
        let metrics = Metrics::new(1);
        let counters = metrics.workers()[0].clone();
        let limits = BufferLimits { connection: 1000, all: 1 << 20 };
        let worker = Arc::new(WorkerBuffers { limits, counters: counters.clone() });
        let activity = Arc::new(Activity::counted(worker, [127, 0, 0, 1].into()));
        let cx = &mut Context::from_waker(Waker::noop());
        let piece = || BufferedPiece::new(Bytes::from(vec![b'x'; 500]), &activity, None);
        assert_eq!(activity.unread.admit(cx), Ok(()));
        let mut pieces = vec![piece()];
        assert_eq!(activity.unread.admit(cx), Ok(()));
        pieces.push(piece());
        assert_eq!((activity.unread.bytes(), counters.buffered()), (1512, 1512));
        assert_eq!(activity.unread.admit(cx), Err(Full::Connection));
        assert!(activity.unread.waits.load(Ordering::Relaxed));
        pieces.clear();
        assert_eq!((activity.unread.bytes(), counters.buffered()), (0, 0));
        assert!(!activity.unread.waits.load(Ordering::Relaxed), "woken");
        activity.set_blocked(true);
        activity.set_blocked(true);
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
