//! The limit on simultaneous calls to the token endpoint.
//!
//! Sign-ins and refreshes have separate shares, so callbacks with made-up codes cannot delay a refresh. Within the sign-in
//! share, one address gets at most half of the slots and has its own queue, so it cannot block other addresses. Every call
//! waits for a limited time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ImsError;
use crate::net::AddressGroup;

/// Which share of the slots a call uses.
#[derive(Clone, Copy, Debug)]
pub enum Share {
    /// The exchange of a code; the address is the client's.
    SignIn(IpAddr),
    /// The refresh of a session's tokens.
    Refresh,
}

/// Slots for calls to the token endpoint.
#[derive(Debug)]
pub struct TokenLimit {
    sign_in: Lane,
    refresh: Lane,
    /// Addresses with calls in progress or waiting.
    addresses: Arc<Mutex<HashMap<AddressGroup, Arc<Address>>>>,
    per_address: usize,
    /// How long a call waits for a slot.
    wait: Duration,
}

#[derive(Debug)]
struct Lane {
    slots: Arc<Semaphore>,
    size: usize,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Address {
    slots: Arc<Semaphore>,
    /// One permit for each call that waits or runs; limits the queue.
    queue: Arc<Semaphore>,
}

/// A slot; dropping it frees it.
#[derive(Debug)]
pub struct Slot {
    _lane: OwnedSemaphorePermit,
    _address: Option<(OwnedSemaphorePermit, AddressRef)>,
}

impl TokenLimit {
    /// `calls` slots, half of them for each share, at least one each.
    pub fn new(calls: usize) -> Self {
        let sign_in = (calls / 2).max(1);
        let refresh = calls.saturating_sub(sign_in).max(1);
        Self {
            sign_in: Lane::new(sign_in),
            refresh: Lane::new(refresh),
            addresses: Arc::default(),
            per_address: (sign_in / 2).max(1),
            wait: LONGEST_WAIT,
        }
    }

    /// Waits for a slot, at most [`LONGEST_WAIT`].
    ///
    /// # Errors
    /// `Busy` when no slot becomes free in time, or when the queue of this address is full.
    pub async fn slot(&self, share: Share) -> Result<Slot, ImsError> {
        let lane = match share {
            Share::SignIn(_) => &self.sign_in,
            Share::Refresh => &self.refresh,
        };
        let slot = tokio::time::timeout(self.wait, async {
            let address = match share {
                Share::SignIn(address) => Some(self.address_slot(address).await?),
                Share::Refresh => None,
            };
            Some(Slot { _lane: lane.slots.clone().acquire_owned().await.ok()?, _address: address })
        });
        slot.await.ok().flatten().ok_or_else(|| {
            lane.refused.fetch_add(1, Ordering::Relaxed);
            ImsError::Busy { retry_after: RETRY_AFTER }
        })
    }

    async fn address_slot(&self, address: IpAddr) -> Option<(OwnedSemaphorePermit, AddressRef)> {
        let group = AddressGroup::of(address);
        let limits = {
            let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            addresses.entry(group).or_insert_with(|| Arc::new(Address::new(self.per_address))).clone()
        };
        let (slots, queue) = (limits.slots.clone(), limits.queue.clone());
        // Dropping `entry` removes the address after its last call, even if this call is cancelled.
        let mut entry =
            AddressRef { addresses: self.addresses.clone(), group, limits: Some(limits), queued: None };
        entry.queued = Some(queue.try_acquire_owned().ok()?);
        Some((slots.acquire_owned().await.ok()?, entry))
    }

    /// Calls in progress: sign-ins, refreshes.
    pub fn calls(&self) -> [u64; 2] {
        [&self.sign_in, &self.refresh].map(Lane::calls)
    }

    /// Calls that got no slot: sign-ins, refreshes.
    pub fn refused(&self) -> [u64; 2] {
        [&self.sign_in, &self.refresh].map(|lane| lane.refused.load(Ordering::Relaxed))
    }
}

impl Lane {
    fn new(size: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(size)), size, refused: AtomicU64::new(0) }
    }

    fn calls(&self) -> u64 {
        u64::try_from(self.size.saturating_sub(self.slots.available_permits())).unwrap_or(0)
    }
}

impl Address {
    fn new(slots: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(slots)), queue: Arc::new(Semaphore::new(slots + MOST_WAITING)) }
    }
}

/// One call's reference to its address in the table.
#[derive(Debug)]
struct AddressRef {
    addresses: Arc<Mutex<HashMap<AddressGroup, Arc<Address>>>>,
    group: AddressGroup,
    limits: Option<Arc<Address>>,
    queued: Option<OwnedSemaphorePermit>,
}

impl Drop for AddressRef {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        self.limits = None;
        if addresses.get(&self.group).is_some_and(|limits| Arc::strong_count(limits) == 1) {
            addresses.remove(&self.group);
        }
    }
}

/// The longest time a call waits for a slot.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How many sign-ins of one address may wait. Allows for many people behind one address who sign in at the same time.
const MOST_WAITING: usize = 128;
/// When to try again after `Busy`.
const RETRY_AFTER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn sixteen_slots(wait: Duration) -> TokenLimit {
        TokenLimit { wait, ..TokenLimit::new(16) }
    }

    fn from(last: u8) -> Share {
        Share::SignIn(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test]
    async fn one_address_gets_half_of_the_sign_in_slots_and_no_refresh_slot() {
        let limit = sixteen_slots(Duration::from_millis(10));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(limit.slot(from(1)).await.unwrap());
        }
        assert!(matches!(limit.slot(from(1)).await, Err(ImsError::Busy { .. })));
        for _ in 0..4 {
            held.push(limit.slot(from(2)).await.unwrap());
        }
        assert!(limit.slot(from(3)).await.is_err(), "all slots of the share are in use");
        for _ in 0..8 {
            held.push(limit.slot(Share::Refresh).await.unwrap());
        }
        assert!(limit.slot(Share::Refresh).await.is_err());
        assert_eq!((limit.calls(), limit.refused()), ([8, 8], [2, 1]));
        held.clear();
        assert_eq!(limit.calls(), [0, 0]);
        assert!(limit.slot(from(1)).await.is_ok());
        assert!(limit.addresses.lock().unwrap().is_empty(), "unused addresses are removed");
    }

    #[tokio::test]
    async fn the_queue_of_one_address_is_limited_and_does_not_delay_others() {
        let limit = Arc::new(sixteen_slots(Duration::from_mins(1)));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(limit.slot(from(1)).await.unwrap());
        }
        let waiting: Vec<_> = (0..MOST_WAITING)
            .map(|_| {
                let limit = limit.clone();
                tokio::spawn(async move { limit.slot(from(1)).await.map(drop) })
            })
            .collect();
        while limit.addresses.lock().unwrap().values().any(|address| address.queue.available_permits() > 0) {
            tokio::task::yield_now().await;
        }
        assert!(limit.slot(from(1)).now_or_never().unwrap().is_err(), "the queue is full");
        assert!(limit.slot(from(2)).now_or_never().unwrap().is_ok());
        drop(held);
        for call in waiting {
            assert!(call.await.unwrap().is_ok(), "every waiting call gets a slot");
        }
        assert!(limit.addresses.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn both_shares_have_a_slot_at_the_smallest_limit() {
        for calls in [0, 1, 2] {
            let limit = TokenLimit::new(calls);
            let _one = limit.slot(from(1)).await.unwrap();
            limit.slot(Share::Refresh).await.unwrap();
        }
    }
}
