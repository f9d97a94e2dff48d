//! Work that continues when its client disconnects, and one token refresh at a time for each session.

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
    /// Work will run on the runtime of `control`.
    pub fn new(control: Handle) -> Self {
        Self(Singleflight::new(control))
    }

    /// Runs `work` to its end, even if the client that waits for it disconnects. `None` when the process stops first.
    pub async fn run_to_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, result) = oneshot::channel();
        self.spawn(async move { drop(sender.send(work.await)) });
        result.await.ok()
    }

    /// Runs `work` to its end in the background. The stop of the process waits for it.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(work);
    }

    /// Waits for all work: a session is lost when its new tokens are not saved.
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

/// How long the stop of the process waits: for an exchange and for saving its result.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(15);
