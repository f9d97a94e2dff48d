//! The Redis store: several instances share sessions and notify each other when a session ends or changes.
//!
//! Needs Redis 7.0 or newer. Keys, all under the prefix: `s:{sid}` is a sealed record with its time to live; `who:{tag}` is a
//! sorted set of the sessions of one owner; `lease:{task}:{sid}` holds the owner of a lease; `once:{kind}:{digest}` is a used
//! name. Notices go through the channel `news`.

mod channel;
mod clients;
mod command;
mod dial;
mod link;
mod replication;
mod script;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join_all, try_join};
use redis::{Cmd, FromRedisValue, Pipeline, Value, cmd, pipe};
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;
use tower_sessions::session_store::{Error, Result};

use super::key::Key;
use super::lease::SessionLease;
use super::one_time::OneTime;
use super::store::{Cursor, KeyPage, Notice, RecordStore, SealedRecord, StoredRecord};
use crate::clock::Clock;
use crate::config::RedisAddress;
use crate::crypto::{Tag, random_text};
use crate::unix_time::UnixTime;
use command::RedisCommand;
use dial::RedisDial;
use link::Link;

/// Sealed records in Redis.
#[derive(Debug)]
pub struct Redis {
    link: Link,
    /// For writes that a failover must not lose. It has its own connection, because `WAIT` blocks others.
    safe: Link,
    prefix: String,
    clock: Clock,
    notices: broadcast::Sender<Notice>,
    listener: AbortHandle,
}

