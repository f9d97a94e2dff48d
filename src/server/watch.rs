//! What the connections of one worker are doing, looked at once in a while for all of them together.
//!
//! A timer for every connection and request would cost each request an allocation and two moves in the timer's wheel. Here a
//! request only counts; the round over all connections compares counts.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Word};
use super::buffers::Buffers;
use super::streams::Stuck;
use crate::config::Limits;
use crate::policy::min_rate::Pace;
use crate::telemetry::{Counters, Limit};

/// All connections of one worker.
#[derive(Debug)]
pub struct Watch {
    connections: Mutex<Vec<Watched>>,
    draining: AtomicBool,
    counters: Arc<Counters>,
    /// Ends what has not become a connection yet.
    pub closed: CancellationToken,
    /// Time between two rounds.
    pub round: Duration,
    /// Rounds without a request after which a connection is closed.
    idle: u32,
    /// When a client takes too little.
    stuck: Stuck,
    buffers: Arc<Buffers>,
}

#[derive(Debug)]
struct Watched {
    activity: Arc<Activity>,
    peer: IpAddr,
    /// As of the last round.
    moved: u32,
    /// Rounds since it moved.
    still: u32,
    /// How fast the client takes what waits for it.
    pace: Pace,
    /// Bytes taken as of the last round, and rounds since that changed.
    taken: (u64, u32),
}

impl Watch {
    /// Watches nothing yet.
    pub fn new(limits: &Limits, counters: Arc<Counters>) -> Self {
        let grace = limits.min_rate().map_or(limits.download_timeout, |least| least.grace);
        let shortest = limits.idle_timeout.min(limits.download_timeout).min(grace);
        let round = (shortest / 8).clamp(SHORTEST_ROUND, LONGEST_ROUND);
        let rounds = |time: Duration| {
            u32::try_from(time.as_millis().div_ceil(round.as_millis().max(1))).unwrap_or(u32::MAX / 2)
        };
        let buffers = Arc::new(Buffers { limits: limits.buffers(), counters: counters.clone() });
        Self {
            connections: Mutex::default(),
            draining: AtomicBool::new(false),
            counters,
            closed: CancellationToken::new(),
            round,
            idle: rounds(limits.idle_timeout),
            stuck: Stuck { rounds: rounds(limits.download_timeout), least: limits.min_rate(), round },
            buffers,
        }
    }

    /// A new connection of this client; watched until nobody else holds what is returned.
    pub fn enter(&self, peer: IpAddr) -> Arc<Activity> {
        let activity = Arc::new(Activity::counted(self.buffers.clone(), peer));
        let (pace, taken) = (Pace::default(), (0, 0));
        let watched = Watched { activity: activity.clone(), peer, moved: 0, still: 0, pace, taken };
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        activity
    }

    /// One round.
    pub fn look(&self) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain_mut(|watched| {
            let alive = Arc::strong_count(&watched.activity) > 1;
            if alive {
                self.judge(watched);
            }
            alive
        });
    }

    /// From now on every answer over HTTP/1.1 is the last of its connection.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// True after [`Watch::drain`].
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Asks every connection to finish what it does and to close; those over HTTP/2 only, or all.
    pub fn finish(&self, http2_only: bool) {
        for watched in self.connections.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if !http2_only || watched.activity.is_http2() {
                watched.activity.tell(Word::Finish);
            }
        }
    }

    /// Ends every connection with nothing in flight, also those whose TLS has not begun, and asks the others once more to finish.
    pub fn close_idle(&self) {
        self.closed.cancel();
        for watched in self.connections.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let word = if watched.activity.is_expendable() { Word::Cut } else { Word::Finish };
            watched.activity.tell(word);
        }
    }

    fn judge(&self, watched: &mut Watched) {
        if let Some(limit) = self.is_too_slow(watched) {
            self.counters.hit(limit, Some(watched.peer));
            watched.activity.tell(Word::Cut);
            return;
        }
        let activity = &*watched.activity;
        // What one connection has let go of may be what another waits for.
        activity.held.retry();
        let ended = activity.end_stuck(&self.stuck);
        for _ in 0..ended.stuck {
            self.counters.hit(Limit::Download, Some(watched.peer));
        }
        for _ in 0..ended.slow {
            self.counters.hit(Limit::MinRate, Some(watched.peer));
        }
        if ended.stuck + ended.slow > 0 {
            // That is movement enough: the connection may go on without them.
            watched.still = 0;
            return;
        }
        let moved = activity.moved();
        if moved != watched.moved {
            watched.moved = moved;
            watched.still = 0;
            return;
        }
        watched.still = watched.still.saturating_add(1);
        if activity.is_idle() {
            if watched.still == self.idle {
                if moved == 0 {
                    self.counters.hit(Limit::Idle, Some(watched.peer));
                }
                activity.tell(Word::Finish);
            } else if watched.still == self.idle.saturating_add(GRACE) {
                activity.tell(Word::Cut);
            } else if watched.still == REST && activity.may_rest() {
                activity.tell(Word::Rest);
            }
        } else if watched.still >= self.stuck.rounds && activity.waits_for_client() {
            self.counters.hit(Limit::Download, Some(watched.peer));
            activity.tell(Word::Cut);
        }
    }

    /// One look at what the client takes: the limit for which the connection must end.
    fn is_too_slow(&self, watched: &mut Watched) -> Option<Limit> {
        let activity = &*watched.activity;
        let taken = activity.held.taken();
        watched.taken =
            if taken == watched.taken.0 { (taken, watched.taken.1.saturating_add(1)) } else { (taken, 0) };
        let holds = activity.held.bytes() > 0 || activity.is_blocked();
        if holds && watched.taken.1 >= HOARDS && self.buffers.limits.is_scarce(self.counters.buffered()) {
            return Some(Limit::Buffer);
        }
        let least = self.stuck.least?;
        // What the socket does not take is the client's slowness; what a stream does not take, its turn tells.
        let waits = activity.is_blocked() && !activity.is_tunnel();
        watched.pace.look(&least, self.round, waits, taken).then_some(Limit::MinRate)
    }
}

/// Rounds in which a connection takes nothing after which it is cut when space gets scarce.
const HOARDS: u32 = 2;
const SHORTEST_ROUND: Duration = Duration::from_millis(20);
const LONGEST_ROUND: Duration = Duration::from_secs(1);
/// Rounds after which a connection without a request lets go of its buffers.
const REST: u32 = 2;
/// Rounds that a connection asked to finish may take.
const GRACE: u32 = 5;
