//! One shared connection, opened on demand and again when it is lost. A command has an answer or an error within [`DEADLINE`]: if Redis
//! does not answer, a request waits for one second at most.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Cmd, ErrorKind, RedisError, RedisResult, Value, cmd};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tower_sessions::session_store::{Error, Result};

use super::command::{CommandConnection, RedisCommand};
use super::dial::RedisDial;
use super::replication::Replication;

/// The connection to Redis. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dial: Arc<RedisDial>,
    state: Mutex<LinkState>,
    control: Handle,
    /// How many replicas must have each write.
    replicas: u8,
}

/// An open connection and the replication of its writes.
#[derive(Clone)]
struct RedisConnection {
    commands: CommandConnection,
    replication: Arc<Replication>,
}

#[derive(Default)]
struct LinkState {
    connection: Option<RedisConnection>,
    /// Counts connections: a late error of an old connection does not close the new one.
    generation: u64,
    /// When and why the last attempt failed.
    failed: Option<(Instant, String)>,
}

impl Link {
    pub(super) fn new(dial: Arc<RedisDial>, control: Handle) -> Self {
        Self::with_replicas(dial, control, 0)
    }

    /// A connection for writes that succeed only when this many replicas have them.
    pub(super) fn with_replicas(dial: Arc<RedisDial>, control: Handle, replicas: u8) -> Self {
        Self(Arc::new(Shared { dial, state: Mutex::default(), control, replicas }))
    }

    /// Sends a command on the control runtime: a connection belongs to the runtime that opened it, and the runtimes of the
    /// workers serve requests.
    pub(super) async fn ask(&self, command: RedisCommand) -> Result<Value> {
        self.ask_and_wait(command).await.map(|(answer, _)| answer)
    }

    /// The same; also returns whether enough replicas have the write.
    pub(super) async fn ask_and_wait(&self, command: RedisCommand) -> Result<(Value, bool)> {
        let inner = self.0.clone();
        let answer =
            self.0.control.spawn(async move { tokio::time::timeout(DEADLINE, inner.ask(&command)).await });
        match answer.await {
            Ok(Ok(answer)) => answer.map_err(|error| Error::Backend(format!("Redis: {error}"))),
            Ok(Err(_)) => Err(Error::Backend(format!("Redis: no answer within {DEADLINE:?}"))),
            Err(_) => Err(Error::Backend("the gateway is stopping".to_owned())),
        }
    }

    /// Sends a command to the node with this number, if there are several; also returns the number of nodes.
    pub(super) async fn ask_node(&self, command: Cmd, number: usize) -> Result<(Value, usize)> {
        if !self.0.dial.is_cluster() {
            return Ok((self.ask(RedisCommand::One(command)).await?, 1));
        }
        let mut slots = cmd("CLUSTER");
        slots.arg("SLOTS");
        let masters = masters(self.ask(RedisCommand::One(slots)).await?);
        let (host, port) = masters
            .get(number)
            .ok_or_else(|| Error::Backend("Redis: the Cluster has fewer nodes than before".to_owned()))?;
        Ok((self.ask(RedisCommand::Node(command, host.clone(), *port)).await?, masters.len()))
    }
}

impl Shared {
    /// Sends a command. If the connection is lost, it may have been broken for long: the command is sent again on a new connection. Every
    /// command can be sent twice.
    async fn ask(&self, command: &RedisCommand) -> RedisResult<(Value, bool)> {
        let (connection, generation) = self.connection().await?;
        let mut first = None;
        match connection.send(command, &mut first).await {
            Err(error) if self.is_lost(&error) => {
                tracing::info!(%error, "the connection to Redis was lost");
                self.forget(generation).await;
            }
            answer => return answer,
        }
        let (connection, generation) = self.connection().await?;
        match connection.send(command, &mut None).await {
            Ok((second, is_replicated)) => Ok((answer_of(first, second), is_replicated)),
            Err(error) => {
                if self.is_lost(&error) {
                    self.forget(generation).await;
                }
                Err(error)
            }
        }
    }

