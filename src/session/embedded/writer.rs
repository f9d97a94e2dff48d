//! The thread that writes: group commit, and the sweep of expired records.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tower_sessions::session_store::{Error, Result};

use super::super::key::Key;
use super::super::store::{SealedRecord, StoredRecord};
use super::database::DatabaseFile;
use super::tables::{self, Writing};
use crate::clock::Clock;
use crate::unix_time::UnixTime;

/// A change of the file.
#[derive(Debug)]
pub(super) enum Change {
    Create(SealedRecord),
    /// Only if the store has these bytes.
    Replace(Vec<u8>, SealedRecord),
    Touch(Key, UnixTime),
    Take(Key),
}

/// The result of a change.
#[derive(Debug, Default)]
pub(super) struct ChangeResult {
    /// False when there is no such record, or the key is taken.
    pub(super) was_applied: bool,
    /// The record of [`Change::Take`].
    pub(super) taken: Option<StoredRecord>,
}

/// An expired record that was removed.
pub(super) type Expired = (Key, StoredRecord);

/// The handle of the thread. Dropping it waits until the thread has written everything in the queue.
#[derive(Debug)]
pub(super) struct Writer {
    clock: Clock,
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Job {
    change: Change,
    /// When the change was requested. A record that had not expired then can be changed, even if the queue is long.
    queued: UnixTime,
    answer: oneshot::Sender<std::result::Result<ChangeResult, String>>,
}

impl Writer {
    pub(super) fn start(
        file: Arc<DatabaseFile>,
        clock: Clock,
        expired: mpsc::Sender<Expired>,
    ) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(MAX_QUEUED);
        let thread_clock = clock.clone();
        let thread = std::thread::Builder::new()
            .name("sessions".to_owned())
            .spawn(move || run(&file, &thread_clock, &expired, &jobs))?;
        Ok(Self { clock, queue: Some(queue), thread: Some(thread) })
    }

    /// Makes a change; returns when it is on the disk.
    pub(super) async fn write(&self, change: Change) -> Result<ChangeResult> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(super::closed)?;
        queue.try_send(Job { change, queued: self.clock.now(), answer }).map_err(|error| match error {
            TrySendError::Full(_) => {
                Error::Backend("the disk is too slow for the changes of sessions".to_owned())
            }
            TrySendError::Disconnected(_) => super::closed(),
        })?;
        match tokio::time::timeout(DEADLINE, answered).await {
            Ok(Ok(done)) => done.map_err(Error::Backend),
            Ok(Err(_)) => Err(super::closed()),
            Err(_) => Err(Error::Backend(format!("the disk did not write a session within {DEADLINE:?}"))),
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

fn run(file: &DatabaseFile, clock: &Clock, expired: &mpsc::Sender<Expired>, jobs: &Receiver<Job>) {
    let mut next_sweep = Instant::now();
    loop {
        let wait = next_sweep.saturating_duration_since(Instant::now());
        match jobs.recv_timeout(wait) {
            Ok(first) => commit(file, first, jobs),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= next_sweep {
            // A long sweep goes in steps, with the queue in between: a change waits for one step at most.
            let pause = match sweep(file, clock.now(), expired) {
                Ok(true) => Duration::ZERO,
                Ok(false) => SWEEP_INTERVAL,
                Err(error) => {
                    tracing::warn!(%error, "expired sessions could not be removed");
                    reopen(file);
                    SWEEP_INTERVAL
                }
            };
            next_sweep = Instant::now() + pause;
        }
    }
}

/// Commits the whole queue at once, then answers.
fn commit(file: &DatabaseFile, first: Job, jobs: &Receiver<Job>) {
    let batch: Vec<Job> = std::iter::once(first).chain(jobs.try_iter()).take(MAX_BATCH).collect();
    match apply(file, &batch) {
        Ok(done) => {
            for (job, done) in batch.into_iter().zip(done) {
                // The client may have disconnected.
                let _ = job.answer.send(Ok(done));
            }
        }
        Err(error) => {
            tracing::error!(%error, sessions = batch.len(), "the session file was not written");
            let text = error.to_string();
            for job in batch {
                let _ = job.answer.send(Err(text.clone()));
            }
            reopen(file);
        }
    }
}

fn apply(file: &DatabaseFile, batch: &[Job]) -> std::result::Result<Vec<ChangeResult>, redb::Error> {
    let database = open(file)?;
    let transaction = tables::begin(&database)?;
    let mut tables = Writing::open(&transaction)?;
    let mut done = Vec::with_capacity(batch.len());
    for job in batch {
        let was_applied = match &job.change {
            Change::Create(record) => tables.create(record)?,
            Change::Replace(old, record) => tables.replace(old, record, job.queued)?,
            Change::Touch(key, expires) => tables.touch(*key, *expires, job.queued)?,
            Change::Take(key) => {
                let taken = tables.take(*key)?;
                done.push(ChangeResult { was_applied: taken.is_some(), taken });
                continue;
            }
        };
        done.push(ChangeResult { was_applied, taken: None });
    }
    drop(tables);
    transaction.commit()?;
    Ok(done)
}

/// After an error redb refuses all work. If the file cannot be opened now, the next change or sweep tries again.
fn reopen(file: &DatabaseFile) {
    if let Err(error) = file.reopen() {
        tracing::error!(%error, "the session file cannot be opened again");
    }
}

/// The database; opens the file again if the last attempt failed.
fn open(file: &DatabaseFile) -> std::result::Result<Arc<redb::Database>, redb::Error> {
    file.database().or_else(|closed| {
        file.reopen().map_err(|error| {
            tracing::error!(%error, "the session file cannot be opened again");
            closed
        })?;
        file.database()
    })
}

/// One step of the sweep; true when there is more to do. Reports the removed records.
fn sweep(
    file: &DatabaseFile,
    now: UnixTime,
    expired: &mpsc::Sender<Expired>,
) -> std::result::Result<bool, redb::Error> {
    let database = open(file)?;
    let transaction = tables::begin(&database)?;
    let mut tables = Writing::open(&transaction)?;
    let step = tables.sweep(now, SWEEP_STEP)?;
    drop(tables);
    if step.checked == 0 {
        transaction.abort()?;
        return Ok(false);
    }
    transaction.commit()?;
    for removed in step.removed {
        // The queue is full when the gateway was down for days; nobody listens in tests.
        let _ = expired.try_send(removed);
    }
    Ok(step.checked == SWEEP_STEP)
}

/// Changes that can wait. If the queue is full, the disk is too slow.
const MAX_QUEUED: usize = 8192;
const MAX_BATCH: usize = 1024;
const DEADLINE: Duration = Duration::from_secs(5);
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);
const SWEEP_STEP: usize = 64;
