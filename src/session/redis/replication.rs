//! Waits for replicas: Redis acknowledges a write before its replicas have it, and `WAIT` says when they do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{RedisResult, cmd};
use tokio::sync::Mutex;

use super::command::{CommandConnection, RedisCommand};

/// The replication of the writes of one connection. `WAIT` covers the earlier writes of its connection and blocks later
/// commands there, so one `WAIT` at a time runs for all writes before it.
pub(super) struct Replication {
    replicas: u8,
    /// How many `WAIT`s have begun.
    begun: AtomicU64,
    last: Mutex<LastWait>,
}

/// The `WAIT` that finished last.
#[derive(Default)]
struct LastWait {
    number: u64,
    is_replicated: bool,
}

impl Replication {
    pub(super) fn new(replicas: u8) -> Self {
        Self { replicas, begun: AtomicU64::new(0), last: Mutex::default() }
    }

    /// Waits until enough replicas have every write that this connection acknowledged before the call; false when they do not have them
    /// in time.
    pub(super) async fn wait(&self, connection: &CommandConnection) -> RedisResult<bool> {
        if self.replicas == 0 {
            return Ok(true);
        }
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        // A `WAIT` that began after the acknowledgement covers this write too.
        if last.number <= before {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let mut wait = cmd("WAIT");
            wait.arg(self.replicas).arg(TIMEOUT.as_millis().to_string());
            let copies: u8 = redis::from_redis_value(connection.send(&RedisCommand::One(wait)).await?)?;
            *last = LastWait { number, is_replicated: copies >= self.replicas };
        }
        Ok(last.is_replicated)
    }
}

/// A write may wait for the current `WAIT` and then for its own: both together take less than the deadline of a command.
const TIMEOUT: Duration = Duration::from_millis(300);
