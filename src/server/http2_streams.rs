//! HTTP/2 streams whose client does not read: each ends alone, and its connection goes on.
//!
//! hyper polls a response body only while the window of its stream is open. If the client never opens the window again, the body is
//! not polled, cannot end itself, and would keep its connection to Campaign. The task of the stream can end: the executor wraps each
//! task, a long response leaves its [`WatchedStream`] there, and the [watch](super::watch) compares what it counts.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use hyper::rt::Executor;

use crate::policy::min_rate::{MinRate, Pace};

thread_local! {
    /// The stream that the task being polled has just begun to watch.
    static NEW: RefCell<Option<Arc<WatchedStream>>> = const { RefCell::new(None) };
}

/// The progress of one response.
#[derive(Debug)]
pub struct WatchedStream {
    /// How often HTTP asked for the next piece.
    polls: AtomicU32,
    /// True while the client has to read before anything else can happen.
    waits_for_client: AtomicBool,
    /// `polls` as of the last round, and the rounds since it changed.
    last_polls: AtomicU32,
    still_rounds: AtomicU32,
    ended: AtomicBool,
    /// Bytes sent, and how fast.
    sent: AtomicU64,
    pace: Mutex<Pace>,
    task: Waker,
}

/// When a stream is ended.
#[derive(Clone, Copy, Debug)]
pub struct StallLimits {
    /// Rounds in which the client reads nothing.
    pub rounds: u32,
    /// The least rate at which it must read; `None`: any.
    pub least: Option<MinRate>,
    /// Time between two rounds.
    pub round: Duration,
}

/// How many streams were ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndedStreams {
    /// Their clients read nothing.
    pub stalled: usize,
    /// Their clients read too slowly.
    pub slow: usize,
}

/// The watched streams of one connection.
#[derive(Debug, Default)]
pub struct WatchedStreams(Mutex<Vec<Weak<WatchedStream>>>);

/// Runs each HTTP/2 stream as a task that can be ended.
#[derive(Clone, Copy, Debug)]
pub struct StreamExecutor;

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        tokio::spawn(async move {
            let mut stream = pin!(stream);
            let mut watched: Option<Arc<WatchedStream>> = None;
            poll_fn(|cx| {
                if watched.as_ref().is_some_and(|watched| watched.ended.load(Ordering::Relaxed)) {
                    // A stream that is dropped is reset (RFC 9113 §6.4).
                    return Poll::Ready(());
                }
                let polled = stream.as_mut().poll(cx).map(drop);
                watched = NEW.take().or(watched.take());
                polled
            })
            .await;
        });
    }
}

impl WatchedStream {
    /// Records that HTTP asked for the next piece, and whether there was one.
    pub fn polled(&self, ready: bool) {
        self.polls.store(self.polls.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.waits_for_client.store(ready, Ordering::Relaxed);
    }

    /// Records that nothing happens until the client has read something.
    pub fn set_waiting(&self) {
        self.waits_for_client.store(true, Ordering::Relaxed);
    }

    /// Counts bytes sent.
    pub fn sent(&self, count: usize) {
        self.sent.store(self.sent.load(Ordering::Relaxed).wrapping_add(count as u64), Ordering::Relaxed);
    }

    /// One round; true when the client reads too slowly.
    fn is_slow(&self, least: &MinRate, round: Duration) -> bool {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = self.waits_for_client.load(Ordering::Relaxed);
        pace.look(least, round, waits, self.sent.load(Ordering::Relaxed))
    }

    /// One round; true when the client has read nothing for this many rounds.
    fn is_stalled(&self, rounds: u32) -> bool {
        let polls = self.polls.load(Ordering::Relaxed);
        let is_still = self.last_polls.swap(polls, Ordering::Relaxed) == polls;
        let still_rounds = if is_still && self.waits_for_client.load(Ordering::Relaxed) {
            self.still_rounds.load(Ordering::Relaxed) + 1
        } else {
            0
        };
        self.still_rounds.store(still_rounds, Ordering::Relaxed);
        still_rounds >= rounds
    }
}

impl WatchedStreams {
    /// Watches the stream whose task is being polled, from its first piece on.
    pub fn watch(&self, task: &Waker) -> Arc<WatchedStream> {
        let stream = Arc::new(WatchedStream {
            polls: AtomicU32::new(1),
            waits_for_client: AtomicBool::new(true),
            last_polls: AtomicU32::new(0),
            still_rounds: AtomicU32::new(0),
            ended: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            pace: Mutex::default(),
            task: task.clone(),
        });
        NEW.set(Some(stream.clone()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&stream));
        stream
    }

    /// One round: ends every stream whose client reads nothing or too slowly.
    pub fn check(&self, limits: &StallLimits) -> EndedStreams {
        let mut ended = EndedStreams::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|stream| {
            let Some(stream) = stream.upgrade() else { return false };
            let stalled = stream.is_stalled(limits.rounds);
            let slow = limits.least.is_some_and(|least| stream.is_slow(&least, limits.round));
            if stalled {
                ended.stalled += 1;
            } else if slow {
                ended.slow += 1;
            }
            if stalled || slow {
                stream.ended.store(true, Ordering::Relaxed);
                stream.task.wake_by_ref();
            }
            !stalled && !slow
        });
        ended
    }
}
