//! The Redis store: several instances share sessions and hear of each other's endings.
//!
//! Redis 7.0 or newer. What is kept under the prefix: `s:{sid}`, a sealed session with its time to live; `who:{tag}`, a
//! sorted set of the sessions of one person; `lease:{task}:{sid}`, who is at work on a session; `once:{kind}:{digest}`, what was
//! used and may not be used again. On the channel `news` the instances tell what ended or changed.

mod channel;
mod copies;
mod dial;
mod link;
mod script;

use async_trait::async_trait;
use futures_util::future::{join_all, try_join};
use redis::{Cmd, FromRedisValue, Pipeline, Value, cmd, pipe};
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;
use tower_sessions::session_store::{Error, Result};

use super::key::Key;
use super::lease::Lease;
use super::once::OneTime;
use super::sealed::{Backend, Entry};
use super::store::{Cursor, Notice, Page};
use crate::clock::{Clock, UnixTime};
use crate::config::RedisAddress;
use crate::crypto::{Tag, random_text};
use dial::Dial;
use link::{Link, Question};
use std::sync::Arc;
use std::time::Duration;

/// Sealed sessions in Redis.
#[derive(Debug)]
pub struct Redis {
    link: Link,
    /// For what a failover must not lose; a connection of its own, because others would wait on it.
    safe: Link,
    prefix: String,
    clock: Clock,
    notices: broadcast::Sender<Notice>,
    listener: AbortHandle,
}

