//! From a configuration to what requests are served with, and the exchange of one for another.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::brand::brand;
use super::{Gateway, StartError, ims_connector};
use crate::auth::{Authenticator, Guesses, ServiceAccounts, Services, Tasks};
use crate::campaign::CampaignClient;
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::KeyPurpose;
use crate::http_client::HttpClient;
use crate::ims::ImsClient;
use crate::policy::cookies::CookieNames;
use crate::session::{self, Attempts, EndedSession, Lifetimes, SavedForms, Sessions, Signer};
use crate::telemetry::{ForeignTokenUses, Metrics};
use crate::web::{HostLines, RateLimiter, SignInLimiter, Site, Snapshot, WorkerView};
use crate::wire::fields::header_text;

impl Gateway {
    /// Serves the next requests as `config` says. Requests in progress finish with the configuration that they began with. Sessions,
    /// sockets, counters, and the connections to IMS and Campaign stay.
    ///
    /// Only a restart changes listeners, TLS, the session store, session lifetimes, the way to IMS and Campaign, and background work.
    pub fn apply(&self, config: &Config) {
        let (ims, campaign) = (self.auth.ims.clone(), self.auth.campaign.clone());
        let auth = Arc::new(authenticator(config, ims, campaign, self.auth.services.clone()));
        let previous = self.views.first().map(|view| view.load().snapshot.clone());
        let snapshot = Arc::new(snapshot(config, &auth, previous.as_deref()));
        let services = &self.auth.services;
        for (view, counters) in self.views.iter().zip(services.metrics.workers()) {
            let proxies = view.load().proxies.clone();
            view.store(Arc::new(WorkerView::new(snapshot.clone(), proxies, counters)));
        }
        services.metrics.reload_succeeded(services.clock.now());
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
    let origin = config.instance.ims.origin();
    let opened = session::open(&config.session.store, &origin, lifetimes, clock, metrics.store())?;
    let saved_forms = SavedForms::new(opened.vault.clone(), config.session.login_timeout, clock.clone());
    Ok(Services {
        saved_forms,
        sessions: Sessions::new(opened.vault, opened.cached, lifetimes, clock.clone()).reporting(ended),
        signer: Signer::new(origin)?,
        sealer: opened.keys.sealer(KeyPurpose::LoginCookie),
        attempts: Attempts::default(),
        guesses: Guesses::default(),
        foreign_tokens: ForeignTokenUses::default(),
        campaign_groups: ArcSwapOption::empty(),
        service_accounts: ServiceAccounts::default(),
        tasks: Tasks::new(Handle::current()),
        metrics: metrics.clone(),
        clock: clock.clone(),
    })
}

/// The relying party of the configured instance.
pub(super) fn ims_client(config: &Config, clock: &Clock, metrics: &Metrics) -> Result<ImsClient, StartError> {
    let ims = &config.instance.ims;
    let http = HttpClient::new(ims_connector(ims)?, ims.timeout);
    let metrics = metrics.instance(&config.instance.name);
    Ok(ImsClient::new(config.instance.clone(), http, clock.clone(), metrics))
}

/// What signs people in.
pub(super) fn authenticator(
    config: &Config,
    ims: Arc<ImsClient>,
    campaign: Arc<CampaignClient>,
    services: Arc<Services>,
) -> Authenticator {
    let instance = config.instance.clone();
    Authenticator {
        ims,
        campaign,
        cookies: CookieNames::new(config.session.cookie_suffix.as_ref()),
        max_per_user: config.session.max_per_user,
        login_timeout: config.session.login_timeout,
        absolute_timeout: config.session.absolute_timeout,
        origin: instance.ims.origin(),
        metrics: services.metrics.instance(&instance.name),
        services,
        instance,
    }
}

/// All that the configuration decides for requests. What outlives configurations is taken from the `previous` one.
pub(super) fn snapshot(config: &Config, auth: &Arc<Authenticator>, previous: Option<&Snapshot>) -> Snapshot {
    let host = auth.origin.split_once("://").map_or("", |(_, host)| host);
    let site = Site {
        instance: config.instance.clone(),
        auth: auth.clone(),
        host: HostLines::new(header_text(host)),
        brand: brand(&config.brand),
        forward_auth_secret: config.listen.forward_auth_secret.clone(),
    };
    let requests = config.limits.requests();
    let sign_ins = config.limits.sign_ins();
    // A limit that has not changed keeps its counts.
    let same_requests = previous.filter(|previous| previous.limits.requests() == requests);
    let same_sign_ins = previous.filter(|previous| previous.limits.sign_ins() == sign_ins);
    Snapshot {
        sites: vec![Arc::new(site)],
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
