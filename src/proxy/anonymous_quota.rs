//! The connections of a pool that callers without a session may use, and the queue for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::config::Limit;
use crate::net::AddressGroup;
use crate::policy::shares::{ShareLimits, UsedUp};

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaUser {
    /// A person with a session.
    SignedIn,
    /// Without a session, from this address group; `None` when the address does not tell the caller, as behind a trusted proxy.
    Anonymous(Option<AddressGroup>),
}

/// The connections that callers without a session use in one pool.
#[derive(Debug)]
pub(super) struct AnonymousQuota {
    limits: ShareLimits,
    state: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    used: usize,
    /// One entry for each connection whose caller has a group.
    groups: Vec<AddressGroup>,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    group: Option<AddressGroup>,
    slot: oneshot::Sender<AnonymousSlot>,
}

/// One connection of the quota; returned when dropped.
#[derive(Debug)]
pub(super) struct AnonymousSlot {
    quota: Arc<AnonymousQuota>,
    group: Option<AddressGroup>,
}

impl AnonymousQuota {
    pub fn new(limits: ShareLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// A slot for a caller of this group, if one is free now.
    pub fn try_acquire(quota: &Arc<Self>, group: Option<AddressGroup>) -> Option<AnonymousSlot> {
        let mut state = quota.state();
        state.admit(&quota.limits, group).ok()?;
        state.take(group);
        Some(AnonymousSlot { quota: quota.clone(), group })
    }

    /// A slot for a caller of this group, now or after waiting in line for `patience` at most.
    ///
    /// It tries once more under the lock under which it joins the queue: a slot freed since [`AnonymousQuota::try_acquire`] is not missed.
    ///
    /// # Errors
    /// The limit that was reached, and how many connections it allows.
    pub async fn acquire(
        quota: &Arc<Self>,
        group: Option<AddressGroup>,
        patience: Duration,
    ) -> Result<AnonymousSlot, (Limit, usize)> {
        let (used_up, slot) = {
            let mut state = quota.state();
            let Err(used_up) = state.admit(&quota.limits, group) else {
                state.take(group);
                return Ok(AnonymousSlot { quota: quota.clone(), group });
            };
            (used_up, state.wait(&quota.limits, group))
        };
        let error = match used_up {
            UsedUp::Anonymous => (Limit::AnonymousShare, quota.limits.anonymous),
            UsedUp::Address => (Limit::AddressShare, quota.limits.address),
        };
        let Some(slot) = slot else { return Err(error) };
        match tokio::time::timeout(patience, slot).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(error),
        }
    }

    fn state(&self) -> MutexGuard<'_, Counts> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn admit(&self, limits: &ShareLimits, group: Option<AddressGroup>) -> Result<(), UsedUp> {
        limits.admit(self.used, || {
            group.map_or(0, |group| self.groups.iter().filter(|known| **known == group).count())
        })
    }

    fn take(&mut self, group: Option<AddressGroup>) {
        self.used += 1;
        self.groups.extend(group);
    }

    fn leave(&mut self, group: Option<AddressGroup>) {
        self.used -= 1;
        if let Some(group) = group
            && let Some(index) = self.groups.iter().rposition(|known| *known == group)
        {
            self.groups.swap_remove(index);
        }
    }

    /// Joins the queue, where one group has a limit as well; `None` when the queue is full.
    fn wait(
        &mut self,
        limits: &ShareLimits,
        group: Option<AddressGroup>,
    ) -> Option<oneshot::Receiver<AnonymousSlot>> {
        let queue =
            ShareLimits { anonymous: queue_length(limits.anonymous), address: queue_length(limits.address) };
        if self.waiting.len() >= queue.address {
            self.waiting.retain(|waiter| !waiter.slot.is_closed());
        }
        let of_group = || match group {
            Some(_) => self.waiting.iter().filter(|waiter| waiter.group == group).count(),
            None => 0,
        };
        queue.admit(self.waiting.len(), of_group).ok()?;
        let (slot, receiver) = oneshot::channel();
        self.waiting.push_back(Waiter { group, slot });
        Some(receiver)
    }

    /// The first waiter that is still there and may have a slot.
    fn next(&mut self, limits: &ShareLimits) -> Option<Waiter> {
        while self.waiting.front().is_some_and(|waiter| waiter.slot.is_closed()) {
            self.waiting.pop_front();
        }
        let mut refused = None;
        let admitted = |waiter: &Waiter| {
            if waiter.slot.is_closed() || (refused.is_some() && refused == waiter.group) {
                return false;
            }
            let admitted = self.admit(limits, waiter.group).is_ok();
            if !admitted {
                refused = waiter.group;
            }
            admitted
        };
        let index = self.waiting.iter().position(admitted)?;
        self.waiting.remove(index)
    }
}