/// The address or the certificate authorities cannot be used. That Redis is away is no such error: it is tried again at
/// every request.
#[derive(Debug, thiserror::Error)]
#[error("Redis cannot be used: {0}")]
pub struct RedisError(#[from] redis::RedisError);

impl Redis {
    /// A store behind this address, whose keys all begin with `prefix`. Connections live on the runtime behind `control`,
    /// whoever asks. `authorities` are PEM certificates trusted instead of the public ones.
    pub fn start(
        address: &RedisAddress,
        authorities: Option<Vec<u8>>,
        prefix: String,
        clock: Clock,
        control: &Handle,
    ) -> std::result::Result<Self, RedisError> {
        let dial = Arc::new(Dial::new(address, authorities)?);
        let (notices, _) = broadcast::channel(NOTICES);
        let listener = control.spawn(channel::listen(dial.clone(), format!("{prefix}news"), notices.clone()));
        let link = Link::new(dial.clone(), control.clone());
        let safe = match address.wait_replicas {
            0 => link.clone(),
            replicas => Link::for_copies(dial, control.clone(), replicas),
        };
        Ok(Self { link, safe, prefix, clock, notices, listener: listener.abort_handle() })
    }

    fn session(&self, key: Key) -> String {
        format!("{}s:{key}", self.prefix)
    }

    fn used(&self, what: OneTime, name: &str) -> String {
        format!("{}once:{}:{name}", self.prefix, what.word())
    }

    fn person(&self, tag: Tag) -> String {
        format!("{}who:{:032x}", self.prefix, u128::from_be_bytes(tag))
    }

    fn milliseconds_until(&self, time: UnixTime) -> u64 {
        let left = time.since(self.clock.now()).max(Duration::from_millis(1));
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    async fn ask<T: FromRedisValue>(&self, command: Cmd) -> Result<T> {
        read(self.link.ask(Question::One(command)).await?)
    }

    async fn ask_all<T: FromRedisValue>(&self, commands: Pipeline) -> Result<T> {
        read(self.link.ask(Question::Pipe(commands)).await?)
    }

    /// As `ask`, for what must not be lost: an error also when too few replicas have it.
    async fn ask_safely<T: FromRedisValue>(&self, command: Cmd) -> Result<T> {
        let (answer, copied) = self.safe.ask_and_copy(Question::One(command)).await?;
        if !copied {
            return Err(Error::Backend("Redis: too few replicas have it".to_owned()));
        }
        read(answer)
    }

    /// Writes a session under `condition` (NX or XX), and whose it is; false when the condition does not hold.
    async fn write(&self, entry: &Entry, condition: &str) -> Result<bool> {
        let mut set = cmd("SET");
        set.arg(self.session(entry.key)).arg(&entry.sealed).arg(condition);
        set.arg("PX").arg(self.milliseconds_until(entry.expires));
        let (set, ()) = try_join(self.ask_safely::<Value>(set), self.index(entry)).await?;
        Ok(set != Value::Nil)
    }

    /// Writes whose a session is. An index that knows a session too many does no harm.
    async fn index(&self, entry: &Entry) -> Result<()> {
        let index = entry.tags.iter().map(|tag| {
            let (person, lifetime) = (self.person(*tag), self.milliseconds_until(entry.ends));
            let mut commands = pipe();
            commands.cmd("ZREMRANGEBYSCORE").arg(&person).arg("-inf").arg(self.clock.now().0).ignore();
            commands.cmd("ZADD").arg(&person).arg(entry.ends.0).arg(entry.key.to_string()).ignore();
            // The set lives as long as the longest of its sessions: NX for the first, GT for the others.
            commands.cmd("PEXPIRE").arg(&person).arg(lifetime).arg("NX").ignore();
            commands.cmd("PEXPIRE").arg(&person).arg(lifetime).arg("GT").ignore();
            self.ask_all::<Value>(commands)
        });
        // All at once, on one connection.
        join_all(index).await.into_iter().try_for_each(|written| written.map(drop))
    }

    fn lease_name(&self, lease: &Lease) -> String {
        format!("{}lease:{}:{}", self.prefix, lease.task(), lease.key())
    }

    /// Tells all instances, this one too. Who does not hear it asks again within the cache time.
    async fn tell(&self, kind: char, key: Key) {
        let mut publish = cmd("PUBLISH");
        publish.arg(format!("{}news", self.prefix)).arg(format!("{kind}{key}"));
        if let Err(error) = self.ask::<Value>(publish).await {
            tracing::warn!(%error, "other instances were not told at once of a session that ended or changed");
        }
    }
}

#[async_trait]
impl Backend for Redis {
    async fn create(&self, entry: Entry) -> Result<bool> {
        self.write(&entry, "NX").await
    }

    async fn update(&self, entry: Entry) -> Result<bool> {
        let there = self.write(&entry, "XX").await?;
        if there {
            self.tell(channel::CHANGED, entry.key).await;
        }
        Ok(there)
    }

    async fn swap(&self, old: Vec<u8>, entry: Entry) -> Result<bool> {
        let swap = script::swap(
            &self.session(entry.key),
            &old,
            &entry.sealed,
            self.milliseconds_until(entry.expires),
        );
        let (done, ()) = try_join(self.ask_safely::<bool>(swap), self.index(&entry)).await?;
        if done {
            self.tell(channel::CHANGED, entry.key).await;
        }
        Ok(done)
    }

    async fn lease(&self, lease: &Lease) -> Result<bool> {
        self.ask(script::lease(&self.lease_name(lease), lease)).await
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        self.ask::<Value>(script::release(&self.lease_name(lease), lease)).await.map(drop)
    }

    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool> {
        let mut expire = cmd("PEXPIRE");
        expire.arg(self.session(key)).arg(self.milliseconds_until(expires));
        self.ask(expire).await
    }

    async fn load(&self, key: Key) -> Result<Option<(UnixTime, Vec<u8>)>> {
        let name = self.session(key);
        let mut commands = pipe();
        commands.cmd("GET").arg(&name).cmd("PTTL").arg(&name);
        let (sealed, left): (Option<Vec<u8>>, i64) = self.ask_all(commands).await?;
        // Below zero: it has just expired, or somebody else has put it there without an end.
        let left = u64::try_from(left).ok().map(|left| Duration::from_secs(left.div_ceil(1000)));
        Ok(left.zip(sealed).map(|(left, sealed)| (self.clock.now().plus(left), sealed)))
    }

    async fn take(&self, key: Key) -> Result<Option<(UnixTime, Vec<u8>)>> {
        let mut take = cmd("GETDEL");
        take.arg(self.session(key));
        let (taken, copied) = self.safe.ask_and_copy(Question::One(take)).await?;
        if !copied {
            // What it held is here now and nowhere else: the goodbye goes on, and leaves nothing to who would find it again.
            tracing::warn!(sid = %key, "too few replicas know that this session has ended; after a failover it may be there again");
        }
        let sealed: Option<Vec<u8>> = read(taken)?;
        self.tell(channel::ENDED, key).await;
        // Nobody asks when it would have expired.
        Ok(sealed.map(|sealed| (self.clock.now(), sealed)))
    }

    async fn once(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool> {
        // Asked a second time on a new connection, it must know its own first try.
        let mark = random_text::<16>();
        let mut set = cmd("SET");
        set.arg(self.used(what, name)).arg(&mark).arg("NX").arg("GET");
        set.arg("PX").arg(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX).max(1));
        let before: Option<String> = self.ask(set).await?;
        Ok(before.is_none_or(|before| before == mark))
    }

    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool> {
        let mut get = cmd("GET");
        get.arg(self.used(what, name));
        let mark: Option<String> = self.ask(get).await?;
        Ok(mark.is_some())
    }

    async fn tagged(&self, tag: Tag) -> Result<Vec<Key>> {
        let mut range = cmd("ZRANGE");
        range.arg(self.person(tag)).arg(0).arg(-1);
        let keys: Vec<String> = self.ask(range).await?;
        Ok(keys.iter().filter_map(|key| Key::parse(key)).collect())
    }

    /// Node by node in a Cluster; a session may come twice.
    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<Page> {
        let after = after.map_or_else(|| "0 0".to_owned(), |cursor| cursor.0);
        let (node, cursor) = after.split_once(' ').unwrap_or(("0", "0"));
        let node: usize = node.parse().unwrap_or_default();
        let mut scan = cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(format!("{}s:*", glob_escaped(&self.prefix)))
            .arg("COUNT")
            .arg(limit.max(1));
        let (answer, nodes) = self.link.ask_node(scan, node).await?;
        let (cursor, names): (String, Vec<String>) = read(answer)?;
        let start = self.prefix.len() + 2;
        let keys = names.iter().filter_map(|name| Key::parse(name.get(start..)?)).collect();
        let next = match cursor.as_str() {
            "0" if node + 1 >= nodes => None,
            "0" => Some(Cursor(format!("{} 0", node + 1))),
            cursor => Some(Cursor(format!("{node} {cursor}"))),
        };
        Ok(Page { keys, next })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn notices(&self) -> Option<broadcast::Receiver<Notice>> {
        Some(self.notices.subscribe())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T> {
    redis::from_redis_value(value).map_err(|error| Error::Backend(format!("Redis: {error}")))
}

/// The prefix holds a host name, perhaps an IPv6 address in brackets.
fn glob_escaped(text: &str) -> String {
    text.chars().flat_map(|c| [Some('\\').filter(|_| "[]*?\\".contains(c)), Some(c)]).flatten().collect()
}

/// News that may wait to be heard; beyond that everything is looked at again.
const NOTICES: usize = 4096;