/// The address or the certificate authorities cannot be used. It is no such error if Redis does not answer: every request tries
/// again.
#[derive(Debug, thiserror::Error)]
#[error("Redis cannot be used: {0}")]
pub struct RedisError(#[from] redis::RedisError);

impl Redis {
    /// A store at this address. All its keys begin with `prefix`. Connections belong to the runtime of `control`.
    /// `ca_file` names PEM certificates that are trusted instead of the public ones. It is read again for each connection.
    pub fn start(
        address: &RedisAddress,
        ca_file: Option<PathBuf>,
        prefix: String,
        clock: Clock,
        control: &Handle,
    ) -> std::result::Result<Self, RedisError> {
        let dial = Arc::new(RedisDial::new(address, ca_file)?);
        let (notices, _) = broadcast::channel(NOTICES);
        let listener = control.spawn(channel::listen(dial.clone(), format!("{prefix}news"), notices.clone()));
        let link = Link::new(dial.clone(), control.clone());
        let safe = match address.wait_replicas {
            0 => link.clone(),
            replicas => Link::with_replicas(dial, control.clone(), replicas),
        };
        Ok(Self { link, safe, prefix, clock, notices, listener: listener.abort_handle() })
    }

    fn session(&self, key: Key) -> String {
        format!("{}s:{key}", self.prefix)
    }

    fn used(&self, what: OneTime, name: &str) -> String {
        format!("{}once:{}:{name}", self.prefix, what.word())
    }

    fn owner(&self, tag: Tag) -> String {
        format!("{}who:{:032x}", self.prefix, u128::from_be_bytes(tag))
    }

    fn milliseconds_until(&self, time: UnixTime) -> u64 {
        let left = time.since(self.clock.now()).max(Duration::from_millis(1));
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    async fn ask<T: FromRedisValue>(&self, command: Cmd) -> Result<T> {
        read(self.link.ask(RedisCommand::One(command)).await?)
    }

    async fn ask_all<T: FromRedisValue>(&self, commands: Pipeline) -> Result<T> {
        read(self.link.ask(RedisCommand::Pipe(commands)).await?)
    }

    /// Like `ask`, for writes that must not be lost. Also fails when too few replicas have the write.
    async fn ask_safely<T: FromRedisValue>(&self, command: Cmd) -> Result<T> {
        let (answer, is_replicated) = self.safe.ask_and_wait(RedisCommand::One(command)).await?;
        if !is_replicated {
            return Err(Error::Backend("Redis: too few replicas have the write".to_owned()));
        }
        read(answer)
    }

    /// Adds a record to the index. An index entry without a session does no harm.
    async fn index(&self, record: &SealedRecord) -> Result<()> {
        let index = record.tags.iter().map(|tag| {
            let (owner, lifetime) = (self.owner(*tag), self.milliseconds_until(record.ends));
            let mut commands = pipe();
            commands.cmd("ZREMRANGEBYSCORE").arg(&owner).arg("-inf").arg(self.clock.now().0).ignore();
            commands.cmd("ZADD").arg(&owner).arg(record.ends.0).arg(record.key.to_string()).ignore();
            // The set expires with the last of its sessions: NX for the first, GT for the others.
            commands.cmd("PEXPIRE").arg(&owner).arg(lifetime).arg("NX").ignore();
            commands.cmd("PEXPIRE").arg(&owner).arg(lifetime).arg("GT").ignore();
            self.ask_all::<Value>(commands)
        });
        // Concurrently, on one connection.
        join_all(index).await.into_iter().try_for_each(|written| written.map(drop))
    }

    fn lease_name(&self, lease: &SessionLease) -> String {
        format!("{}lease:{}:{}", self.prefix, lease.task(), lease.key())
    }

    /// Notifies all instances, this one included. An instance that misses it asks within the cache time.
    async fn notify(&self, kind: char, key: Key) {
        let mut publish = cmd("PUBLISH");
        publish.arg(format!("{}news", self.prefix)).arg(format!("{kind}{key}"));
        if let Err(error) = self.ask::<Value>(publish).await {
            tracing::warn!(%error, "other instances learn within the cache time of a session that ended or changed");
        }
    }
}

#[async_trait]
impl RecordStore for Redis {
    async fn create(&self, record: SealedRecord) -> Result<bool> {
        let name = self.session(record.key);
        let mut set = cmd("SET");
        set.arg(&name).arg(&record.sealed).arg("NX");
        set.arg("PX").arg(self.milliseconds_until(record.expires));
        let (set, ()) = try_join(self.ask_safely::<Value>(set), self.index(&record)).await?;
        if set != Value::Nil {
            return Ok(true);
        }
        // Perhaps the connection was lost after Redis had done it, and the command was sent again. Every record is sealed with its own nonce, so
        // equal bytes are this record.
        let mut get = cmd("GET");
        get.arg(&name);
        let existing: Option<Vec<u8>> = self.ask(get).await?;
        Ok(existing.is_some_and(|existing| existing == record.sealed))
    }

    async fn replace(&self, old: Vec<u8>, record: SealedRecord) -> Result<bool> {
        let replace = script::replace(
            &self.session(record.key),
            &old,
            &record.sealed,
            self.milliseconds_until(record.expires),
        );
        let (done, ()) = try_join(self.ask_safely::<bool>(replace), self.index(&record)).await?;
        if done {
            self.notify(channel::CHANGED, record.key).await;
        }
        Ok(done)
    }

    async fn lease(&self, lease: &SessionLease) -> Result<bool> {
        self.ask(script::lease(&self.lease_name(lease), lease)).await
    }

    async fn release(&self, lease: &SessionLease) -> Result<()> {
        self.ask::<Value>(script::release(&self.lease_name(lease), lease)).await.map(drop)
    }

    async fn touch(&self, key: Key, expires: UnixTime) -> Result<bool> {
        let mut expire = cmd("PEXPIRE");
        expire.arg(self.session(key)).arg(self.milliseconds_until(expires));
        self.ask(expire).await
    }

    async fn load(&self, key: Key) -> Result<Option<StoredRecord>> {
        let name = self.session(key);
        let mut commands = pipe();
        commands.cmd("GET").arg(&name).cmd("PTTL").arg(&name);
        let (sealed, left): (Option<Vec<u8>>, i64) = self.ask_all(commands).await?;
        // Negative: it has just expired, or has no expiry and so is not a record of the gateway.
        let left = u64::try_from(left).ok().map(|left| Duration::from_secs(left.div_ceil(1000)));
        let expires = left.map(|left| self.clock.now().plus(left));
        Ok(expires.zip(sealed).map(|(expires, sealed)| StoredRecord { expires, sealed }))
    }

    async fn take(&self, key: Key) -> Result<Option<StoredRecord>> {
        let mut take = cmd("GETDEL");
        take.arg(self.session(key));
        let (taken, is_replicated) = self.safe.ask_and_wait(RedisCommand::One(take)).await?;
        if !is_replicated {
            // No error: only this instance has the data now, and the session cleanup revokes what a restored session would hold.
            tracing::warn!(sid = %key, "too few replicas know that this session has ended; a failover may restore it");
        }
        let sealed: Option<Vec<u8>> = read(taken)?;
        self.notify(channel::ENDED, key).await;
        // Its time of expiry no longer matters.
        Ok(sealed.map(|sealed| StoredRecord { expires: self.clock.now(), sealed }))
    }

    async fn first_use(&self, what: OneTime, name: &str, lifetime: Duration) -> Result<bool> {
        // The command may be sent twice: a random value shows whether this call was the first.
        let value = random_text::<16>();
        let mut set = cmd("SET");
        set.arg(self.used(what, name)).arg(&value).arg("NX").arg("GET");
        set.arg("PX").arg(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX).max(1));
        let before: Option<String> = self.ask(set).await?;
        Ok(before.is_none_or(|before| before == value))
    }

    async fn was_used(&self, what: OneTime, name: &str) -> Result<bool> {
        let mut get = cmd("GET");
        get.arg(self.used(what, name));
        Ok(self.ask::<Option<String>>(get).await?.is_some())
    }

    async fn tagged(&self, tag: Tag) -> Result<Vec<Key>> {
        let mut range = cmd("ZRANGE");
        range.arg(self.owner(tag)).arg(0).arg(-1);
        let keys: Vec<String> = self.ask(range).await?;
        Ok(keys.iter().filter_map(|key| Key::parse(key)).collect())
    }

    /// Lists the nodes of a Cluster one after the other.
    async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<KeyPage> {
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
        Ok(KeyPage { keys, next })
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

/// The prefix contains a host name, which may be an IPv6 address in brackets.
fn glob_escaped(text: &str) -> String {
    text.chars().flat_map(|c| [Some('\\').filter(|_| "[]*?\\".contains(c)), Some(c)]).flatten().collect()
}

/// Notices that can wait; beyond that the store is asked about every session.
const NOTICES: usize = 4096;
