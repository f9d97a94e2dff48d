//! Who may connect: so many connections in all, so many from one address. Shared by all workers, without a lock.
//!
//! A connection that is one too many is told so (503 or 429) as long as there is some room left for telling; then it is closed
//! without a word, which costs nothing.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::config::Limits;
use crate::net::AddressGroup;
use crate::telemetry::{Counters, Limit};

/// Counts the connections of the process.
#[derive(Debug)]
pub struct Admission {
    open: AtomicUsize,
    most: usize,
    per_ip: Option<PerIp>,
}

/// A connection's place; free again when dropped, with the socket.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    counters: Arc<Counters>,
    places: Option<[usize; 2]>,
    /// Whoever waits for the end of all connections waits for this one too, a WebSocket included.
    _token: TaskTrackerToken,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is served.
    Served,
    /// It is told which limit it is over.
    ForwardedHeaders(Limit),
    /// It is closed.
    Closed(Limit),
}

/// Connections of each address in a table that never grows: every address has two places, shared with strangers, and counts
/// as much as the emptier one says (a count-min sketch).
#[derive(Debug)]
struct PerIp {
    most: u32,
    open: Box<[AtomicU32]>,
    hashes: [RandomState; 2],
}

impl Admission {
    /// Nobody is connected.
    pub fn new(limits: &Limits) -> Self {
        let per_ip = limits.connections_per_ip.map(|most| PerIp {
            most,
            open: (0..2 * ROW).map(|_| AtomicU32::new(0)).collect(),
            hashes: [RandomState::new(), RandomState::new()],
        });
        Self { open: AtomicUsize::new(0), most: limits.connections, per_ip }
    }

    /// A place for a connection that was accepted, and whether it may have it.
    pub fn enter(
        admission: &Arc<Self>,
        counters: &Arc<Counters>,
        token: TaskTrackerToken,
    ) -> (Permit, Verdict) {
        let open = admission.open.fetch_add(1, Ordering::Relaxed) + 1;
        counters.opened();
        let permit =
            Permit { admission: admission.clone(), counters: counters.clone(), places: None, _token: token };
        (permit, verdict(open, admission.most, Limit::Connections))
    }
}

impl Permit {
    /// Counts the connection for its address, once that is known.
    pub fn of(&mut self, address: IpAddr) -> Verdict {
        let Some(per_ip) = &self.admission.per_ip else { return Verdict::Served };
        let group = AddressGroup::of(address);
        let places = [0, 1].map(|row| {
            row * ROW + usize::try_from(per_ip.hashes[row].hash_one(group) % ROW as u64).unwrap_or(0)
        });
        let open = places.map(|place| per_ip.open[place].fetch_add(1, Ordering::Relaxed) + 1);
        self.places = Some(places);
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        verdict(size(open[0].min(open[1])), size(per_ip.most), Limit::ConnectionsPerIp)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        if let (Some(per_ip), Some(places)) = (&self.admission.per_ip, self.places) {
            for place in places {
                per_ip.open[place].fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.counters.closed();
    }
}

fn verdict(open: usize, most: usize, limit: Limit) -> Verdict {
    if open <= most {
        Verdict::Served
    } else if open <= most + most / 8 + ROOM {
        Verdict::ForwardedHeaders(limit)
    } else {
        Verdict::Closed(limit)
    }
}

/// Connections over a limit that are told so, besides an eighth of it.
const ROOM: usize = 16;
/// Places in a row: 2 × 64 KiB in all.
const ROW: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn places_are_counted_by_address_and_given_back() {
        let limits = Limits { connections: 1000, connections_per_ip: Some(8), ..Limits::default() };
        let (admission, metrics) = (Arc::new(Admission::new(&limits)), Metrics::new(1));
        let enter = |address: &str| {
            let token = TaskTracker::new().token();
            let (mut permit, total) = Admission::enter(&admission, &metrics.workers()[0], token);
            assert_eq!(total, Verdict::Served);
            let verdict = permit.of(address.parse().unwrap());
            (permit, verdict)
        };
        let all: Vec<_> = (0..30).map(|_| enter("192.0.2.1")).collect();
        assert!(all[..8].iter().all(|(_, verdict)| *verdict == Verdict::Served));
        assert!(
            all[8..25]
                .iter()
                .all(|(_, verdict)| *verdict == Verdict::ForwardedHeaders(Limit::ConnectionsPerIp))
        );
        assert!(all[25..].iter().all(|(_, verdict)| *verdict == Verdict::Closed(Limit::ConnectionsPerIp)));
        assert_eq!(enter("192.0.2.2").1, Verdict::Served);
        assert_eq!(metrics.connections(), 30);
        drop(all);
        assert_eq!(enter("192.0.2.1").1, Verdict::Served);
        assert_eq!(metrics.connections(), 0);
    }
}
