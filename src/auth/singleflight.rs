//! Work that continues when its client disconnects, and one token refresh at a time for each session.
//!
//! Singleflight: concurrent requests for the same work on a session share one task. The task finishes even when nobody waits.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;

use crate::session::Key;

/// Background work on the control runtime, and the work in progress on sessions. Clones share it.
#[derive(Clone)]
pub struct Singleflight<T>(Arc<SingleflightState<T>>);

struct SingleflightState<T> {
    running: Mutex<HashMap<Key, watch::Receiver<Option<T>>>>,
    control: Handle,
    tasks: TaskTracker,
}

/// The result of a task that may still run. Dropping it does not stop the task.
#[derive(Debug)]
pub struct Flight<T>(watch::Receiver<Option<T>>);

impl<T: Clone + Send + Sync + 'static> Singleflight<T> {
    /// Tasks will run on the runtime of `control`, so they continue when a client disconnects or a worker ends.
    pub fn new(control: Handle) -> Self {
        Self(Arc::new(SingleflightState { running: Mutex::default(), control, tasks: TaskTracker::new() }))
    }

    /// Joins the work on this session, or begins it.
    pub fn join<F>(&self, key: Key, work: impl FnOnce() -> F) -> Flight<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut running = self.0.lock();
        if let Some(flight) = running.get(&key) {
            return Flight(flight.clone());
        }
        let (finished, flight) = watch::channel(None);
        running.insert(key, flight.clone());
        // A runtime that has stopped drops the task at once, and `RunningCall` needs the lock.
        drop(running);
        // Dropped when the work panics, too: the next caller begins again.
        let running = RunningCall { singleflight: self.clone(), key };
        let work = work();
        self.spawn(async move {
            let done = work.await;
            drop(running);
            // Nobody may wait.
            let _ = finished.send(Some(done));
        });
        Flight(flight)
    }

    /// Runs `work` to its end, even if the client that waits for it disconnects. `None` when the process stops first.
    pub async fn run_to_end<R: Send + 'static>(
        &self,
        work: impl Future<Output = R> + Send + 'static,
    ) -> Option<R> {
        let (sender, result) = oneshot::channel();
        self.spawn(async move { drop(sender.send(work.await)) });
        result.await.ok()
    }

    /// Runs `work` to its end in the background. Only the stop of the process waits for it.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn_on(work, &self.0.control);
    }

    /// Waits for all work: a session is lost when its new tokens are not saved.
    pub async fn settle(&self) {
        self.0.tasks.close();
        if tokio::time::timeout(SETTLE_TIMEOUT, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(
                tasks = self.0.tasks.len(),
                "work on sessions is not finished after {SETTLE_TIMEOUT:?} and is dropped"
            );
        }
    }
}

impl<T: Clone> Flight<T> {
    /// Waits for the result; `None` when the task panicked or was dropped.
    pub async fn result(mut self) -> Option<T> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl<T> SingleflightState<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Option<T>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct RunningCall<T> {
    singleflight: Singleflight<T>,
    key: Key,
}

impl<T> Drop for RunningCall<T> {
    fn drop(&mut self) {
        self.singleflight.0.lock().remove(&self.key);
    }
}

impl<T> Debug for Singleflight<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Singleflight").field("running", &self.0.lock().len()).finish_non_exhaustive()
    }
}

/// How long the stop of the process waits: for an exchange and for saving its result.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;
    use tower_sessions::session::Id;

    use super::*;

    #[tokio::test]
    async fn concurrent_callers_share_one_task_and_its_result() {
        let singleflight = Singleflight::new(Handle::current());
        let (begun, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let join = |key: Key| {
            singleflight.join(key, || {
                let (begun, go) = (begun.clone(), go.clone());
                async move {
                    let number = begun.fetch_add(1, Ordering::SeqCst);
                    go.notified().await;
                    number
                }
            })
        };
        let (one, other) = (Key::of(Id(1)), Key::of(Id(2)));
        let first = join(one);
        let (second, third, elsewhere) = (join(one), join(one), join(other));
        drop(third);
        tokio::task::yield_now().await;
        assert_eq!(begun.load(Ordering::SeqCst), 2, "one for each session");
        go.notify_waiters();
        let (first, second) = (first.result().await, second.result().await);
        assert_eq!((first, second), (Some(0), Some(0)));
        assert_eq!(elsewhere.result().await, Some(1));
        // The task has finished: a new caller begins again.
        let again = join(one);
        tokio::task::yield_now().await;
        go.notify_waiters();
        assert_eq!(again.result().await, Some(2));
    }

    #[tokio::test]
    async fn a_task_finishes_when_nobody_waits_and_settle_waits_for_it() {
        let singleflight = Singleflight::new(Handle::current());
        let done = Arc::new(AtomicU32::new(0));
        let counted = done.clone();
        drop(singleflight.join(Key::of(Id(1)), || async move {
            tokio::task::yield_now().await;
            counted.fetch_add(1, Ordering::SeqCst);
        }));
        singleflight.settle().await;
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_stopped_runtime_gives_no_result_and_does_not_hang() {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let gone = runtime();
        let singleflight: Singleflight<u32> = Singleflight::new(gone.handle().clone());
        gone.shutdown_background();
        for _ in 0..2 {
            assert_eq!(runtime().block_on(singleflight.join(Key::of(Id(1)), || async { 7 }).result()), None);
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_gives_no_result_and_the_next_one_runs() {
        let singleflight: Singleflight<u32> = Singleflight::new(Handle::current());
        let key = Key::of(Id(1));
        let broken = singleflight.join(key, || async { panic!("on purpose") });
        assert_eq!(broken.result().await, None);
        assert_eq!(singleflight.join(key, || async { 7 }).result().await, Some(7));
    }
}
