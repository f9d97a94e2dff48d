//! The only place that builds everything and joins it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use rustls::ServerConfig;
use rustls_pki_types::ServerName;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

mod brand;
mod certificate_dates;
mod handler;
mod snapshot;
mod technical;

use certificate_dates::certificate_ends;
pub(crate) use technical::{TechnicalCaller, Unavailable};

use crate::admin::{self, Admin};
use crate::auth::{self, Authenticator};
use crate::campaign::{CampaignClient, ChooseServer};
use crate::clock::Clock;
use crate::config::{self, Config, ListenAddress, UpstreamAddress};
use crate::http_client::{self, Dialer, Endpoint, Target};
use crate::policy::response_urls::ResponseUrls;
use crate::proxy::{Proxy, Upstreams};
use crate::server::{self, Admission, Bound, Inherited, Redirect, SocketFile, TlsError, Worker, Workers};
use crate::session::StoreStartError;
use crate::telemetry::{AccessLog, Metrics};
use crate::web::{Gate, Snapshot, Stopping, WorkerView};

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

/// What the next request of one worker is served with; shared with its gate.
type SharedView = Arc<ArcSwap<WorkerView>>;

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Where it listens for HTTPS, with real ports.
    pub https: Vec<SocketAddr>,
    /// Where it redirects plain HTTP, with real ports.
    pub http_redirect: Vec<SocketAddr>,
    /// The admin listener, with its real port.
    pub admin: Option<SocketAddr>,
    /// Where it listens for HTTPS, for people.
    pub names: Vec<String>,
    /// Removed at the end.
    files: Vec<SocketFile>,
    auth: Arc<Authenticator>,
    stopping: Arc<Stopping>,
    /// What the next request of each worker is served with.
    views: Vec<SharedView>,
    workers: Workers,
    control: JoinSet<()>,
    /// Tells the cleanup of ended sessions to finish, and when it has.
    cleanup: (CancellationToken, JoinHandle<()>),
}

impl Gateway {
    /// Starts everything; must be called on the control runtime, which lives as long as the gateway.
    pub async fn start(config: &Config, tls: Arc<ServerConfig>, clock: Clock) -> Result<Self, StartError> {
        let campaign = &config.instance.campaign;
        let endpoints = with_public_host(endpoints(campaign)?, &config.instance)?;
        let (ended, to_clean_up) = mpsc::channel(auth::QUEUE);
        let metrics = Arc::new(Metrics::new(config.listen.workers));
        metrics.started(clock.now(), &config.limits);
        metrics.set_certificates(certificate_ends([config.listen.certificate.as_path()]));
        let services = Arc::new(snapshot::services(config, &clock, ended, &metrics)?);
        let ims = Arc::new(snapshot::ims_client(config, &clock, &metrics)?);
        let weights = campaign.upstreams.iter().map(|upstream| upstream.weight);
        let upstreams = Arc::new(Upstreams::new(endpoints.iter().cloned().zip(weights).collect(), campaign));
        let soap = Arc::new(campaign_client(config, endpoints, &upstreams, &metrics));
        let auth = Arc::new(snapshot::authenticator(config, ims, soap, services));
        let snapshot = Arc::new(snapshot::snapshot(config, &auth, None));
        let mut bound = listen(config)?;
        let mut control = JoinSet::new();
        let mut http_redirect = Vec::new();
        for address in &config.listen.http_redirect {
            let listener = Redirect::bind(*address)?;
            http_redirect.push(listener.local_addr()?);
            let redirect = Redirect {
                origin: auth.origin.clone(),
                proxy_protocol: config.listen.proxy_protocol,
                trusted_proxies: config.listen.trusted_proxies.clone(),
            };
            control.spawn(redirect.serve(listener));
        }
        let mut admin = None;
        if let Some(address) = config.listen.admin {
            let listener = admin::bind(address).await?;
            admin = Some(listener.local_addr()?);
            let shown = Admin {
                metrics: metrics.clone(),
                auth: auth.clone(),
                stopping: snapshot.stopping.clone(),
                upstreams: upstreams.clone(),
            };
            control.spawn(admin::serve(listener, admin::router(Arc::new(shown))));
        }
        control.spawn(prepare(auth.clone()));
        control.spawn(rotate(auth.clone()));
        control.spawn(auth::keep_checking(auth.clone(), config.session.recheck_groups));
        control.spawn(auth::keep_service_accounts(auth.clone()));
        let services = auth.services.clone();
        control.spawn(technical::keep_campaign_groups(config.clone(), clock.clone(), services));
        upstreams.watch(&mut control);
        let sessions = auth.services.sessions.clone();
        control.spawn(async move { sessions.maintain().await });
        let https = bound.iter().filter_map(|bound| bound.address).collect();
        let names = bound.iter().map(|bound| bound.name.clone()).collect();
        let files = bound.iter_mut().filter_map(|bound| bound.file.take()).collect();
        let (workers, views) = workers(config, &snapshot, &clock, &upstreams, &tls, bound, &metrics)?;
        let workers = Workers::start(workers)?;
        let closing = CancellationToken::new();
        let cleanup = tokio::spawn(auth::run_cleanup(auth.clone(), to_clean_up, closing.clone()));
        let cleanup = (closing, cleanup);
        let stopping = snapshot.stopping.clone();
        Ok(Self {
            https,
            http_redirect,
            admin,
            names,
            files,
            auth,
            stopping,
            views,
            workers,
            control,
            cleanup,
        })
    }

