//! Work that must not stop when a client goes away, and one token refresh at a time for each session.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::singleflight::{Flight, Singleflight};
use super::token_refresh::Refresh;
use crate::session::Key;

/// Background work on the control runtime. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Tasks(Singleflight<Refresh>);

impl Tasks {
    /// No work yet; it runs on the runtime behind `control`.
    pub fn new(control: Handle) -> Self {
        Self(Singleflight::new(control))
    }

    /// Runs `work` to its end, also when the client that waits for it goes away. `None` when the process stops first.
    pub async fn run_to_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, result) = oneshot::channel();
        self.spawn(async move { drop(sender.send(work.await)) });
        result.await.ok()
    }

    /// Runs `work` to its end. The end of the process waits for it.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(work);
    }

    /// Waits for all work: tokens that IMS has given out and that are not saved are a lost session.
    pub async fn settle(&self) {
        self.0.settle(SETTLE_TIMEOUT).await;
    }

    /// Joins the refresh of this session, or begins it.
    pub(super) fn join_refresh<F>(&self, session: Key, work: impl FnOnce() -> F) -> Flight<Refresh>
    where
        F: Future<Output = Refresh> + Send + 'static,
    {
        self.0.join(session, work)
    }
}

/// How long the end of the process waits: for an exchange and for saving its result.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(15);
