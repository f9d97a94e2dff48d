//! From a configuration to what requests are served with, and the exchange of one for another.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{Gateway, SOAP_DEADLINE, StartError, endpoints, ims_connector};
use crate::auth::{Authenticator, Services, Tasks};
use crate::campaign::CampaignClient;
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::KeyPurpose;
use crate::http_client::{Endpoint, HttpClient};
use crate::ims::ImsClient;
use crate::policy::cookies::CookieNames;
use crate::session::{self, Attempts, EndedSession, Lifetimes, SavedForms, Sessions, Signer};
use crate::web::{HostLines, RateLimiter, SignInLimiter, Site, Snapshot, WorkerView};
use crate::wire::fields::header_text;

impl Gateway {
    /// Serves the next requests as `config` says. Requests in progress finish with the configuration that they began with. Sessions,
    /// sockets, counters and connections to Campaign stay.
    ///
    /// Listeners, TLS, the session store, session lifetimes, the servers of Campaign and the background work change with a restart only.
    ///
    /// # Errors
    /// When a file that the configuration names cannot be used; then nothing changes.
    pub fn apply(&self, config: &Config) -> Result<(), StartError> {
        let services = self.auth.services.clone();
        let auth = Arc::new(authenticator(config, endpoints(&config.instance.campaign)?, services)?);
        let previous = self.views.first().map(|view| view.load().snapshot.clone());
        let snapshot = Arc::new(snapshot(config, &auth, previous.as_deref()));
        for view in &self.views {
            let proxies = view.load().proxies.clone();
            view.store(Arc::new(WorkerView { snapshot: snapshot.clone(), proxies }));
        }
        Ok(())
    }
}

/// Opens the session store.
pub(super) fn services(
    config: &Config,
    clock: &Clock,
    ended: mpsc::Sender<EndedSession>,
) -> Result<Services, StartError> {
    let lifetimes =
        Lifetimes { idle: config.session.idle_timeout, absolute: config.session.absolute_timeout };
    let origin = config.instance.ims.origin();
    let opened = session::open(&config.session.store, &origin, lifetimes, clock)?;
    let saved_forms = SavedForms::new(opened.vault.clone(), config.session.login_timeout, clock.clone());
    Ok(Services {
        saved_forms,
        sessions: Sessions::new(opened.vault, opened.cached, lifetimes, clock.clone()).reporting(ended),
        signer: Signer::new(origin)?,
        sealer: opened.keys.sealer(KeyPurpose::LoginCookie),
        attempts: Attempts::default(),
        tasks: Tasks::new(Handle::current()),
        clock: clock.clone(),
    })
}

/// What signs people in.
pub(super) fn authenticator(
    config: &Config,
    campaign: Vec<Endpoint>,
    services: Arc<Services>,
) -> Result<Authenticator, StartError> {
    let instance = config.instance.clone();
    let ims_http = HttpClient::new(ims_connector(&instance.ims)?, instance.ims.timeout);
    Ok(Authenticator {
        ims: ImsClient::new(instance.clone(), ims_http, services.clock.clone()),
        campaign: CampaignClient::new(campaign, SOAP_DEADLINE),
        cookies: CookieNames::new(config.session.cookie_suffix.as_ref()),
        max_per_user: config.session.max_per_user,
        login_timeout: config.session.login_timeout,
        absolute_timeout: config.session.absolute_timeout,
        origin: instance.ims.origin(),
        services,
        instance,
    })
}

/// All that the configuration decides for requests. What outlives configurations is taken from the `previous` one.
pub(super) fn snapshot(config: &Config, auth: &Arc<Authenticator>, previous: Option<&Snapshot>) -> Snapshot {
    let host = auth.origin.split_once("://").map_or("", |(_, host)| host);
    let site = Site {
        instance: config.instance.clone(),
        auth: auth.clone(),
        host: HostLines::new(header_text(host)),
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