    /// True once logins can begin.
    pub fn is_ready(&self) -> bool {
        self.auth.ims.is_ready()
    }

    /// Has readiness answer 503 from now on; requests are served as before.
    pub fn retire(&self) {
        self.stopping.begin();
    }

    /// Stops listening, drains, ends.
    pub async fn stop(mut self) {
        self.retire();
        // First, so that a successor can have the place while we drain.
        self.files.clear();
        let workers = self.workers;
        // Joining threads blocks; the control runtime has other work to finish meanwhile.
        let _ = tokio::task::spawn_blocking(move || workers.stop()).await;
        self.auth.services.service_accounts.end_all();
        // Before the cleanup: a refresh that fails for good ends a session.
        self.auth.services.tasks.settle().await;
        let (closing, cleanup) = self.cleanup;
        closing.cancel();
        if tokio::time::timeout(LAST_CLEANUP, cleanup).await.is_err() {
            tracing::warn!(
                "Campaign and IMS were not told about every ended session; what they keep expires by itself"
            );
        }
        // Last: requests being finished may still need keys, and probes their answers.
        self.control.shutdown().await;
    }
}

/// Every place that the configuration names.
fn listen(config: &Config) -> io::Result<Vec<Bound>> {
    let (listen, download) = (&config.listen, config.limits.download_timeout);
    let activated = listen.https.iter().any(|place| matches!(place, ListenAddress::Systemd(_)));
    let mut inherited = if activated { Inherited::from_env()? } else { Inherited::default() };
    let mut bound = Vec::new();
    for place in &listen.https {
        match place {
            ListenAddress::Tcp(address) => bound.push(server::bind(*address, listen.workers, download)?),
            ListenAddress::Unix(path) => {
                bound.push(server::bind_unix(path, listen.unix_mode, listen.workers)?);
            }
            ListenAddress::Systemd(name) => {
                for socket in inherited.take(name.as_deref())? {
                    bound.push(server::adopt(socket, listen.workers, download)?);
                }
            }
        }
    }
    Ok(bound)
}

fn workers(
    config: &Config,
    snapshot: &Arc<Snapshot>,
    clock: &Clock,
    upstreams: &Arc<Upstreams>,
    tls: &Arc<ServerConfig>,
    bound: Vec<Bound>,
    metrics: &Metrics,
) -> io::Result<(Vec<Worker<Gate>>, Vec<SharedView>)> {
    let (mut workers, mut views) = (Vec::new(), Vec::new());
    let admission = Arc::new(Admission::new(&config.limits));
    let mut limits = config.limits;
    limits.buffer_bytes /= u64::try_from(config.listen.workers.max(1)).unwrap_or(1);
    let urls = Arc::new(response_urls(&config.instance));
    for counters in metrics.workers() {
        let proxy = Arc::new(Proxy::new(upstreams, &urls, &config.limits, counters));
        let view = WorkerView::new(snapshot.clone(), Box::new([proxy]), counters);
        let view = Arc::new(ArcSwap::from_pointee(view));
        views.push(view.clone());
        workers.push(Worker {
            sockets: Vec::new(),
            tls: tls.clone(),
            handler: Gate::new(view, clock.clone(), AccessLog::new(&config.log)?, counters.clone()),
            trusted_proxies: config.listen.trusted_proxies.clone(),
            proxy_protocol: config.listen.proxy_protocol,
            limits,
            admission: admission.clone(),
            counters: counters.clone(),
            drain: config.listen.drain_timeout,
        });
    }
    for bound in bound {
        for (worker, socket) in workers.iter_mut().zip(bound.sockets) {
            worker.sockets.push(socket);
        }
    }
    Ok((workers, views))
}

