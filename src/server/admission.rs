//! Limits the number of connections, in all and from one address. Shared by all workers, without a lock.
//!
//! A request on a connection above a limit is refused with 503 or 429. Connections far above a limit are closed at once, which costs
//! little.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::config::Limit;
use crate::net::AddressGroup;
use crate::telemetry::Counters;

/// Counts the connections of the process.
#[derive(Debug)]
pub struct Admission {
    open: AtomicUsize,
    per_ip: PerIp,
}

/// The permit of one connection. Dropping it frees the slot.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    counters: Arc<Counters>,
    cells: Option<[usize; 2]>,
    /// The stop of the gateway waits for this connection, even if it is a WebSocket.
    _token: TaskTrackerToken,
}

/// What happens to a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionDecision {
    /// It is served.
    Served,
    /// Its requests are refused with this limit.
    Refused(Limit),
    /// It is closed at once.
    Closed(Limit),
}

/// Connections by address, in a table that never grows (a count-min sketch): each address has two cells, which it shares with other
/// addresses, and the lower one counts.
#[derive(Debug)]
struct PerIp {
    open: Box<[AtomicU32]>,
    hashes: [RandomState; 2],
}

impl Admission {
    /// No connection yet.
    pub fn new() -> Self {
        let per_ip = PerIp {
            open: (0..2 * ROW).map(|_| AtomicU32::new(0)).collect(),
            hashes: [RandomState::new(), RandomState::new()],
        };
        Self { open: AtomicUsize::new(0), per_ip }
    }

    /// Counts a connection that was accepted; tells whether it is within the `limit`.
    pub fn enter(
        admission: &Arc<Self>,
        counters: &Arc<Counters>,
        limit: usize,
        token: TaskTrackerToken,
    ) -> (Permit, AdmissionDecision) {
        let open = admission.open.fetch_add(1, Ordering::Relaxed) + 1;
        counters.connection_opened();
        let permit =
            Permit { admission: admission.clone(), counters: counters.clone(), cells: None, _token: token };
        (permit, verdict(open, limit, Limit::Connections))
    }
}

impl Permit {
    /// Counts the connection for its address, once the address is known. `limit`: connections of one address; `None`: unlimited.
    pub fn of(&mut self, address: IpAddr, limit: Option<u32>) -> AdmissionDecision {
        let per_ip = &self.admission.per_ip;
        let group = AddressGroup::of(address);
        let cells = [0, 1].map(|row| {
            row * ROW + usize::try_from(per_ip.hashes[row].hash_one(group) % ROW as u64).unwrap_or(0)
        });
        let open = cells.map(|cell| per_ip.open[cell].fetch_add(1, Ordering::Relaxed) + 1);
        self.cells = Some(cells);
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        limit.map_or(AdmissionDecision::Served, |limit| {
            verdict(size(open[0].min(open[1])), size(limit), Limit::ConnectionsPerIp)
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(cells) = self.cells {
            for cell in cells {
                self.admission.per_ip.open[cell].fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.counters.connection_closed();
    }
}

fn verdict(open: usize, most: usize, limit: Limit) -> AdmissionDecision {
    if open <= most {
        AdmissionDecision::Served
    } else if open <= most + most / 8 + REFUSED {
        AdmissionDecision::Refused(limit)
    } else {
        AdmissionDecision::Closed(limit)
    }
}

/// Connections above a limit whose requests are refused, besides an eighth of the limit.
const REFUSED: usize = 16;
/// Cells in a row: 2 × 64 KiB in all.
const ROW: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn connections_are_counted_by_address_until_they_end() {
        let (admission, metrics) = (Arc::new(Admission::new()), Metrics::new(1));
        let enter = |address: &str| {
            let token = TaskTracker::new().token();
            let (mut permit, total) = Admission::enter(&admission, &metrics.workers()[0], 1000, token);
            assert_eq!(total, AdmissionDecision::Served);
            let verdict = permit.of(address.parse().unwrap(), Some(8));
            (permit, verdict)
        };
        let all: Vec<_> = (0..30).map(|_| enter("192.0.2.1")).collect();
        assert!(all[..8].iter().all(|(_, verdict)| *verdict == AdmissionDecision::Served));
        assert!(
            all[8..25]
                .iter()
                .all(|(_, verdict)| *verdict == AdmissionDecision::Refused(Limit::ConnectionsPerIp))
        );
        assert!(
            all[25..]
                .iter()
                .all(|(_, verdict)| *verdict == AdmissionDecision::Closed(Limit::ConnectionsPerIp))
        );
        assert_eq!(enter("192.0.2.2").1, AdmissionDecision::Served);
        assert_eq!(metrics.connections(), 30);
        drop(all);
        assert_eq!(enter("192.0.2.1").1, AdmissionDecision::Served);
        assert_eq!(metrics.connections(), 0);
    }
}
