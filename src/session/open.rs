//! From the configuration to an open store.

use std::io;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::embedded::{Embedded, OpenError};
use super::redis::{Redis, RedisError};
use super::sealed::SealedStore;
use super::store::Store;
use super::{Lifetimes, MemoryStore};
use crate::clock::Clock;
use crate::config;
use crate::crypto::{KeyFileError, KeyRing};
use crate::files;
use crate::wire::pem;

/// The session store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreStartError {
    /// Its keys.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The file of the embedded store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The address of Redis, or what is trusted there.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// The certificate authorities trusted for Redis.
    #[error("session.redis_ca_file: {0}")]
    Authorities(io::Error),
}

/// An open store and what belongs to it.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Arc<dyn Store>,
    /// How many sessions are to be kept ready to use.
    pub cached: u64,
    /// The keys of this gateway, for what else it seals.
    pub keys: KeyRing,
}

/// Opens the configured store; must be called on the control runtime. `origin` tells this gateway's sessions from those of
/// others in the same store.
pub fn open(
    store: &config::Store,
    origin: &str,
    lifetimes: Lifetimes,
    clock: &Clock,
) -> Result<Opened, StoreStartError> {
    match store {
        config::Store::Memory { max_sessions } => Ok(Opened {
            store: Arc::new(MemoryStore::new(*max_sessions, lifetimes, clock.clone())),
            cached: *max_sessions,
            keys: KeyRing::random(),
        }),
        config::Store::Embedded { path, key_file } => {
            let is_new = !path.exists();
            let file = Embedded::open(path, clock.clone())?;
            let (keys, made) = KeyRing::read_or_create(key_file)?;
            if made && !is_new {
                tracing::warn!(
                    key_file = %key_file.display(),
                    "the key file was missing and a new one was made; sessions sealed with the old one cannot be opened"
                );
            }
            let store = Arc::new(SealedStore::new(file, &keys, clock.clone()));
            Ok(Opened { store, cached: READY, keys })
        }
        config::Store::Redis { address, ca_file, key_file } => {
            let keys = KeyRing::read(key_file)?;
            let authorities = ca_file.as_deref().map(files::read).transpose();
            let authorities = authorities.map_err(|e| StoreStartError::Authorities(io::Error::other(e)))?;
            if let Some(file) = &authorities {
                pem::certificates(file).map_err(|e| StoreStartError::Authorities(io::Error::other(e)))?;
            }
            // Readable, for the operator who grants rights by pattern.
            let prefix = format!("imsgate:{}:", origin.split_once("://").map_or(origin, |(_, host)| host));
            let redis = Redis::start(address, authorities, prefix, clock.clone(), &Handle::current())?;
            let store = Arc::new(SealedStore::new(redis, &keys, clock.clone()));
            Ok(Opened { store, cached: READY, keys })
        }
    }
}

/// Sessions kept ready to use in front of a store: about 6 kB each.
const READY: u64 = 10_000;
