//! HTTP/2 streams whose client takes nothing of an answer: each is ended by itself, and its connection goes on.
//!
//! hyper asks for more of an answer while the stream's window is open. A client that never opens it again is not asked about, so the
//! answer cannot end itself, and would keep its connection to Campaign for ever. The task of the stream can: the executor wraps each
//! one, an answer of several pieces or of a long one leaves its [`Turn`] there, and the [watch](super::watch) compares what they count.

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
    /// The turn that begins in the task being polled.
    static BEGINS: RefCell<Option<Arc<Turn>>> = const { RefCell::new(None) };
}

/// Whose turn it is in one answer: the gateway's, or the client's since some rounds.
#[derive(Debug)]
pub struct Turn {
    asked: AtomicU32,
    clients: AtomicBool,
    /// As of the last round, and for how many it has been so.
    seen: AtomicU32,
    still: AtomicU32,
    cut: AtomicBool,
    /// Bytes that went out, and how fast.
    taken: AtomicU64,
    pace: Mutex<Pace>,
    task: Waker,
}

/// When a stream is ended.
#[derive(Clone, Copy, Debug)]
pub struct Stuck {
    /// Rounds in which the client takes nothing.
    pub rounds: u32,
    /// What it must take otherwise; `None`: anything.
    pub least: Option<MinRate>,
    /// Time between two rounds.
    pub round: Duration,
}

/// Streams that were ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The client took nothing.
    pub stuck: usize,
    /// It took too little.
    pub slow: usize,
}

/// The turns of one connection.
#[derive(Debug, Default)]
pub struct Turns(Mutex<Vec<Weak<Turn>>>);

/// Runs HTTP/2 streams, each a task that can be ended.
#[derive(Clone, Copy, Debug)]
pub struct Streams;

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::spawn(async move {
            let mut stream = pin!(stream);
            let mut turn: Option<Arc<Turn>> = None;
            poll_fn(|cx| {
                if turn.as_ref().is_some_and(|turn| turn.cut.load(Ordering::Relaxed)) {
                    // Dropped, a stream is reset (RFC 9113 §6.4).
                    return Poll::Ready(());
                }
                let polled = stream.as_mut().poll(cx).map(drop);
                turn = BEGINS.take().or(turn.take());
                polled
            })
            .await;
        });
    }
}

impl Turn {
    /// Notes that more was asked for, and whether there was some.
    pub fn asked(&self, given: bool) {
        self.asked.store(self.asked.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.clients.store(given, Ordering::Relaxed);
    }

    /// Nothing is asked for until the client has taken something.
    pub fn waits(&self) {
        self.clients.store(true, Ordering::Relaxed);
    }

    /// So many bytes more went out.
    pub fn took(&self, count: usize) {
        self.taken.store(self.taken.load(Ordering::Relaxed).wrapping_add(count as u64), Ordering::Relaxed);
    }

    /// One round; true when the client takes too little.
    fn is_slow(&self, least: &MinRate, round: Duration) -> bool {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.look(least, round, self.clients.load(Ordering::Relaxed), self.taken.load(Ordering::Relaxed))
    }

    /// One round; true when it is the last.
    fn is_over(&self, rounds: u32) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        let still =
            if self.seen.swap(asked, Ordering::Relaxed) == asked && self.clients.load(Ordering::Relaxed) {
                self.still.load(Ordering::Relaxed) + 1
            } else {
                0
            };
        self.still.store(still, Ordering::Relaxed);
        still >= rounds
    }
}

impl Turns {
    /// Begins with a first piece that was given, in the task of its stream.
    pub fn begin(&self, task: &Waker) -> Arc<Turn> {
        let turn = Arc::new(Turn {
            asked: AtomicU32::new(1),
            clients: AtomicBool::new(true),
            seen: AtomicU32::new(0),
            still: AtomicU32::new(0),
            cut: AtomicBool::new(false),
            taken: AtomicU64::new(0),
            pace: Mutex::default(),
            task: task.clone(),
        });
        BEGINS.set(Some(turn.clone()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&turn));
        turn
    }

    /// One round: ends every stream whose client takes nothing, or too little. Gives their number.
    pub fn round(&self, stuck: &Stuck) -> Ended {
        let mut ended = Ended::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|turn| {
            let Some(turn) = turn.upgrade() else { return false };
            let over = turn.is_over(stuck.rounds);
            let slow = stuck.least.is_some_and(|least| turn.is_slow(&least, stuck.round));
            if over {
                ended.stuck += 1;
            } else if slow {
                ended.slow += 1;
            }
            if over || slow {
                turn.cut.store(true, Ordering::Relaxed);
                turn.task.wake_by_ref();
            }
            !over && !slow
        });
        ended
    }
}
