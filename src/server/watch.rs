//! What the connections of one worker are doing, looked at once in a while for all of them together.
//!
//! A timer for every connection and request would cost each request an allocation and two moves in the timer's wheel. Here a
//! request only counts; the round over all connections compares counts.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::activity::{Activity, Word};
use crate::config::Limits;
use crate::telemetry::{Counters, Limit};

/// All connections of one worker.
#[derive(Debug)]
pub struct Watch {
    connections: Mutex<Vec<Watched>>,
    draining: AtomicBool,
    counters: Arc<Counters>,
    /// Time between two rounds.
    pub round: Duration,
    /// Rounds without a request after which a connection is closed.
    idle: u32,
    /// Rounds in which a client takes nothing, after which a connection is cut.
    stuck: u32,
}

#[derive(Debug)]
struct Watched {
    activity: Arc<Activity>,
    peer: IpAddr,
    /// As of the last round.
    moved: u32,
    /// Rounds since it moved.
    still: u32,
}

impl Watch {
    /// Watches nothing yet.
    pub fn new(limits: &Limits, counters: Arc<Counters>) -> Self {
        let shortest = limits.idle_timeout.min(limits.download_timeout);
        let round = (shortest / 8).clamp(SHORTEST_ROUND, LONGEST_ROUND);
        let rounds = |time: Duration| {
            u32::try_from(time.as_millis().div_ceil(round.as_millis().max(1))).unwrap_or(u32::MAX / 2)
        };
        Self {
            connections: Mutex::default(),
            draining: AtomicBool::new(false),
            counters,
            round,
            idle: rounds(limits.idle_timeout),
            stuck: rounds(limits.download_timeout),
        }
    }

    /// A new connection of this client; watched until nobody else holds what is returned.
    pub fn enter(&self, peer: IpAddr) -> Arc<Activity> {
        let activity = Arc::<Activity>::default();
        let watched = Watched { activity: activity.clone(), peer, moved: 0, still: 0 };
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

    fn judge(&self, watched: &mut Watched) {
        let activity = &*watched.activity;
        let ended = activity.end_stuck(self.stuck);
        for _ in 0..ended {
            self.counters.hit(Limit::Download, Some(watched.peer));
        }
        if ended > 0 {
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
        } else if watched.still >= self.stuck && activity.waits_for_client() {
            self.counters.hit(Limit::Download, Some(watched.peer));
            activity.tell(Word::Cut);
        }
    }
}

const SHORTEST_ROUND: Duration = Duration::from_millis(20);
const LONGEST_ROUND: Duration = Duration::from_secs(1);
/// Rounds after which a connection without a request lets go of its buffers.
const REST: u32 = 2;
/// Rounds that a connection asked to finish may take.
const GRACE: u32 = 5;
