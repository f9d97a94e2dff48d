//! Builds everything and joins it: the only place that knows all modules.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

mod background;
mod brand;
mod certificate_dates;
mod changes;
mod file_watch;
mod handler;
mod reload;
mod replace;
mod servers;
mod sites;
mod snapshot;
mod technical;

pub(crate) use background::{acme_domains, prepare_certificate};
use certificate_dates::certificate_ends;
pub(crate) use reload::Reloader;
pub(crate) use servers::endpoints;
use sites::BuiltSite;
pub(crate) use technical::{TechnicalCaller, Unavailable};

use self::background::CertificateKeeper;
use self::changes::Changes;
use crate::admin::{self, Admin, AdminToken, PageOperators, ReloadRequest, SharedToken, SharedUpstreams};
use crate::auth::{self, Authenticators, Services};
use crate::clock::Clock;
use crate::config::{self, Config, ListenAddress};
use crate::http_client;
use crate::proxy::Proxy;
use crate::server::{
    self, Admission, Bound, Inherited, Pulse, Redirect, SharedSettings, SocketFile, TlsError, Worker, Workers,
};
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
    /// The folder of `listen.acme`.
    #[error("listen.acme: {0}")]
    Acme(#[from] crate::acme::AcmeError),
    /// The assertion's key.
    #[error(transparent)]
    Key(#[from] crate::session::KeyError),
    /// The session store.
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
    /// Where it listens for HTTPS, as text for log lines.
    pub names: Vec<String>,
    /// Socket files, removed at the stop.
    files: Vec<SocketFile>,
    services: Arc<Services>,
    authenticators: Arc<Authenticators>,
    stopping: Arc<Stopping>,
    clock: Clock,
    metrics: Arc<Metrics>,
    certificate: CertificateKeeper,
    /// The instances that are served, with their background work.
    sites: Mutex<Vec<BuiltSite>>,
    /// The Campaign servers of each instance, for the admin listener.
    upstreams: SharedUpstreams,
    admin_token: SharedToken,
    /// Requests of operators, until a [`Reloader`] takes them.
    reloads: Option<mpsc::Receiver<ReloadRequest>>,
    /// What the next request of each worker is served with.
    views: Vec<SharedView>,
    /// What the next connection is served with.
    settings: SharedSettings,
    workers: Workers,
    control: JoinSet<()>,
    /// The cleanup of ended sessions: the signal to finish, and the task.
    cleanup: (CancellationToken, JoinHandle<()>),
}

impl Gateway {
    /// Starts everything; must be called on the control runtime, which lives as long as the gateway.
    pub async fn start(config: &Config, tls: Arc<ServerConfig>, clock: Clock) -> Result<Self, StartError> {
        let (ended, to_clean_up) = mpsc::channel(auth::QUEUE);
        let metrics = Arc::new(Metrics::new(config.listen.workers));
        metrics.started(clock.now(), &config.limits);
        metrics.set_certificates(certificate_ends(
            config.listen.certificate_files().map(|(certificate, _)| certificate),
        ));
        let services = Arc::new(snapshot::services(config, &clock, ended, &metrics)?);
        let sites = sites::build(config, &clock, &services, &[], &Changes::default())?;
        let all = sites.iter().filter_map(|built| built.site.auth.clone()).collect();
        let authenticators = Arc::new(Authenticators::new(all));
        let served = sites.iter().map(|built| built.site.clone()).collect();
        let snapshot = Arc::new(snapshot::snapshot(config, served, &services, None));
        let mut bound = listen(config)?;
        let settings = Arc::new(ArcSwap::from_pointee(snapshot::settings(config, tls)));
        let mut control = JoinSet::new();
        let mut http_redirect = Vec::new();
        for address in &config.listen.http_redirect {
            let listener = Redirect::bind(*address)?;
            http_redirect.push(listener.local_addr()?);
            let redirect = Redirect { settings: settings.clone() };
            control.spawn(redirect.serve(listener));
        }
        let upstreams = sites.iter().map(BuiltSite::named_upstreams).collect();
        let upstreams = Arc::new(ArcSwap::from_pointee(upstreams));
        let (asked, reloads) = mpsc::channel(RELOAD_QUEUE);
        let admin_token = SharedToken::new(AdminToken::of(&config.listen).into());
        let mut admin = None;
        if let Some(address) = config.listen.admin {
            let listener = admin::bind(address).await?;
            admin = Some(listener.local_addr()?);
            let shown = Admin {
                metrics: metrics.clone(),
                services: services.clone(),
                authenticators: authenticators.clone(),
                stopping: snapshot.stopping.clone(),
                switches: snapshot.switches.clone(),
                reloads: asked,
                upstreams: upstreams.clone(),
                token: admin_token.clone(),
                rates: Arc::default(),
                store: config.session.store.name(),
                operators: PageOperators::default(),
            };
            control.spawn(background::sample(shown.rates.clone(), metrics.clone(), clock.clone()));
            control.spawn(admin::serve(listener, admin::router(Arc::new(shown))));
        }
        control.spawn(background::end_switches(
            snapshot.switches.clone(),
            authenticators.clone(),
            services.clone(),
        ));
        control.spawn(background::rotate(authenticators.clone()));
        control.spawn(auth::keep_checking(authenticators.clone(), config.session.recheck_groups));
        control.spawn(auth::keep_service_accounts(authenticators.clone()));
        let sessions = services.sessions.clone();
        control.spawn(async move { sessions.maintain().await });
        let https = bound.iter().filter_map(|bound| bound.address).collect();
        let names = bound.iter().map(|bound| bound.name.clone()).collect();
        let files = bound.iter_mut().filter_map(|bound| bound.file.take()).collect();
        let (workers, views) = workers(config, &snapshot, &clock, &sites, &settings, bound, &metrics)?;
        let workers = Workers::start(workers)?;
        let certificate = CertificateKeeper::default();
        certificate.follow(config, &clock);
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
            clock,
            metrics,
            certificate,
            sites: Mutex::new(sites),
            upstreams,
            admin_token,
            reloads: Some(reloads),
            views,
            settings,
            workers,
            control,
            cleanup,
        })
    }

    /// True once logins can begin at every instance.
    pub fn is_ready(&self) -> bool {
        self.authenticators.all().iter().all(|auth| auth.ims.is_ready())
    }

    /// Asks whether the workers respond; `None` the second time.
    pub fn take_pulse(&mut self) -> Option<Pulse> {
        self.workers.take_pulse()
    }

    /// Makes the readiness check answer 503. Requests are served as before.
    pub fn retire(&self) {
        self.stopping.begin();
    }

    /// Stops listening, finishes requests in progress, then stops.
    pub async fn stop(mut self) {
        self.retire();
        // First, so that the next process can bind the path while this one drains.
        self.files.clear();
        let workers = self.workers;
        // Joining threads blocks, and the control runtime still has work to finish.
        let _ = tokio::task::spawn_blocking(move || workers.stop()).await;
        self.services.end_service_accounts();
        // Before the cleanup: a refresh that fails for good ends a session.
        self.services.tasks.settle().await;
        let (closing, cleanup) = self.cleanup;
        closing.cancel();
        if tokio::time::timeout(LAST_CLEANUP, cleanup).await.is_err() {
            tracing::warn!(
                "stopped before every ended session was logged off at Campaign and revoked at IMS; those sessions and tokens expire by themselves. See whether Campaign and IMS answer: earlier lines name the calls that failed"
            );
        }
        // Last: requests being finished may still need keys, and probes their answers.
        self.control.shutdown().await;
    }
}

