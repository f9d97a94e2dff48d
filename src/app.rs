//! The only place that builds everything and joins it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::task::JoinSet;

use crate::campaign::Campaign;
use crate::clock::Clock;
use crate::config::{Config, Instance, SessionMode};
use crate::crypto::Purpose;
use crate::http_client::{self, Connector, HttpClient};
use crate::ims::Ims;
use crate::proxy::Proxy;
use crate::server::{self, Bound, Redirect, TlsError, Worker, Workers};
use crate::session::{self, Lifetimes, Sessions, Signer, StoreStartError};
use crate::web::{Gate, Shared, UsedStates};

/// The gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A socket, file or thread.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The assertion's key.
    #[error(transparent)]
    Key(#[from] crate::session::KeyError),
    /// Where sessions are kept.
    #[error(transparent)]
    Store(#[from] StoreStartError),
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Where it listens for HTTPS, with real ports.
    pub https: Vec<SocketAddr>,
    /// Where it redirects plain HTTP, with real ports.
    pub http_redirect: Vec<SocketAddr>,
    shared: Arc<Shared>,
    workers: Workers,
    control: JoinSet<()>,
}

impl Gateway {
    /// Starts everything; must be called on the control runtime, which lives as long as the gateway.
    pub async fn start(config: &Config, tls: Arc<ServerConfig>, clock: Clock) -> Result<Self, StartError> {
        let upstream = upstream_connector(&config.instance)?;
        let shared = Arc::new(shared(config, &upstream, clock)?);
        let mut bound = Vec::new();
        for address in &config.listen.https {
            bound.push(server::bind(*address, config.listen.workers)?);
        }
        let mut control = JoinSet::new();
        let mut http_redirect = Vec::new();
        for address in &config.listen.http_redirect {
            let listener = Redirect::bind(*address).await?;
            http_redirect.push(listener.local_addr()?);
            control.spawn(Redirect { origin: shared.origin.clone() }.serve(listener));
        }
        control.spawn(prepare(shared.clone()));
        let sessions = shared.sessions.clone();
        control.spawn(async move { sessions.keep().await });
        let https = bound.iter().map(|bound| bound.address).collect();
        let workers = Workers::start(workers(config, &shared, &upstream, &tls, bound))?;
        Ok(Self { https, http_redirect, shared, workers, control })
    }

    /// True once logins can begin.
    pub fn is_ready(&self) -> bool {
        self.shared.ims.is_ready()
    }

    /// Stops listening, drains, ends.
    pub async fn stop(mut self) {
        self.control.abort_all();
        let workers = self.workers;
        // Joining threads blocks; the control runtime has other work to finish meanwhile.
        let _ = tokio::task::spawn_blocking(move || workers.stop()).await;
    }
}

fn shared(config: &Config, upstream: &Connector, clock: Clock) -> Result<Shared, StartError> {
    let instance = config.instance.clone();
    let ims_connector = http_client::connector(instance.ims.ca_file.as_deref(), instance.ims.timeout)?;
    let ims_http = HttpClient::new(ims_connector, instance.ims.timeout);
    let soap_http = HttpClient::new(upstream.clone(), SOAP_DEADLINE);
    let lifetimes =
        Lifetimes { idle: config.session.idle_timeout, absolute: config.session.absolute_timeout };
    let origin = instance.ims.origin();
    let opened = session::open(&config.session.store, &origin, lifetimes, &clock)?;
    Ok(Shared {
        ims: Ims::new(instance.clone(), ims_http, clock.clone()),
        campaign: Campaign::new(soap_http, instance.campaign.upstreams.clone()),
        sessions: Sessions::new(opened.store, opened.cached, lifetimes, clock.clone()),
        signer: Signer::new(origin.clone())?,
        sealer: opened.keys.sealer(Purpose::LoginCookie),
        used_states: UsedStates::new(config.session.login_timeout),
        clock,
        login_timeout: config.session.login_timeout,
        origin,
        instance,
    })
}

fn workers(
    config: &Config,
    shared: &Arc<Shared>,
    upstream: &Connector,
    tls: &Arc<ServerConfig>,
    bound: Vec<Bound>,
) -> Vec<Worker> {
    let campaign = &shared.instance.campaign;
    let holds_session = campaign.session == SessionMode::BearerLogon;
    let mut workers: Vec<Worker> = (0..config.listen.workers)
        .map(|_| {
            let proxy = Proxy::new(&campaign.upstreams, upstream, campaign.response_timeout, holds_session);
            Worker {
                sockets: Vec::new(),
                tls: tls.clone(),
                gate: Gate::new(shared.clone(), proxy),
                trusted_proxies: config.listen.trusted_proxies.clone(),
                drain: config.listen.drain_timeout,
            }
        })
        .collect();
    for bound in bound {
        for (worker, socket) in workers.iter_mut().zip(bound.sockets) {
            worker.sockets.push(socket);
        }
    }
    workers
}

fn upstream_connector(instance: &Instance) -> io::Result<Connector> {
    http_client::connector(instance.campaign.ca_file.as_deref(), instance.campaign.connect_timeout)
}

/// Loads what logins need before the first person comes, and keeps trying while IMS is away.
async fn prepare(shared: Arc<Shared>) {
    let mut pause = Duration::from_secs(1);
    while let Err(error) = shared.ims.prepare().await {
        tracing::warn!(%error, "IMS is not ready; trying again in {pause:?}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
    tracing::info!("IMS metadata and keys loaded");
}

/// Logons are short; Campaign may be slow to start a session.
const SOAP_DEADLINE: Duration = Duration::from_secs(30);
