//! One piece of work at a time for each session, whoever asks for it, finished even when nobody waits for it any more.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::Key;

/// Work in progress, by session. Cloning shares it.
#[derive(Clone)]
pub struct Flights<T>(Arc<Inner<T>>);

struct Inner<T> {
    running: Mutex<HashMap<Key, watch::Receiver<Option<T>>>>,
    control: Handle,
    tasks: TaskTracker,
}

/// Work that goes on, also when this is dropped.
#[derive(Debug)]
pub struct Flight<T>(watch::Receiver<Option<T>>);

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// Nothing in progress. Work is done on the runtime behind `control`: a client that hangs up does not stop it, nor does a
    /// worker that ends.
    pub fn new(control: Handle) -> Self {
        Self(Arc::new(Inner { running: Mutex::default(), control, tasks: TaskTracker::new() }))
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
        let (landed, flight) = watch::channel(None);
        running.insert(key, flight.clone());
        // A runtime that is gone drops the task, and with it the entry, at once.
        drop(running);
        // Also when the work panics: the next one to ask begins again.
        let entry = Entry { flights: self.clone(), key };
        let work = work();
        self.aside(async move {
            let done = work.await;
            drop(entry);
            // Perhaps nobody waits.
            let _ = landed.send(Some(done));
        });
        Flight(flight)
    }

    /// Does something that nobody waits for, but that the end of the process should.
    pub fn aside(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn_on(work, &self.0.control);
    }

    /// Waits until everything in progress is done, for `limit` at most.
    pub async fn settle(&self, limit: Duration) {
        self.0.tasks.close();
        if tokio::time::timeout(limit, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(
                tasks = self.0.tasks.len(),
                "still at work on sessions after {limit:?}; not waited for"
            );
        }
    }
}

impl<T: Clone> Flight<T> {
    /// What came of it; `None` when it came to no end.
    pub async fn landed(mut self) -> Option<T> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl<T> Inner<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Option<T>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Entry<T> {
    flights: Flights<T>,
    key: Key,
}

impl<T> Drop for Entry<T> {
    fn drop(&mut self) {
        self.flights.0.lock().remove(&self.key);
    }
}

impl<T> Debug for Flights<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("running", &self.0.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;
    use tower_sessions::session::Id;

    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_share_one_piece_of_work_and_its_result() {
        let flights = Flights::new(Handle::current());
        let (begun, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let join = |key: Key| {
            flights.join(key, || {
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
        let (first, second) = (first.landed().await, second.landed().await);
        assert_eq!((first, second), (Some(0), Some(0)));
        assert_eq!(elsewhere.landed().await, Some(1));
        // It is over: who asks now begins anew.
        let again = join(one);
        tokio::task::yield_now().await;
        go.notify_waiters();
        assert_eq!(again.landed().await, Some(2));
    }

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_and_the_end_waits_for_it() {
        let flights = Flights::new(Handle::current());
        let done = Arc::new(AtomicU32::new(0));
        let counted = done.clone();
        drop(flights.join(Key::of(Id(1)), || async move {
            tokio::task::yield_now().await;
            counted.fetch_add(1, Ordering::SeqCst);
        }));
        flights.settle(Duration::from_secs(10)).await;
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn on_a_runtime_that_is_gone_nothing_comes_to_an_end_and_nothing_hangs() {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let gone = runtime();
        let flights: Flights<u32> = Flights::new(gone.handle().clone());
        gone.shutdown_background();
        for _ in 0..2 {
            assert_eq!(runtime().block_on(flights.join(Key::of(Id(1)), || async { 7 }).landed()), None);
        }
    }

    #[tokio::test]
    async fn work_that_panics_is_no_result_and_does_not_stay_in_the_way() {
        let flights: Flights<u32> = Flights::new(Handle::current());
        let key = Key::of(Id(1));
        let broken = flights.join(key, || async { panic!("on purpose") });
        assert_eq!(broken.landed().await, None);
        assert_eq!(flights.join(key, || async { 7 }).landed().await, Some(7));
    }
}
