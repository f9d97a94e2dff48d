//! Opens connections. The file of certificate authorities is read again for each, so a new authority needs no restart.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use redis::RedisResult;
use redis::aio::PubSub;

use super::clients::RedisClients;
use super::command::CommandConnection;
use crate::config::RedisAddress;
use crate::files;
use crate::wire::pem;

/// How to connect.
#[derive(Debug)]
pub(super) struct RedisDial {
    address: RedisAddress,
    ca_file: Option<PathBuf>,
    current: Mutex<CurrentClients>,
}

#[derive(Debug)]
struct CurrentClients {
    /// The last content of the file, usable or not.
    read: Vec<u8>,
    clients: Arc<RedisClients>,
}

impl RedisDial {
    /// `ca_file` names PEM certificates that are trusted instead of the public ones.
    pub(super) fn new(address: &RedisAddress, ca_file: Option<PathBuf>) -> RedisResult<Self> {
        let read = ca_file.as_deref().map(files::read).transpose();
        let read =
            read.map_err(|error| (redis::ErrorKind::InvalidClientConfig, "ca_file", error.to_string()))?;
        let clients = Arc::new(RedisClients::new(address, read.clone())?);
        let current = Mutex::new(CurrentClients { read: read.unwrap_or_default(), clients });
        Ok(Self { address: address.clone(), ca_file, current })
    }

    /// Opens a connection for commands.
    pub(super) async fn connect(&self) -> RedisResult<CommandConnection> {
        self.clients().connect().await
    }

    /// Opens a connection for the channel.
    pub(super) async fn subscriber(&self) -> RedisResult<PubSub> {
        self.clients().subscriber().await
    }

    /// True for a Cluster. Its connection handles its nodes itself.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(
            *self.current.lock().unwrap_or_else(PoisonError::into_inner).clients,
            RedisClients::Cluster { .. }
        )
    }

    /// The clients for the authorities that the file has now. If the file cannot be used, the last usable authorities stay in use.
    fn clients(&self) -> Arc<RedisClients> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.ca_file {
            // A file that is missing for a moment is being replaced.
            let read = files::read(file).unwrap_or_else(|_| current.read.clone());
            if read != current.read {
                let made = pem::certificates(&read).map_err(|error| error.to_string()).and_then(|_| {
                    RedisClients::new(&self.address, Some(read.clone())).map_err(|error| error.to_string())
                });
                current.read = read;
                match made {
                    Ok(clients) => {
                        tracing::info!(file = %file.display(), "Redis is verified with the new certificate authorities");
                        current.clients = Arc::new(clients);
                    }
                    Err(error) => tracing::error!(
                        file = %file.display(),
                        error,
                        "the new file of session.redis_ca_file cannot be used; the previous authorities stay in use"
                    ),
                }
            }
        }
        current.clients.clone()
    }
}