impl Drop for AnonymousSlot {
    fn drop(&mut self) {
        let mut state = self.quota.state();
        state.leave(self.group);
        let Some(Waiter { group, slot }) = state.next(&self.quota.limits) else { return };
        state.take(group);
        drop(state);
        // A waiter that has just left drops the slot, and the next waiter gets it.
        let _ = slot.send(Self { quota: self.quota.clone(), group });
    }
}

/// How many callers may wait for this many connections.
fn queue_length(connections: usize) -> usize {
    connections.saturating_mul(16).max(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_mins(1);

    fn quota(anonymous: usize, address: usize) -> Arc<AnonymousQuota> {
        Arc::new(AnonymousQuota::new(ShareLimits { anonymous, address }))
    }

    fn group(number: u8) -> AddressGroup {
        AddressGroup::of([192, 0, 2, number].into())
    }

    async fn acquire(quota: &Arc<AnonymousQuota>, number: u8) -> Result<AnonymousSlot, (Limit, usize)> {
        AnonymousQuota::acquire(quota, Some(group(number)), SHORT).await
    }

    #[tokio::test]
    async fn all_callers_together_and_each_address_have_a_limit() {
        let quota = quota(4, 2);
        let first = [acquire(&quota, 1).await.unwrap(), acquire(&quota, 1).await.unwrap()];
        assert_eq!(acquire(&quota, 1).await.unwrap_err(), (Limit::AddressShare, 2));
        let second = [acquire(&quota, 2).await.unwrap(), acquire(&quota, 2).await.unwrap()];
        assert_eq!(acquire(&quota, 3).await.unwrap_err(), (Limit::AnonymousShare, 4));
        drop(first);
        assert!(acquire(&quota, 2).await.is_err());
        drop((acquire(&quota, 3).await.unwrap(), second));
        let state = quota.state();
        assert_eq!((state.used, state.groups.len()), (0, 0));
    }

    #[tokio::test]
    async fn the_first_waiter_is_next_unless_its_address_is_at_its_limit() {
        let quota = quota(3, 2);
        let wait = |number| AnonymousQuota::acquire(&quota, Some(group(number)), LONG);
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
        assert_eq!(quota.state().used, 0);
    }

    #[tokio::test]
    async fn a_slot_freed_between_the_try_and_the_wait_is_not_missed() {
        let quota = quota(1, 1);
        let held = AnonymousQuota::try_acquire(&quota, Some(group(1))).unwrap();
        assert!(AnonymousQuota::try_acquire(&quota, Some(group(1))).is_none());
        drop(held);
        let mut acquired = std::pin::pin!(AnonymousQuota::acquire(&quota, Some(group(1)), LONG));
        assert!(futures_util::poll!(&mut acquired).is_ready(), "it tries again before it waits");
    }

    #[tokio::test]
    async fn a_waiter_that_left_the_queue_loses_no_slot() {
        let quota = quota(1, 1);
        let held = AnonymousQuota::acquire(&quota, None, SHORT).await.unwrap();
        {
            let mut gone = std::pin::pin!(AnonymousQuota::acquire(&quota, None, LONG));
            assert!(futures_util::poll!(&mut gone).is_pending());
            drop(held);
        }
        AnonymousQuota::acquire(&quota, None, SHORT).await.unwrap();
    }
}
