//! The only place that builds everything and joins it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ServerConfig;
use rustls_pki_types::ServerName;
use tokio::task::JoinSet;

use crate::campaign::Campaign;
use crate::clock::Clock;
use crate::config::{self, Config, UpstreamAddress};
use crate::crypto::Purpose;
use crate::http_client::{self, Dialer, Endpoint, HttpClient, Target};
use crate::ims::Ims;
use crate::proxy::{Fleet, Proxy};
use crate::server::{self, Bound, Redirect, TlsError, Worker, Workers};
use crate::session::{self, Lifetimes, Sessions, Signer, StoreStartError};
use crate::telemetry::AccessLog;
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
        let campaign = &config.instance.campaign;
        let endpoints = endpoints(campaign)?;
        let shared = Arc::new(shared(config, endpoints.clone(), clock)?);
        let weights = campaign.upstreams.iter().map(|upstream| upstream.weight);
        let fleet = Arc::new(Fleet::new(endpoints.into_iter().zip(weights).collect(), campaign));
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
        control.spawn(rotate(shared.clone()));
        fleet.watch(&mut control);
        let sessions = shared.sessions.clone();
        control.spawn(async move { sessions.keep().await });
        let https = bound.iter().map(|bound| bound.address).collect();
        let workers = Workers::start(workers(config, &shared, &fleet, &tls, bound)?)?;
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

fn shared(config: &Config, campaign: Vec<Endpoint>, clock: Clock) -> Result<Shared, StartError> {
    let instance = config.instance.clone();
    let ims_connector = http_client::connector(instance.ims.ca_file.as_deref(), instance.ims.timeout)?;
    let ims_http = HttpClient::new(ims_connector, instance.ims.timeout);
    let lifetimes =
        Lifetimes { idle: config.session.idle_timeout, absolute: config.session.absolute_timeout };
    let origin = instance.ims.origin();
    let opened = session::open(&config.session.store, &origin, lifetimes, &clock)?;
    Ok(Shared {
        ims: Ims::new(instance.clone(), ims_http, clock.clone()),
        campaign: Campaign::new(campaign, SOAP_DEADLINE),
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
    fleet: &Arc<Fleet>,
    tls: &Arc<ServerConfig>,
    bound: Vec<Bound>,
) -> io::Result<Vec<Worker>> {
    let mut workers = Vec::new();
    for _ in 0..config.listen.workers {
        let proxy = Proxy::new(fleet);
        workers.push(Worker {
            sockets: Vec::new(),
            tls: tls.clone(),
            gate: Gate::new(shared.clone(), proxy, AccessLog::new(&config.log)?),
            trusted_proxies: config.listen.trusted_proxies.clone(),
            drain: config.listen.drain_timeout,
        });
    }
    for bound in bound {
        for (worker, socket) in workers.iter_mut().zip(bound.sockets) {
            worker.sockets.push(socket);
        }
    }
    Ok(workers)
}

/// The way to each Campaign server.
///
/// # Errors
/// When a file with certificates or a key cannot be used; the message names it.
pub fn endpoints(campaign: &config::Campaign) -> io::Result<Vec<Endpoint>> {
    let identity = campaign.client_identity.as_ref();
    let identity = identity.map(|identity| (identity.certificate.as_path(), identity.key.as_path()));
    let tls = Arc::new(http_client::tls_config(campaign.ca_file.as_deref(), identity)?);
    let endpoint = |upstream: &config::Upstream| {
        let (target, host, is_https) = match &upstream.address {
            UpstreamAddress::Url(url) => {
                let host = url.host_str().unwrap_or_default();
                let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let authority = url.authority();
                let target = Target::Tcp(name, url.port_or_known_default().unwrap_or(80));
                (target, authority, url.scheme() == "https")
            }
            UpstreamAddress::Unix(path) => (Target::Unix(path.clone()), "localhost", false),
        };
        let mut dialer = Dialer::new(target.clone(), campaign.connect_timeout);
        if let (true, Target::Tcp(name, _)) = (is_https, target) {
            let name = campaign.tls_server_name.clone().unwrap_or(name);
            dialer = dialer.with_tls(tls.clone(), ServerName::try_from(name).map_err(io::Error::other)?);
        }
        let host = HeaderValue::from_str(host).map_err(io::Error::other)?;
        Ok(Endpoint::new(&upstream.to_string(), host, dialer))
    };
    campaign.upstreams.iter().map(endpoint).collect()
}

/// Loads what logins need before the first person comes, keeps trying while IMS is away, and keeps it fresh.
async fn prepare(shared: Arc<Shared>) {
    let mut pause = Duration::from_secs(1);
    while let Err(error) = shared.ims.prepare().await {
        tracing::warn!(%error, "IMS is not ready; trying again in {pause:?}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
    tracing::info!("IMS metadata and keys loaded");
    loop {
        tokio::time::sleep(REFRESH).await;
        if let Err(error) = shared.ims.refresh().await {
            tracing::warn!(%error, "IMS metadata and keys not refreshed; the known ones stay in use");
        }
    }
}

/// Changes the key of the assertions.
async fn rotate(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(ROTATION).await;
        match shared.signer.rotate() {
            Ok(()) => tracing::info!("assertions are signed with the next key"),
            Err(error) => tracing::warn!(%error, "the key of the assertions stays"),
        }
    }
}

/// How long a key signs assertions.
const ROTATION: Duration = Duration::from_hours(24);
/// How long a key that IMS withdrew, or an address that it moved, may stay in use.
const REFRESH: Duration = Duration::from_hours(1);
/// Logons are short; Campaign may be slow to start a session.
const SOAP_DEADLINE: Duration = Duration::from_secs(30);