/// The way to IMS.
///
/// # Errors
/// When the file with certificates cannot be used; the message names it.
pub fn ims_connector(ims: &config::Ims) -> io::Result<http_client::Connector> {
    http_client::connector(ims.ca_file.as_deref(), ims.timeout, ims.proxy.as_ref())
}

/// Which URLs of Campaign's responses are rewritten to the public origin.
fn response_urls(instance: &config::Instance) -> ResponseUrls {
    let campaign = &instance.campaign;
    let upstreams = campaign.upstreams.iter().filter_map(|upstream| match &upstream.address {
        UpstreamAddress::Url(url) => Some(url),
        UpstreamAddress::Unix(_) => None,
    });
    let public = instance.ims.callback_server.host_str().into_iter();
    let public = public.chain(campaign.hosts.iter().map(String::as_str));
    ResponseUrls::new(upstreams, public, campaign.rewrite_location)
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

/// The same servers for requests with the public host: Campaign chooses the instance by it.
fn with_public_host(endpoints: Vec<Endpoint>, instance: &config::Instance) -> io::Result<Vec<Endpoint>> {
    let host = HeaderValue::from_str(&public_host(instance)).map_err(io::Error::other)?;
    let with_host =
        |endpoint: Endpoint| Endpoint::new(endpoint.name(), host.clone(), endpoint.dialer().clone());
    Ok(endpoints.into_iter().map(with_host).collect())
}

/// Host and port of the callback server, as in a `Host` header.
fn public_host(instance: &config::Instance) -> String {
    let origin = instance.ims.origin();
    origin.split_once("://").map_or("", |(_, host)| host).to_owned()
}

/// Opens and ends Campaign sessions. A new one is opened at a server that `upstreams` chooses.
fn campaign_client(
    config: &Config,
    endpoints: Vec<Endpoint>,
    upstreams: &Arc<Upstreams>,
    metrics: &Metrics,
) -> CampaignClient {
    let client = CampaignClient::new(endpoints, SOAP_DEADLINE)
        .with_balance(Arc::new(Balance(upstreams.clone())))
        .with_metrics(metrics.instance(&config.instance.name));
    if config.instance.campaign.secure_header {
        client.with_secure_address(&public_host(&config.instance))
    } else {
        client
    }
}

/// Weights and health of the servers decide where a Campaign session is opened.
#[derive(Debug)]
struct Balance(Arc<Upstreams>);

impl ChooseServer for Balance {
    fn choose(&self, tried: u64) -> Option<usize> {
        self.0.choose_for_session(tried)
    }
}

/// Loads what logins need before the first person comes, keeps trying while IMS is away, and keeps it fresh.
async fn prepare(auth: Arc<Authenticator>) {
    let mut pause = Duration::from_secs(1);
    while let Err(error) = auth.ims.prepare().await {
        let wait = pause.max(error.retry_after().unwrap_or_default());
        tracing::warn!(%error, "IMS is not ready; trying again in {wait:?}");
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
    tracing::info!("IMS metadata and keys loaded");
    loop {
        tokio::time::sleep(REFRESH).await;
        if let Err(error) = auth.ims.reload().await {
            tracing::warn!(%error, "IMS metadata and keys not refreshed; the known ones stay in use");
        }
    }
}

/// Changes the key of the assertions.
async fn rotate(auth: Arc<Authenticator>) {
    loop {
        tokio::time::sleep(ROTATION).await;
        match auth.services.signer.rotate() {
            Ok(()) => tracing::info!("assertions are signed with the next key"),
            Err(error) => tracing::warn!(%error, "the key of the assertions stays"),
        }
    }
}

/// How long a key signs assertions.
const ROTATION: Duration = Duration::from_hours(24);
/// How long a key that IMS withdrew, or an address that it moved, may stay in use.
const REFRESH: Duration = Duration::from_hours(1);
/// For ended sessions that wait for their cleanup when the gateway stops.
const LAST_CLEANUP: Duration = Duration::from_secs(5);
/// Logons are short; Campaign may be slow to start a session.
const SOAP_DEADLINE: Duration = Duration::from_secs(30);
