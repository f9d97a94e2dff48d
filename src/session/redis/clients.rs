//! Opens connections with one set of certificate authorities: to one server, to the master that Sentinels name, or to a Cluster.

use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::PubSub;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    RedisResult, TlsCertificates, TlsMode,
};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;

use super::command::CommandConnection;
use crate::config::{RedisAccount, RedisAddress, RedisLayout};

/// How to connect, with the certificate authorities of one moment.
pub(super) enum RedisClients {
    Single(Client),
    Sentinel(Mutex<SentinelClient>),
    Cluster {
        client: ClusterClient,
        /// The nodes, for the channel: a message published at one node reaches the subscribers of all.
        nodes: Vec<Client>,
        next: AtomicUsize,
    },
}

impl RedisClients {
    pub(super) fn new(address: &RedisAddress, authorities: Option<Vec<u8>>) -> RedisResult<Self> {
        let certificates = authorities
            .filter(|_| address.tls)
            .map(|root_cert| TlsCertificates { client_tls: None, root_cert: Some(root_cert) });
        let client = |info: ConnectionInfo| match &certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        };
        let nodes = infos(address)?;
        match &address.layout {
            RedisLayout::Single => {
                let first =
                    nodes.into_iter().next().ok_or((redis::ErrorKind::InvalidClientConfig, "no host"))?;
                client(first).map(Self::Single)
            }
            RedisLayout::Sentinel { master } => {
                sentinel(address, master, certificates.clone()).map(Self::Sentinel)
            }
            RedisLayout::Cluster => {
                let mut builder = ClusterClientBuilder::new(nodes.clone())
                    .connection_timeout(CONNECT)
                    .response_timeout(RESPONSE)
                    .overall_response_timeout(Some(2 * RESPONSE))
                    .tcp_settings(tcp())
                    .retries(2)
                    .max_retry_wait(100)
                    .min_retry_wait(20);
                if address.tls {
                    builder = builder.tls(TlsMode::Secure);
                }
                if let Some(certificates) = &certificates {
                    builder = builder.certs(certificates.clone());
                }
                let nodes = nodes.into_iter().map(client).collect::<RedisResult<_>>()?;
                Ok(Self::Cluster { client: builder.build()?, nodes, next: AtomicUsize::new(0) })
            }
        }
    }

    /// Opens a connection for commands.
    pub(super) async fn connect(&self) -> RedisResult<CommandConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(RESPONSE));
        match self {
            Self::Single(client) => client
                .get_multiplexed_async_connection_with_config(&config)
                .await
                .map(CommandConnection::Node),
            Self::Sentinel(client) => client
                .lock()
                .await
                .get_async_connection_with_config(&config)
                .await
                .map(CommandConnection::Node),
            Self::Cluster { client, .. } => {
                client.get_async_connection().await.map(CommandConnection::Cluster)
            }
        }
    }

    /// Opens a connection for the channel.
    pub(super) async fn subscriber(&self) -> RedisResult<PubSub> {
        match self {
            Self::Single(client) => client.get_async_pubsub().await,
            Self::Sentinel(client) => {
                let master = client.lock().await.async_get_client().await?;
                master.get_async_pubsub().await
            }
            Self::Cluster { nodes, next, .. } => {
                let next = next.fetch_add(1, Ordering::Relaxed);
                nodes[next % nodes.len()].get_async_pubsub().await
            }
        }
    }
}

impl Debug for RedisClients {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single(_) => "Single",
            Self::Sentinel(_) => "Sentinel",
            Self::Cluster { .. } => "Cluster",
        })
    }
}

fn infos(address: &RedisAddress) -> RedisResult<Vec<ConnectionInfo>> {
    let mut redis = RedisConnectionInfo::default().set_db(address.database).set_skip_set_lib_name();
    if let Some(user) = &address.account.user {
        redis = redis.set_username(user);
    }
    if let Some(password) = &address.account.password {
        redis = redis.set_password(password.expose_secret());
    }
    let info = |address: ConnectionAddr| {
        let info = address.into_connection_info()?;
        Ok(info.set_redis_settings(redis.clone()).set_tcp_settings(tcp()))
    };
    addresses(address).map(info).collect()
}

fn addresses(address: &RedisAddress) -> impl Iterator<Item = ConnectionAddr> {
    address.nodes.iter().map(|(host, port)| {
        let (host, port) = (host.clone(), *port);
        if address.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    })
}

fn sentinel(
    address: &RedisAddress,
    master: &str,
    certificates: Option<TlsCertificates>,
) -> RedisResult<Mutex<SentinelClient>> {
    let mut builder = SentinelClientBuilder::new(addresses(address), master, SentinelServerType::Master)?
        .set_client_to_redis_db(address.database)
        .set_client_to_redis_tcp_settings(tcp())
        .set_client_to_sentinel_tcp_settings(tcp());
    let RedisAccount { user, password } = &address.account;
    if let Some(user) = user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = password {
        builder = builder.set_client_to_redis_password(password.expose_secret());
    }
    let RedisAccount { user, password } = &address.sentinel_account;
    if let Some(user) = user {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = password {
        builder = builder.set_client_to_sentinel_password(password.expose_secret());
    }
    if address.tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    builder.build().map(Mutex::new)
}

fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

/// Deadlines of one step. [`super::link::DEADLINE`] is for all steps of a command.
pub(super) const CONNECT: Duration = Duration::from_millis(400);
const RESPONSE: Duration = Duration::from_millis(400);
