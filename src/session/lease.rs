//! Leases: one kind of work on one session, in one process at a time.

use std::pin::pin;
use std::time::Duration;

use super::{Key, Sessions, StoreError};
use crate::crypto::random_text;

/// The right to do one kind of work on one session. It expires soon after its owner dies.
#[derive(Clone, Debug)]
pub struct SessionLease {
    task: &'static str,
    key: Key,
    owner: String,
}

impl SessionLease {
    /// Time to live without an extension.
    pub const TIME: Duration = Duration::from_secs(5);

    /// A lease for a new owner, not yet taken.
    pub fn new(task: &'static str, key: Key) -> Self {
        Self { task, key, owner: random_text::<16>() }
    }

    /// The kind of work.
    pub fn task(&self) -> &'static str {
        self.task
    }

    /// The session.
    pub fn key(&self) -> Key {
        self.key
    }

    /// A text that no other owner has.
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

impl Sessions {
    /// Does `work` on a session; `None` while another instance does this kind of work on it.
    pub async fn exclusively<T>(
        &self,
        task: &'static str,
        key: Key,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, StoreError> {
        let lease = SessionLease::new(task, key);
        if !self.store().lease(&lease).await? {
            return Ok(None);
        }
        Ok(Some(self.under_lease(&lease, work).await))
    }

    /// Runs `work` under a lease, extends the lease meanwhile, and releases it. If the lease is lost, the work continues, because tokens of
    /// IMS must be saved. So the work may replace a record only if nobody has changed it since it was read.
    pub(super) async fn under_lease<T>(&self, lease: &SessionLease, work: impl Future<Output = T>) -> T {
        let extended = async {
            loop {
                tokio::time::sleep(EXTENSION).await;
                match self.store().lease(lease).await {
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
            () = extended => unreachable!("the loop does not end"),
        };
        if let Err(error) = self.store().release(lease).await {
            tracing::debug!(%error, "a lease was not released; it expires");
        }
        done
    }
}

/// Well within [`SessionLease::TIME`]: one lost message does not lose a lease.
const EXTENSION: Duration = Duration::from_millis(1500);
