//! Opens the store that the configuration names.

use std::io;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::Lifetimes;
use super::embedded::{Embedded, OpenError};
use super::memory::MemoryStore;
use super::redis::{Redis, RedisError};
use super::store::RecordStore;
use super::timed_store::TimedStore;
use super::vault::Vault;
use crate::clock::Clock;
use crate::config;
use crate::crypto::{KeyFileError, KeyRing};
use crate::files;
use crate::telemetry::StoreMetrics;
use crate::wire::pem;

/// The session store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreStartError {
    /// Its key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The session file cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The address of Redis or its certificate authorities cannot be used.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// The file with certificate authorities cannot be read.
    #[error("session.redis_ca_file: {0}")]
    Authorities(io::Error),
}

/// An open store and what belongs to it.
#[derive(Debug)]
pub struct Opened {
    /// The store, with the keys for its records.
    pub vault: Arc<Vault>,
    /// Size of the cache of ready-to-use sessions.
    pub cached: u64,
    /// The keys of this gateway, for everything else that it seals.
    pub keys: KeyRing,
}

/// Opens the configured store. Call it on the control runtime. In Redis, `origin` separates the sessions of this gateway from
/// those of others.
pub fn open(
    store: &config::Store,
    origin: &str,
    lifetimes: Lifetimes,
    clock: &Clock,
    metrics: StoreMetrics,
) -> Result<Opened, StoreStartError> {
    match store {
        config::Store::Memory { max_sessions } => {
            let (store, keys) =
                (MemoryStore::new(*max_sessions, lifetimes, clock.clone()), KeyRing::random());
            Ok(opened(store, *max_sessions, keys, clock, metrics))
        }
        config::Store::Embedded { path, key_file } => {
            let is_new = !path.exists();
            let file = Embedded::open(path, clock.clone())?;
            let (keys, made) = KeyRing::read_or_create(key_file)?;
            if made && !is_new {
                tracing::warn!(
                    key_file = %key_file.display(),
                    "the key file was missing: a new one was made, and earlier sessions cannot be opened"
                );
            }
            Ok(opened(file, CACHED, keys, clock, metrics))
        }
        config::Store::Redis { address, ca_file, key_file } => {
            let keys = KeyRing::read(key_file)?;
            let authorities = ca_file.as_deref().map(files::read).transpose();
            let authorities = authorities.map_err(|e| StoreStartError::Authorities(io::Error::other(e)))?;
            if let Some(file) = &authorities {
                pem::certificates(file).map_err(|e| StoreStartError::Authorities(io::Error::other(e)))?;
            }
            // Readable, because operators grant rights by this pattern.
            let prefix = format!("imsgate:{}:", origin.split_once("://").map_or(origin, |(_, host)| host));
            let redis = Redis::start(address, ca_file.clone(), prefix, clock.clone(), &Handle::current())?;
            Ok(opened(redis, CACHED, keys, clock, metrics))
        }
    }
}

fn opened(
    store: impl RecordStore,
    cached: u64,
    keys: KeyRing,
    clock: &Clock,
    metrics: StoreMetrics,
) -> Opened {
    let store = TimedStore::new(store, metrics);
    Opened { vault: Arc::new(Vault::new(store, &keys, clock.clone())), cached, keys }
}

/// Ready-to-use sessions in front of a store: about 6 kB each.
const CACHED: u64 = 10_000;
