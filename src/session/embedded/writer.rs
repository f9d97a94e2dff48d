//! The thread that writes: group commit, and the sweep in between.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tower_sessions::session_store::{Error, Result};

use super::super::key::Key;
use super::super::sealed::Entry;
use super::shelf::Shelf;
use super::tables::{self, Writing};
use crate::clock::{Clock, UnixTime};

/// What can be done to the file.
#[derive(Debug)]
pub(super) enum Change {
    Create(Entry),
    Update(Entry),
    /// Over what has these bytes.
    Swap(Vec<u8>, Entry),
    Touch(Key, UnixTime),
    Take(Key),
}

/// What became of a change.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// False when there was nothing to change, or the key was taken.
    pub(super) was_done: bool,
    /// What [`Change::Take`] took: time of expiry and sealed data.
    pub(super) taken: Option<(UnixTime, Vec<u8>)>,
}

/// An expired session: key, time of expiry, sealed data.
pub(super) type Swept = (Key, UnixTime, Vec<u8>);

/// The door to the thread. Dropping it lets the thread finish what is queued, and waits for that.
#[derive(Debug)]
pub(super) struct Writer {
    clock: Clock,
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Job {
    change: Change,
    /// What was alive then may be touched, however long the queue is.
    asked: UnixTime,
    answer: oneshot::Sender<std::result::Result<Done, String>>,
}

impl Writer {
    pub(super) fn start(shelf: Arc<Shelf>, clock: Clock, swept: mpsc::Sender<Swept>) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(MOST_QUEUED);
        let sweeper = clock.clone();
        let thread = std::thread::Builder::new()
            .name("sessions".to_owned())
            .spawn(move || run(&shelf, &sweeper, &swept, &jobs))?;
        Ok(Self { clock, queue: Some(queue), thread: Some(thread) })
    }

    /// Has a change made; returns when it is on the disk.
    pub(super) async fn ask(&self, change: Change) -> Result<Done> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(super::closed)?;
        queue.try_send(Job { change, asked: self.clock.now(), answer }).map_err(|error| match error {
            TrySendError::Full(_) => Error::Backend("the disk does not keep up with the sessions".to_owned()),
            TrySendError::Disconnected(_) => super::closed(),
        })?;
        match tokio::time::timeout(DEADLINE, answered).await {
            Ok(Ok(done)) => done.map_err(Error::Backend),
            Ok(Err(_)) => Err(super::closed()),
            Err(_) => Err(Error::Backend(format!("the disk took more than {DEADLINE:?} for a session"))),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes sessions ended with a panic");
        }
    }
}

fn run(shelf: &Shelf, clock: &Clock, swept: &mpsc::Sender<Swept>, jobs: &Receiver<Job>) {
    let mut next_sweep = Instant::now();
    loop {
        let wait = next_sweep.saturating_duration_since(Instant::now());
        match jobs.recv_timeout(wait) {
            Ok(first) => commit(shelf, first, jobs),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= next_sweep {
            // A long sweep goes in steps, with whatever is queued in between: nobody waits longer than for one step.
            let pause = match sweep(shelf, clock.now(), swept) {
                Ok(true) => Duration::ZERO,
                Ok(false) => SWEEP_INTERVAL,
                Err(error) => {
                    tracing::warn!(%error, "expired sessions could not be removed");
                    reopen(shelf);
                    SWEEP_INTERVAL
                }
            };
            next_sweep = Instant::now() + pause;
        }
    }
}

/// Commits everything that is queued at once, then answers.
fn commit(shelf: &Shelf, first: Job, jobs: &Receiver<Job>) {
    let batch: Vec<Job> = std::iter::once(first).chain(jobs.try_iter()).take(MOST_AT_ONCE).collect();
    match apply(shelf, &batch) {
        Ok(done) => {
            for (job, done) in batch.into_iter().zip(done) {
                // Nobody waits any more for some: a browser that hung up.
                let _ = job.answer.send(Ok(done));
            }
        }
        Err(error) => {
            tracing::error!(%error, sessions = batch.len(), "the session file was not written");
            let text = error.to_string();
            for job in batch {
                let _ = job.answer.send(Err(text.clone()));
            }
            reopen(shelf);
        }
    }
}

fn apply(shelf: &Shelf, batch: &[Job]) -> std::result::Result<Vec<Done>, redb::Error> {
    let database = open(shelf)?;
    let transaction = tables::begin(&database)?;
    let mut tables = Writing::open(&transaction)?;
    let mut done = Vec::with_capacity(batch.len());
    for job in batch {
        let was_done = match &job.change {
            Change::Create(entry) => tables.create(entry)?,
            Change::Update(entry) => tables.update(entry, job.asked)?,
            Change::Swap(old, entry) => tables.swap(old, entry, job.asked)?,
            Change::Touch(key, expires) => tables.touch(*key, *expires, job.asked)?,
            Change::Take(key) => {
                let taken = tables.take(*key)?;
                done.push(Done { was_done: taken.is_some(), taken });
                continue;
            }
        };
        done.push(Done { was_done, taken: None });
    }
    drop(tables);
    transaction.commit()?;
    Ok(done)
}

/// After an error redb does nothing more; a file that cannot be opened now is tried again at the next change or sweep.
fn reopen(shelf: &Shelf) {
    if let Err(error) = shelf.reopen() {
        tracing::error!(%error, "the session file cannot be opened again");
    }
}

/// The database, opened again if that failed before.
fn open(shelf: &Shelf) -> std::result::Result<Arc<redb::Database>, redb::Error> {
    shelf.database().or_else(|closed| {
        shelf.reopen().map_err(|error| {
            tracing::error!(%error, "the session file cannot be opened again");
            closed
        })?;
        shelf.database()
    })
}

/// One step of the sweep; true when there is more to do. What was removed is told, as far as anybody listens.
fn sweep(
    shelf: &Shelf,
    now: UnixTime,
    swept: &mpsc::Sender<Swept>,
) -> std::result::Result<bool, redb::Error> {
    let database = open(shelf)?;
    let transaction = tables::begin(&database)?;
    let mut tables = Writing::open(&transaction)?;
    let step = tables.sweep(now, SWEPT_AT_ONCE)?;
    drop(tables);
    if step.looked_at == 0 {
        transaction.abort()?;
        return Ok(false);
    }
    transaction.commit()?;
    for session in step.removed {
        // Full: a file that lay about for days. Nobody there: a test.
        let _ = swept.try_send(session);
    }
    Ok(step.looked_at == SWEPT_AT_ONCE)
}

/// Jobs that may wait; a disk that is slower than this is as good as away.
const MOST_QUEUED: usize = 8192;
const MOST_AT_ONCE: usize = 1024;
const DEADLINE: Duration = Duration::from_secs(5);
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);
const SWEPT_AT_ONCE: usize = 64;
