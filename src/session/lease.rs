//! One at a time among all instances: the right to work on a session, for as long as its owner is alive.

use std::pin::pin;
use std::time::Duration;

use super::{Key, Sessions, StoreError};
use crate::crypto::random_text;

/// The right to do one kind of work on one session. It ends by itself a while after its owner has died.
#[derive(Clone, Debug)]
pub struct Lease {
    task: &'static str,
    key: Key,
    owner: String,
}

impl Lease {
    /// How long a lease outlives the last word of its owner.
    pub const TIME: Duration = Duration::from_secs(5);

    /// A lease that nobody has yet, for a new owner.
    pub fn new(task: &'static str, key: Key) -> Self {
        Self { task, key, owner: random_text::<16>() }
    }

    /// The kind of work.
    pub fn task(&self) -> &'static str {
        self.task
    }

    /// On which session.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Who has it, unlike anybody else.
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

impl Sessions {
    /// Does `work` on a session unless another instance is doing the same kind of work on it: `None` then.
    pub async fn alone<T>(
        &self,
        task: &'static str,
        key: Key,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, StoreError> {
        let lease = Lease::new(task, key);
        if !self.store.lease(&lease).await? {
            return Ok(None);
        }
        Ok(Some(self.holding(&lease, work).await))
    }

    /// Does `work` under a lease that is held already: extended meanwhile, given back afterwards. Work is not broken off when
    /// the lease is lost, for what IMS has given out must be kept; whoever writes must therefore write over what they read
    /// only.
    pub(super) async fn holding<T>(&self, lease: &Lease, work: impl Future<Output = T>) -> T {
        let extended = async {
            loop {
                tokio::time::sleep(EXTENSION).await;
                match self.store.lease(lease).await {
                    Ok(true) => {}
                    Ok(false) => {
                        tracing::warn!(sid = %lease.key, task = lease.task, "another instance took over a lease");
                    }
                    Err(error) => tracing::debug!(%error, "a lease was not extended"),
                }
            }
        };
        let done = tokio::select! {
            done = pin!(work) => done,
            () = extended => unreachable!("it is extended without end"),
        };
        if let Err(error) = self.store.release(lease).await {
            tracing::debug!(%error, "a lease was not given back; it ends by itself");
        }
        done
    }
}

/// Several times within [`Lease::TIME`]: one lost message loses no lease.
const EXTENSION: Duration = Duration::from_millis(1500);
