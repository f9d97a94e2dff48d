//! The only place that builds everything and joins it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

mod brand;
mod certificate_dates;
mod handler;
mod sites;
mod snapshot;
mod technical;

use certificate_dates::certificate_ends;
use sites::BuiltSite;
pub use sites::endpoints;
pub(crate) use technical::{TechnicalCaller, Unavailable};

use crate::admin::{self, Admin};
use crate::auth::{self, Authenticator, Authenticators, Services};
use crate::clock::Clock;
use crate::config::{self, Config, ListenAddress};
use crate::http_client;
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
    services: Arc<Services>,
    authenticators: Arc<Authenticators>,
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
        let (ended, to_clean_up) = mpsc::channel(auth::QUEUE);
        let metrics = Arc::new(Metrics::new(config.listen.workers));
        metrics.started(clock.now(), &config.limits);
        metrics.set_certificates(certificate_ends([config.listen.certificate.as_path()]));
        let services = Arc::new(snapshot::services(config, &clock, ended, &metrics)?);
        let sites = sites::build(config, &clock, &services)?;
        let all = sites.iter().filter_map(|built| built.site.auth.clone()).collect();
        let authenticators = Arc::new(Authenticators::new(all));
        let served = sites.iter().map(|built| built.site.clone()).collect();
        let snapshot = Arc::new(snapshot::snapshot(config, served, &services, None));
        let mut bound = listen(config)?;
        let mut control = JoinSet::new();
        let mut http_redirect = Vec::new();
        for address in &config.listen.http_redirect {
            let listener = Redirect::bind(*address)?;
            http_redirect.push(listener.local_addr()?);
            let redirect = Redirect {
                targets: redirect_targets(config),
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
                services: services.clone(),
                authenticators: authenticators.clone(),
                stopping: snapshot.stopping.clone(),
                upstreams: sites.iter().map(upstreams_of).collect(),
            };
            control.spawn(admin::serve(listener, admin::router(Arc::new(shown))));
        }
        for auth in authenticators.all().iter() {
            control.spawn(prepare(auth.clone()));
            control.spawn(technical::keep_campaign_groups(auth.clone(), clock.clone()));
        }
        control.spawn(rotate(authenticators.clone()));
        control.spawn(auth::keep_checking(authenticators.clone(), config.session.recheck_groups));
        control.spawn(auth::keep_service_accounts(authenticators.clone()));
        for built in &sites {
            built.upstreams.watch(&mut control);
        }
        let sessions = services.sessions.clone();
        control.spawn(async move { sessions.maintain().await });
        let https = bound.iter().filter_map(|bound| bound.address).collect();
        let names = bound.iter().map(|bound| bound.name.clone()).collect();
        let files = bound.iter_mut().filter_map(|bound| bound.file.take()).collect();
        let (workers, views) = workers(config, &snapshot, &clock, &sites, &tls, bound, &metrics)?;
        let workers = Workers::start(workers)?;
        let closing = CancellationToken::new();
        let cleanup = tokio::spawn(auth::run_cleanup(
            services.clone(),
            authenticators.clone(),
            to_clean_up,
            closing.clone(),
        ));
        let cleanup = (closing, cleanup);
        let stopping = snapshot.stopping.clone();
        Ok(Self {
            https,
            http_redirect,
            admin,
            names,
            files,
            services,
            authenticators,
            stopping,
            views,
            workers,
            control,
            cleanup,
        })
    }

    /// True once logins can begin at every instance.
    pub fn is_ready(&self) -> bool {
        self.authenticators.all().iter().all(|auth| auth.ims.is_ready())
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
        self.services.end_service_accounts();
        // Before the cleanup: a refresh that fails for good ends a session.
        self.services.tasks.settle().await;
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
    sites: &[BuiltSite],
    tls: &Arc<ServerConfig>,
    bound: Vec<Bound>,
    metrics: &Metrics,
) -> io::Result<(Vec<Worker<Gate>>, Vec<SharedView>)> {
    let (mut workers, mut views) = (Vec::new(), Vec::new());
    let admission = Arc::new(Admission::new(&config.limits));
    let mut limits = config.limits;
    limits.buffer_bytes /= u64::try_from(config.listen.workers.max(1)).unwrap_or(1);
    for counters in metrics.workers() {
        let proxy =
            |built: &BuiltSite| Arc::new(Proxy::new(&built.upstreams, &built.urls, &config.limits, counters));
        let view = WorkerView::new(snapshot.clone(), sites.iter().map(proxy).collect(), counters);
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

/// The name of an instance and its Campaign servers.
fn upstreams_of(built: &BuiltSite) -> (Arc<str>, Arc<Upstreams>) {
    (built.site.name.clone(), built.upstreams.clone())
}

/// Where plain HTTP is redirected to, host by host. People sign in only at the callback server.
fn redirect_targets(config: &Config) -> Vec<(String, String)> {
    let at_callback = config.instances.iter().flat_map(|instance| {
        instance.hosts().map(|host| (host.to_owned(), instance.ims.origin())).collect::<Vec<_>>()
    });
    let of_public = config.public_instances.iter().flat_map(|instance| &instance.campaign.hosts);
    at_callback.chain(of_public.map(|host| (host.clone(), format!("https://{host}")))).collect()
}

/// Changes the keys of the assertions.
async fn rotate(authenticators: Arc<Authenticators>) {
    loop {
        tokio::time::sleep(ROTATION).await;
        for auth in authenticators.all().iter() {
            match auth.state.signer.rotate() {
                Ok(()) => tracing::info!("assertions are signed with the next key"),
                Err(error) => tracing::warn!(%error, "the key of the assertions stays"),
            }
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
