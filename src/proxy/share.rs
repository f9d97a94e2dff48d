//! The share of a pool's connections that callers without a session may have, and the queue for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::policy::shares::{ShareLimits, UsedUp};
use crate::telemetry::Limit;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody with a session.
    SignedIn,
    /// Nobody known, from this network; `None` where the address says nothing of the caller, as behind a proxy.
    Anonymous(Option<u64>),
}

/// What callers without a session have of one pool.
#[derive(Debug)]
pub(super) struct Shares {
    limits: ShareLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// The network of each that has one.
    networks: Vec<u64>,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    network: Option<u64>,
    turn: oneshot::Sender<Place>,
}

/// A connection out of the share; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    shares: Arc<Shares>,
    network: Option<u64>,
}

impl Shares {
    pub fn new(limits: ShareLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// A place for a caller of this network, if there is one now.
    pub fn try_enter(shares: &Arc<Self>, network: Option<u64>) -> Option<Place> {
        let mut state = shares.state();
        state.admit(&shares.limits, network).ok()?;
        state.take(network);
        Some(Place { shares: shares.clone(), network })
    }

    /// A place for a caller of this network, now or after a wait in order, but not for ever. It looks again before it waits, under
    /// the lock that it joins the queue with: a place that has become free since [`Shares::try_enter`] is not missed.
    ///
    /// # Errors
    /// The share that is used up, and how many connections it has.
    pub async fn enter(
        shares: &Arc<Self>,
        network: Option<u64>,
        patience: Duration,
    ) -> Result<Place, (Limit, usize)> {
        let (used_up, turn) = {
            let mut state = shares.state();
            let Err(used_up) = state.admit(&shares.limits, network) else {
                state.take(network);
                return Ok(Place { shares: shares.clone(), network });
            };
            (used_up, state.wait(&shares.limits, network))
        };
        let error = match used_up {
            UsedUp::Anonymous => (Limit::AnonymousShare, shares.limits.anonymous),
            UsedUp::Address => (Limit::AddressShare, shares.limits.address),
        };
        let Some(turn) = turn else { return Err(error) };
        match tokio::time::timeout(patience, turn).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(error),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit(&self, limits: &ShareLimits, network: Option<u64>) -> Result<(), UsedUp> {
        limits.admit(self.taken, || {
            network.map_or(0, |network| self.networks.iter().filter(|known| **known == network).count())
        })
    }

    fn take(&mut self, network: Option<u64>) {
        self.taken += 1;
        self.networks.extend(network);
    }

    fn leave(&mut self, network: Option<u64>) {
        self.taken -= 1;
        if let Some(network) = network
            && let Some(index) = self.networks.iter().rposition(|known| *known == network)
        {
            self.networks.swap_remove(index);
        }
    }

    /// A place in the queue, in which one address has a share as well.
    fn wait(&mut self, limits: &ShareLimits, network: Option<u64>) -> Option<oneshot::Receiver<Place>> {
        let queue = ShareLimits { anonymous: queue(limits.anonymous), address: queue(limits.address) };
        if self.waiting.len() >= queue.address {
            self.waiting.retain(|waiter| !waiter.turn.is_closed());
        }
        let of_address = || match network {
            Some(_) => self.waiting.iter().filter(|waiter| waiter.network == network).count(),
            None => 0,
        };
        queue.admit(self.waiting.len(), of_address).ok()?;
        let (turn, waits) = oneshot::channel();
        self.waiting.push_back(Waiter { network, turn });
        Some(waits)
    }

    /// The first who waits, is still there, and may have a place.
    fn next(&mut self, limits: &ShareLimits) -> Option<Waiter> {
        while self.waiting.front().is_some_and(|waiter| waiter.turn.is_closed()) {
            self.waiting.pop_front();
        }
        let mut refused = None;
        let admitted = |waiter: &Waiter| {
            if waiter.turn.is_closed() || (refused.is_some() && refused == waiter.network) {
                return false;
            }
            let admitted = self.admit(limits, waiter.network).is_ok();
            if !admitted {
                refused = waiter.network;
            }
            admitted
        };
        let index = self.waiting.iter().position(admitted)?;
        self.waiting.remove(index)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shares.state();
        state.leave(self.network);
        let Some(Waiter { network, turn }) = state.next(&self.shares.limits) else { return };
        state.take(network);
        drop(state);
        // One who has just left drops it, and it goes on to the next.
        let _ = turn.send(Self { shares: self.shares.clone(), network });
    }
}

/// How many may wait for so many connections.
fn queue(connections: usize) -> usize {
    connections.saturating_mul(16).max(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    async fn enter(shares: &Arc<Shares>, network: u64) -> Result<Place, (Limit, usize)> {
        Shares::enter(shares, Some(network), SHORT).await
    }

    #[tokio::test]
    async fn a_share_is_a_share_of_all_and_of_one_address() {
        let shares = Arc::new(Shares::new(ShareLimits { anonymous: 4, address: 2 }));
        let first = [enter(&shares, 1).await.unwrap(), enter(&shares, 1).await.unwrap()];
        assert_eq!(enter(&shares, 1).await.unwrap_err(), (Limit::AddressShare, 2));
        let second = [enter(&shares, 2).await.unwrap(), enter(&shares, 2).await.unwrap()];
        assert_eq!(enter(&shares, 3).await.unwrap_err(), (Limit::AnonymousShare, 4));
        drop(first);
        assert!(enter(&shares, 2).await.is_err());
        drop((enter(&shares, 3).await.unwrap(), second));
        let state = shares.state();
        assert_eq!((state.taken, state.networks.len()), (0, 0));
    }

    #[tokio::test]
    async fn who_waits_is_next_unless_its_address_has_its_share() {
        let shares = Arc::new(Shares::new(ShareLimits { anonymous: 3, address: 2 }));
        let wait = |network| Shares::enter(&shares, Some(network), Duration::from_mins(1));
        let (one, two, other) = (wait(1).await.unwrap(), wait(1).await.unwrap(), wait(2).await.unwrap());
        let mut greedy = std::pin::pin!(wait(1));
        let mut next = std::pin::pin!(wait(3));
        for waiting in [&mut greedy, &mut next] {
            assert!(futures_util::poll!(waiting).is_pending());
        }
        drop(other);
        let next = next.await.unwrap();
        assert!(futures_util::poll!(&mut greedy).is_pending());
        drop(one);
        drop(greedy.await.unwrap());
        drop((two, next));
        assert_eq!(shares.state().taken, 0);
    }

    #[tokio::test]
    async fn a_place_freed_between_the_try_and_the_wait_is_not_missed() {
        let shares = Arc::new(Shares::new(ShareLimits { anonymous: 1, address: 1 }));
        let held = Shares::try_enter(&shares, Some(1)).unwrap();
        assert!(Shares::try_enter(&shares, Some(1)).is_none());
        drop(held);
        let mut entered = std::pin::pin!(Shares::enter(&shares, Some(1), Duration::from_mins(1)));
        assert!(futures_util::poll!(&mut entered).is_ready(), "it looks again before it waits");
    }

    #[tokio::test]
    async fn who_left_the_queue_loses_no_place() {
        let shares = Arc::new(Shares::new(ShareLimits { anonymous: 1, address: 1 }));
        let held = Shares::enter(&shares, None, SHORT).await.unwrap();
        {
            let mut gone = std::pin::pin!(Shares::enter(&shares, None, Duration::from_mins(1)));
            assert!(futures_util::poll!(&mut gone).is_pending());
            drop(held);
        }
        Shares::enter(&shares, None, SHORT).await.unwrap();
    }
}
