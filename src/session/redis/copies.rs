//! Copies of what was written: Redis acknowledges before its replicas have a write, and `WAIT` tells when they do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{RedisResult, cmd};
use tokio::sync::Mutex;

use super::dial::Wire;
use super::link::Question;

/// The copies of what is written over one connection. `WAIT` speaks of the writes of the connection that it comes over, and
/// keeps everything behind it there waiting; so one `WAIT` is under way at a time, for all that was written before it.
pub(super) struct Copies {
    replicas: u8,
    /// `WAIT`s begun.
    begun: AtomicU64,
    last: Mutex<Last>,
}

/// The `WAIT` that came to an end last.
#[derive(Default)]
struct Last {
    number: u64,
    made: bool,
}

impl Copies {
    pub(super) fn new(replicas: u8) -> Self {
        Self { replicas, begun: AtomicU64::new(0), last: Mutex::default() }
    }

    /// True when enough replicas have everything that this connection, `wire`, had answered before the call.
    pub(super) async fn made(&self, wire: &Wire) -> RedisResult<bool> {
        if self.replicas == 0 {
            return Ok(true);
        }
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        // One that began later than the answer has meant this write too.
        if last.number <= before {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let mut wait = cmd("WAIT");
            wait.arg(self.replicas).arg(PATIENCE.as_millis().to_string());
            let copies: u8 = redis::from_redis_value(wire.ask(&Question::One(wait)).await?)?;
            *last = Last { number, made: copies >= self.replicas };
        }
        Ok(last.made)
    }
}

/// Who writes meanwhile waits as long, and then for as long again: together less than the deadline of a question.
const PATIENCE: Duration = Duration::from_millis(300);
