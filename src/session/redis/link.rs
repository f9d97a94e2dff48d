//! One connection for all, opened when it is needed and again when it was lost. A question has an answer or an error
//! within [`DEADLINE`]: a Redis that is away costs a request a second at most, and never hangs it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value, cmd};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tower_sessions::session_store::{Error, Result};

use super::copies::Copies;
use super::dial::{Dial, Wire};

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Question {
    One(Cmd),
    /// All about one key, so that a Cluster can answer.
    Pipe(Pipeline),
    /// A node of a Cluster: host and port.
    Node(Cmd, String, u16),
}

/// The way to Redis. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Link(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dial: Arc<Dial>,
    state: Mutex<State>,
    control: Handle,
    /// How many replicas must have what is written.
    replicas: u8,
}

/// One connection, and how far what was written over it has come.
#[derive(Clone)]
struct Connection {
    wire: Wire,
    copies: Arc<Copies>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Counts connections, so that a late error of an old one does not close the new one.
    generation: u64,
    /// The last attempt failed then, and why.
    failed: Option<(Instant, String)>,
}

impl Link {
    pub(super) fn new(dial: Arc<Dial>, control: Handle) -> Self {
        Self::for_copies(dial, control, 0)
    }

    /// A way for writes that this many replicas must have before they count.
    pub(super) fn for_copies(dial: Arc<Dial>, control: Handle, replicas: u8) -> Self {
        Self(Arc::new(Inner { dial, state: Mutex::default(), control, replicas }))
    }

    /// Asks on the control runtime: a connection is driven where it was opened, and the workers' runtimes have requests
    /// to serve.
    pub(super) async fn ask(&self, question: Question) -> Result<Value> {
        self.ask_and_copy(question).await.map(|(answer, _)| answer)
    }

    /// The same; gives too whether as many replicas have it as must.
    pub(super) async fn ask_and_copy(&self, question: Question) -> Result<(Value, bool)> {
        let inner = self.0.clone();
        let answer =
            self.0.control.spawn(async move { tokio::time::timeout(DEADLINE, inner.ask(&question)).await });
        match answer.await {
            Ok(Ok(answer)) => answer.map_err(|error| Error::Backend(format!("Redis: {error}"))),
            Ok(Err(_)) => Err(Error::Backend(format!("Redis: no answer within {DEADLINE:?}"))),
            Err(_) => Err(Error::Backend("the gateway is stopping".to_owned())),
        }
    }

    /// Asks the node with this number, if there are several. Gives the number of nodes too.
    pub(super) async fn ask_node(&self, command: Cmd, number: usize) -> Result<(Value, usize)> {
        if !matches!(*self.0.dial, Dial::Cluster { .. }) {
            return Ok((self.ask(Question::One(command)).await?, 1));
        }
        let mut slots = cmd("CLUSTER");
        slots.arg("SLOTS");
        let masters = masters(self.ask(Question::One(slots)).await?);
        let (host, port) = masters
            .get(number)
            .ok_or_else(|| Error::Backend("Redis: the Cluster has fewer nodes than before".to_owned()))?;
        Ok((self.ask(Question::Node(command, host.clone(), *port)).await?, masters.len()))
    }
}

impl Inner {
    /// Asks, and once more on a new connection when the first was lost: it may have been dead for long. Every question
    /// may be asked twice; a session created twice would only be drawn another id.
    async fn ask(&self, question: &Question) -> RedisResult<(Value, bool)> {
        let (connection, generation) = self.connection().await?;
        match connection.ask(question).await {
            Err(error) if self.is_lost(&error) => {
                tracing::info!(%error, "the connection to Redis was lost");
                self.forget(generation).await;
            }
            answer => return answer,
        }
        let (connection, generation) = self.connection().await?;
        let answer = connection.ask(question).await;
        if let Err(error) = &answer
            && self.is_lost(error)
        {
            self.forget(generation).await;
        }
        answer
    }

    async fn connection(&self) -> RedisResult<(Connection, u64)> {
        // Who comes while a connection is being opened waits for that one.
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok((connection.clone(), state.generation));
        }
        if let Some((at, why)) = &state.failed
            && at.elapsed() < PAUSE
        {
            return Err(RedisError::from((ErrorKind::Io, "is away", why.clone())));
        }
        let connected = tokio::time::timeout(DIAL, self.dial.connect()).await;
        match connected
            .unwrap_or_else(|_| Err(RedisError::from((ErrorKind::Io, "cannot be reached in time"))))
        {
            Ok(wire) => {
                let connection = Connection { wire, copies: Arc::new(Copies::new(self.replicas)) };
                state.generation += 1;
                state.connection = Some(connection.clone());
                if state.failed.take().is_some() {
                    tracing::info!("Redis is back");
                }
                Ok((connection, state.generation))
            }
            Err(error) => {
                if state.failed.is_none() {
                    tracing::warn!(%error, "Redis is away; sessions in use go on for the cache time");
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

    /// True when this connection will not answer better the next time: broken, silent, or to a server that is master no
    /// more. A Cluster's connection looks after its nodes itself.
    fn is_lost(&self, error: &RedisError) -> bool {
        match &*self.dial {
            Dial::Cluster { .. } => error.is_connection_dropped() && !error.is_timeout(),
            _ => error.is_io_error() || matches!(error.code(), Some("READONLY" | "LOADING" | "MASTERDOWN")),
        }
    }
}

impl Connection {
    async fn ask(&self, question: &Question) -> RedisResult<(Value, bool)> {
        let answer = self.wire.ask(question).await?;
        Ok((answer, self.copies.made(&self.wire).await?))
    }
}

impl Wire {
    pub(super) async fn ask(&self, question: &Question) -> RedisResult<Value> {
        match (self.clone(), question) {
            (Self::Node(mut wire), Question::One(command) | Question::Node(command, ..)) => {
                command.query_async(&mut wire).await
            }
            (Self::Node(mut wire), Question::Pipe(commands)) => commands.query_async(&mut wire).await,
            (Self::Cluster(mut wire), Question::One(command)) => command.query_async(&mut wire).await,
            (Self::Cluster(mut wire), Question::Pipe(commands)) => commands.query_async(&mut wire).await,
            (Self::Cluster(mut wire), Question::Node(command, host, port)) => {
                let node = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                wire.route_command(command.clone(), RoutingInfo::SingleNode(node)).await
            }
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("connected", &self.connection.is_some()).finish_non_exhaustive()
    }
}

/// The masters in an answer to `CLUSTER SLOTS`: ranges, each with its nodes, the master first.
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

/// From a question to its answer or error.
pub(super) const DEADLINE: Duration = Duration::from_secs(1);
/// For asking Sentinels and opening a connection.
const DIAL: Duration = Duration::from_millis(600);
/// After a failed attempt everybody has an error at once for so long.
const PAUSE: Duration = Duration::from_millis(200);
