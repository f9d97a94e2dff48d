//! Looks at all connections of one worker in rounds, and ends those that are idle or whose client is too slow.
//!
//! A timer for each connection and request would cost every request an allocation and two moves in the timer wheel. So requests only
//! count, and a round over all connections compares the counts.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, ConnectionCommand};
use super::http2_streams::StallLimits;
use super::unread_bytes::WorkerBuffers;
use crate::config::{Limit, Limits};
use crate::policy::min_rate::Pace;
use crate::telemetry::Counters;

/// All connections of one worker.
#[derive(Debug)]
pub struct Watch {
    connections: Mutex<Vec<Watched>>,
    draining: AtomicBool,
    counters: Arc<Counters>,
    /// Ends connections whose TLS handshake has not finished.
    pub closed: CancellationToken,
    rounds: ArcSwap<Rounds>,
}

/// Limits of time as numbers of rounds.
#[derive(Debug)]
struct Rounds {
    /// Rounds without a request after which a connection is closed.
    idle: u32,
    /// With the time between two rounds.
    stall: StallLimits,
    /// For connections that begin now.
    buffers: Arc<WorkerBuffers>,
}

#[derive(Debug)]
struct Watched {
    activity: Arc<Activity>,
    peer: IpAddr,
    /// The connection's progress as of the last round.
    progress: u32,
    /// Rounds since it changed.
    still_rounds: u32,
    /// How fast the client reads.
    pace: Pace,
    /// Bytes read as of the last round, and rounds since that changed.
    read: (u64, u32),
}

impl Watch {
    /// Watches no connection yet.
    pub fn new(limits: &Limits, counters: Arc<Counters>) -> Self {
        Self {
            connections: Mutex::default(),
            draining: AtomicBool::new(false),
            closed: CancellationToken::new(),
            rounds: ArcSwap::from_pointee(Rounds::new(limits, &counters)),
            counters,
        }
    }

    /// Uses these limits from now on. Connections that are open keep their limits of unread bytes.
    pub fn apply(&self, limits: &Limits) {
        self.rounds.store(Arc::new(Rounds::new(limits, &self.counters)));
    }

    /// Time between two rounds.
    pub fn round(&self) -> Duration {
        self.rounds.load().stall.round
    }

    /// Watches a new connection of this client, until nobody else holds the returned activity.
    pub fn add(&self, peer: IpAddr) -> Arc<Activity> {
        let activity = Arc::new(Activity::counted(self.rounds.load().buffers.clone(), peer));
        let (pace, read) = (Pace::default(), (0, 0));
        let watched = Watched { activity: activity.clone(), peer, progress: 0, still_rounds: 0, pace, read };
        self.connections().push(watched);
        activity
    }

    /// One round.
    pub fn check(&self) {
        let rounds = self.rounds.load_full();
        self.connections().retain_mut(|watched| {
            let is_open = Arc::strong_count(&watched.activity) > 1;
            if is_open {
                self.check_connection(watched, &rounds);
            }
            is_open
        });
    }

    /// From now on every HTTP/1.1 response is the last of its connection.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// True after [`Watch::drain`].
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Asks every connection, or every HTTP/2 connection, to finish its requests and to close.
    pub fn finish(&self, http2_only: bool) {
        for watched in self.connections().iter() {
            if !http2_only || watched.activity.is_http2() {
                watched.activity.send(ConnectionCommand::Finish);
            }
        }
    }