    async fn connection(&self) -> RedisResult<(RedisConnection, u64)> {
        // Concurrent callers wait for one attempt.
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok((connection.clone(), state.generation));
        }
        if let Some((at, why)) = &state.failed
            && at.elapsed() < PAUSE
        {
            return Err(RedisError::from((ErrorKind::Io, "is unavailable", why.clone())));
        }
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, self.dial.connect()).await;
        match connected
            .unwrap_or_else(|_| Err(RedisError::from((ErrorKind::Io, "cannot be reached in time"))))
        {
            Ok(commands) => {
                let replication = Arc::new(Replication::new(self.replicas));
                let connection = RedisConnection { commands, replication };
                state.generation += 1;
                state.connection = Some(connection.clone());
                if state.failed.take().is_some() {
                    tracing::info!("Redis answers again");
                }
                Ok((connection, state.generation))
            }
            Err(error) => {
                if state.failed.is_none() {
                    tracing::warn!(%error, "Redis does not answer; sessions in use go on for the cache time");
                }
                state.failed = Some((Instant::now(), error.to_string()));
                Err(error)
            }
        }
    }

    async fn forget(&self, generation: u64) {
        let mut state = self.state.lock().await;
        if state.generation == generation {
            state.connection = None;
        }
    }

    /// True when the connection can no longer be used: it is broken or silent, or the server is no longer the master. The connection of a
    /// Cluster handles its nodes itself.
    fn is_lost(&self, error: &RedisError) -> bool {
        if self.dial.is_cluster() {
            return error.is_connection_dropped() && !error.is_timeout();
        }
        error.is_io_error() || matches!(error.code(), Some("READONLY" | "LOADING" | "MASTERDOWN"))
    }
}

impl RedisConnection {
    /// Sends a command and waits for the replicas. If this wait fails, `acknowledged` has the answer to the command.
    async fn send(
        &self,
        command: &RedisCommand,
        acknowledged: &mut Option<Value>,
    ) -> RedisResult<(Value, bool)> {
        let answer = self.commands.send(command).await?;
        match self.replication.wait(&self.commands).await {
            Ok(is_replicated) => Ok((answer, is_replicated)),
            Err(error) => {
                *acknowledged = Some(answer);
                Err(error)
            }
        }
    }
}

/// The answer to a command that was sent twice. If the first `GETDEL` deleted a value, the second one finds nothing: then the first answer
/// counts, if it arrived. Otherwise the data of a session would be lost.
fn answer_of(first: Option<Value>, second: Value) -> Value {
    match (first, second) {
        (Some(first), Value::Nil) => first,
        (_, second) => second,
    }
}

impl std::fmt::Debug for LinkState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkState").field("connected", &self.connection.is_some()).finish_non_exhaustive()
    }
}

/// The masters in an answer of `CLUSTER SLOTS`: ranges, each with its nodes, the master first.
fn masters(slots: Value) -> Vec<(String, u16)> {
    let ranges: Vec<Value> = redis::from_redis_value(slots).unwrap_or_default();
    let mut masters: Vec<(String, u16)> = ranges
        .into_iter()
        .filter_map(|range| {
            let Value::Array(range) = range else { return None };
            let Value::Array(node) = range.into_iter().nth(2)? else { return None };
            let mut node = node.into_iter();
            let (host, port) = (node.next()?, node.next()?);
            Some((redis::from_redis_value(host).ok()?, redis::from_redis_value(port).ok()?))
        })
        .collect();
    masters.sort();
    masters.dedup();
    masters
}

/// From sending a command to its answer or error.
pub(super) const DEADLINE: Duration = Duration::from_secs(1);
/// For asking Sentinels and opening a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(600);
/// After a failed attempt all commands fail at once for this long.
const PAUSE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_the_first_command_deleted_is_not_lost_when_it_is_sent_again() {
        let (held, other) = (Value::BulkString(b"held".to_vec()), Value::Okay);
        assert_eq!(answer_of(Some(held.clone()), Value::Nil), held);
        assert_eq!(answer_of(Some(held.clone()), other.clone()), other);
        assert_eq!(answer_of(None, Value::Nil), Value::Nil);
        assert_eq!(answer_of(None, held.clone()), held);
    }
}