/// Binds every address of `listen.https`.
fn listen(config: &Config) -> io::Result<Vec<Bound>> {
    let (listen, download) = (&config.listen, config.limits.download_timeout);
    let activated = listen.https.iter().any(|address| matches!(address, ListenAddress::Systemd(_)));
    let mut inherited = if activated { Inherited::from_env()? } else { Inherited::default() };
    let mut bound = Vec::new();
    for address in &listen.https {
        match address {
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
    settings: &SharedSettings,
    bound: Vec<Bound>,
    metrics: &Metrics,
) -> io::Result<(Vec<Worker<Gate>>, Vec<SharedView>)> {
    let (mut workers, mut views) = (Vec::new(), Vec::new());
    let admission = Arc::new(Admission::new());
    for counters in metrics.workers() {
        let proxy =
            |built: &BuiltSite| Arc::new(Proxy::new(&built.upstreams, &built.urls, &config.limits, counters));
        let view = WorkerView::new(snapshot.clone(), sites.iter().map(proxy).collect(), counters);
        let view = Arc::new(ArcSwap::from_pointee(view));
        views.push(view.clone());
        workers.push(Worker {
            sockets: Vec::new(),
            settings: settings.clone(),
            handler: Gate::new(view, clock.clone(), AccessLog::new(&config.log)?, counters.clone()),
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

/// Opens connections to IMS.
///
/// # Errors
/// When the file with certificates cannot be used; the message names it.
pub(crate) fn ims_connector(ims: &config::Ims) -> io::Result<http_client::Connector> {
    http_client::connector(ims.ca_file.as_deref(), ims.timeout, ims.proxy.as_ref())
}

/// Requests of operators in the queue; further ones wait.
const RELOAD_QUEUE: usize = 4;
/// Time for the cleanup of ended sessions when the gateway stops.
const LAST_CLEANUP: Duration = Duration::from_secs(5);
/// Logons are short; Campaign may be slow to start a session.
const SOAP_DEADLINE: Duration = Duration::from_secs(30);