    /// Closes every connection without a request in progress, also during the TLS handshake, and asks the others once more to finish.
    pub fn close_idle(&self) {
        self.closed.cancel();
        for watched in self.connections().iter() {
            let is_expendable = watched.activity.is_expendable();
            watched.activity.send(if is_expendable {
                ConnectionCommand::Close
            } else {
                ConnectionCommand::Finish
            });
        }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_connection(&self, watched: &mut Watched, rounds: &Rounds) {
        if let Some(limit) = self.exceeded_limit(watched, rounds) {
            self.counters.limit_reached(limit, Some(watched.peer));
            watched.activity.send(ConnectionCommand::Close);
            return;
        }
        let activity = &*watched.activity;
        // Another connection may have released the bytes that this one waits for.
        activity.unread.retry();
        let ended = activity.end_stalled_streams(&rounds.stall);
        for _ in 0..ended.stalled {
            self.counters.limit_reached(Limit::Download, Some(watched.peer));
        }
        for _ in 0..ended.slow {
            self.counters.limit_reached(Limit::MinRate, Some(watched.peer));
        }
        if ended.stalled + ended.slow > 0 {
            // This is progress: the connection may go on without these streams.
            watched.still_rounds = 0;
            return;
        }
        let progress = activity.progress();
        if progress != watched.progress {
            watched.progress = progress;
            watched.still_rounds = 0;
            return;
        }
        watched.still_rounds = watched.still_rounds.saturating_add(1);
        if activity.is_idle() {
            if watched.still_rounds == rounds.idle {
                if progress == 0 {
                    self.counters.limit_reached(Limit::Idle, Some(watched.peer));
                }
                activity.send(ConnectionCommand::Finish);
            } else if watched.still_rounds == rounds.idle.saturating_add(FINISH_ROUNDS) {
                activity.send(ConnectionCommand::Close);
            } else if watched.still_rounds == RELEASE_ROUNDS && activity.may_release_buffers() {
                activity.send(ConnectionCommand::ReleaseBuffers);
            }
        } else if watched.still_rounds >= rounds.stall.rounds && activity.waits_for_client() {
            self.counters.limit_reached(Limit::Download, Some(watched.peer));
            activity.send(ConnectionCommand::Close);
        }
    }

    /// The limit for which the connection must be closed in this round.
    fn exceeded_limit(&self, watched: &mut Watched, rounds: &Rounds) -> Option<Limit> {
        let activity = &*watched.activity;
        let read = activity.unread.read();
        watched.read =
            if read == watched.read.0 { (read, watched.read.1.saturating_add(1)) } else { (read, 0) };
        let has_unread = activity.unread.bytes() > 0 || activity.is_blocked();
        let is_scarce = || rounds.buffers.limits.is_scarce(self.counters.buffered());
        if has_unread && watched.read.1 >= UNREAD_ROUNDS && is_scarce() {
            return Some(Limit::Buffer);
        }
        let least = rounds.stall.least?;
        // Only what the socket does not accept is the fault of the client. HTTP/2 streams that wait are checked one by one.
        let waits = activity.is_blocked() && !activity.is_tunnel();
        watched.pace.look(&least, rounds.stall.round, waits, read).then_some(Limit::MinRate)
    }
}

impl Rounds {
    fn new(limits: &Limits, counters: &Arc<Counters>) -> Self {
        let grace = limits.min_rate().map_or(limits.download_timeout, |least| least.grace);
        let shortest = limits.idle_timeout.min(limits.download_timeout).min(grace);
        let round = (shortest / 8).clamp(SHORTEST_ROUND, LONGEST_ROUND);
        let rounds = |time: Duration| {
            u32::try_from(time.as_millis().div_ceil(round.as_millis().max(1))).unwrap_or(u32::MAX / 2)
        };
        Self {
            idle: rounds(limits.idle_timeout),
            stall: StallLimits { rounds: rounds(limits.download_timeout), least: limits.min_rate(), round },
            buffers: Arc::new(WorkerBuffers { limits: limits.buffers(), counters: counters.clone() }),
        }
    }
}

/// Rounds in which a client reads nothing after which its connection is closed when buffers are scarce.
const UNREAD_ROUNDS: u32 = 2;
const SHORTEST_ROUND: Duration = Duration::from_millis(20);
const LONGEST_ROUND: Duration = Duration::from_secs(1);
/// Rounds after which a connection without a request releases its buffers.
const RELEASE_ROUNDS: u32 = 2;
/// Rounds that a connection has to close after it was asked to.
const FINISH_ROUNDS: u32 = 5;
