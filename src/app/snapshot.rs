//! Builds from a configuration what requests and connections use.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ServerConfig;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::StartError;
use crate::auth::{InstanceStates, Services, Tasks};
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::KeyPurpose;
use crate::server::Settings;
use crate::session::{self, Attempts, EndedSession, Lifetimes, SavedForms, Sessions};
use crate::telemetry::audit::AuditLog;
use crate::telemetry::{ForeignTokenUses, Metrics};
use crate::web::{RateLimiter, SignInLimiter, Site, Snapshot, Switches};
use crate::wire::fields::header_text;

/// Opens the session store.
pub(super) fn services(
    config: &Config,
    clock: &Clock,
    ended: mpsc::Sender<EndedSession>,
    metrics: &Arc<Metrics>,
) -> Result<Services, StartError> {
    let lifetimes =
        Lifetimes { idle: config.session.idle_timeout, absolute: config.session.absolute_timeout };
    // The first instance identifies the gateway in a store that several gateways share.
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

/// The snapshot of this configuration. State that outlives a configuration comes from the `previous` snapshot.
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
        switches: previous.map_or_else(
            || Arc::new(Switches::new(services.clock.now())),
            |previous| previous.switches.clone(),
        ),
    }
}

/// The settings of new connections.
pub(super) fn settings(config: &Config, tls: Arc<ServerConfig>) -> Settings {
    let mut limits = config.limits;
    limits.buffer_bytes /= u64::try_from(config.listen.workers.max(1)).unwrap_or(1);
    Settings {
        tls,
        trusted_proxies: config.listen.trusted_proxies.clone(),
        proxy_protocol: config.listen.proxy_protocol,
        redirects: redirects(config),
        limits,
    }
}

/// The target of the redirect from plain HTTP, for each host. People sign in only at the callback server.
fn redirects(config: &Config) -> Vec<(String, String)> {
    let at_callback = config.instances.iter().flat_map(|instance| {
        instance.hosts().map(|host| (host.to_owned(), instance.ims.origin())).collect::<Vec<_>>()
    });
    let of_public = config.public_instances.iter().flat_map(|instance| &instance.campaign.hosts);
    at_callback.chain(of_public.map(|host| (host.clone(), format!("https://{host}")))).collect()
}

/// RFC 6797 §6.1. Without `includeSubDomains`: other hosts of the domain may not have TLS.
fn hsts(lasts: Duration) -> HeaderValue {
    header_text(&format!("max-age={}", lasts.as_secs()))
}
