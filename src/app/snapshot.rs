//! From a configuration to what requests are served with, and the exchange of one for another.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{Gateway, StartError, sites};
use crate::auth::{InstanceStates, Services, Tasks};
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::KeyPurpose;
use crate::session::{self, Attempts, EndedSession, Lifetimes, SavedForms, Sessions};
use crate::telemetry::audit::AuditLog;
use crate::telemetry::{ForeignTokenUses, Metrics};
use crate::web::{RateLimiter, SignInLimiter, Site, Snapshot, WorkerView};
use crate::wire::fields::header_text;

impl Gateway {
    /// Serves the next requests as `config` says. Requests in progress finish with the configuration that they began with. Sessions,
    /// sockets, counters, and the connections to IMS and Campaign stay.
    ///
    /// Only a restart changes listeners, TLS, the session store, session lifetimes, the way to IMS and Campaign, and background work.
    pub fn apply(&self, config: &Config) {
        let previous = self.views.first().map(|view| view.load().snapshot.clone());
        let services = &self.services;
        let Some(sites) = previous.as_deref().and_then(|previous| self.same_sites(config, previous)) else {
            tracing::warn!("the new configuration has other instances: restart to use it");
            return;
        };
        self.authenticators.replace(sites.iter().filter_map(|site| site.auth.clone()).collect());
        let snapshot = Arc::new(snapshot(config, sites, services, previous.as_deref()));
        for (view, counters) in self.views.iter().zip(services.metrics.workers()) {
            let proxies = view.load().proxies.clone();
            view.store(Arc::new(WorkerView::new(snapshot.clone(), proxies, counters)));
        }
        services.metrics.reload_succeeded(services.clock.now());
    }

    /// The sites of `previous` as this configuration wants them, in the same order. `None` when it names other instances.
    fn same_sites(&self, config: &Config, previous: &Snapshot) -> Option<Vec<Arc<Site>>> {
        let known = config.instances.len() + config.public_instances.len();
        let sites = previous.sites.iter().map(|old| {
            let Some(auth) = &old.auth else {
                let instance = config.public_instances.iter().find(|instance| *instance.name == *old.name)?;
                return Some(Arc::new(sites::public_site(config, instance)));
            };
            let instance = config.instances.iter().find(|instance| *instance.name == *old.name)?;
            let (ims, campaign) = (auth.ims.clone(), auth.campaign.clone());
            let auth = sites::authenticator(config, instance, ims, campaign, &self.services).ok()?;
            Some(Arc::new(sites::site(config, Arc::new(auth))))
        });
        sites.collect::<Option<Vec<_>>>().filter(|sites| sites.len() == known)
    }
}

/// Opens the session store.
pub(super) fn services(
    config: &Config,
    clock: &Clock,
    ended: mpsc::Sender<EndedSession>,
    metrics: &Arc<Metrics>,
) -> Result<Services, StartError> {
    let lifetimes =
        Lifetimes { idle: config.session.idle_timeout, absolute: config.session.absolute_timeout };
    // The first instance names the gateway in a store that several share.
    let origins = config.instances.iter().map(|instance| instance.ims.origin());
    let origin = origins.chain(config.public_instances.iter().map(|instance| instance.origin())).next();
    let origin = origin.unwrap_or_default();
    let opened = session::open(&config.session.store, &origin, lifetimes, clock, metrics.store())?;
    let saved_forms = SavedForms::new(opened.vault.clone(), config.session.login_timeout, clock.clone());
    Ok(Services {
        saved_forms,
        sessions: Sessions::new(opened.vault, opened.cached, lifetimes, clock.clone()).reporting(ended),
        sealer: opened.keys.sealer(KeyPurpose::LoginCookie),
        attempts: Attempts::default(),
        audit: AuditLog::default(),
        foreign_tokens: ForeignTokenUses::default(),
        instances: InstanceStates::default(),
        tasks: Tasks::new(Handle::current()),
        metrics: metrics.clone(),
        clock: clock.clone(),
    })
}

/// All that the configuration decides for requests. What outlives configurations is taken from the `previous` one.
pub(super) fn snapshot(
    config: &Config,
    sites: Vec<Arc<Site>>,
    services: &Arc<Services>,
    previous: Option<&Snapshot>,
) -> Snapshot {
    let requests = config.limits.requests();
    let sign_ins = config.limits.sign_ins();
    // A limit that has not changed keeps its counts.
    let same_requests = previous.filter(|previous| previous.limits.requests() == requests);
    let same_sign_ins = previous.filter(|previous| previous.limits.sign_ins() == sign_ins);
    Snapshot {
        sites,
        services: services.clone(),
        limits: config.limits,
        hsts: config.listen.hsts.map(hsts),
        rate: same_requests
            .map_or_else(|| requests.map(|rate| Arc::new(RateLimiter::new(rate))), |same| same.rate.clone()),
        sign_ins: same_sign_ins.map_or_else(
            || sign_ins.map(|rate| Arc::new(SignInLimiter::new(rate))),
            |same| same.sign_ins.clone(),
        ),
        stopping: previous.map_or_else(Arc::default, |previous| previous.stopping.clone()),
    }
}

/// RFC 6797 §6.1, for this host alone: nothing is known about other hosts of its domain.
fn hsts(lasts: Duration) -> HeaderValue {
    header_text(&format!("max-age={}", lasts.as_secs()))
}
