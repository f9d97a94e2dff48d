//! The admin listener: metrics, detailed health, live sessions, and a page for operators. It uses plain HTTP and is only for the operator's
//! machines.

mod events;
mod foreign_tokens;
mod guard;
mod health;
mod listener;
mod metrics;
mod page;
mod reload;
mod sessions;
mod sign_ins;
mod switches;
mod token;

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::{StatusCode, header};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::auth::{Authenticators, Guesses, Services};
use crate::proxy::Upstreams;
use crate::telemetry::audit::{AuditAction, AuditEvent, Subject};
use crate::telemetry::{Metrics, Rates, RequestId};
use crate::web::{Stopping, Switches};

pub use listener::{bind, serve};
pub use reload::{Difference, ReloadReport, ReloadRequest, SaltedConfiguration, StyleQuery};
pub use token::{AdminToken, SharedToken};

use sign_ins::SignIns;

/// The state that the admin listener shows.
#[derive(Debug)]
pub struct Admin {
    /// Counters of all workers.
    pub metrics: Arc<Metrics>,
    /// Sessions of all instances.
    pub services: Arc<Services>,
    /// The instances where people sign in.
    pub authenticators: Arc<Authenticators>,
    /// Whether the process is stopping.
    pub stopping: Arc<Stopping>,
    /// What operators switch on and off.
    pub switches: Arc<Switches>,
    /// Requests to the task that owns the configuration.
    pub reloads: mpsc::Sender<ReloadRequest>,
    /// The Campaign servers of each instance, with its name.
    pub upstreams: SharedUpstreams,
    /// The admin token.
    pub token: SharedToken,
    /// What happened minute by minute.
    pub rates: Arc<Rates>,
    /// The kind of the session store, as the page shows it.
    pub store: &'static str,
    /// Sign-ins at the page, and counts of wrong tokens.
    pub operators: PageOperators,
}

/// Sign-ins at the admin page, and counts of wrong tokens by address.
#[derive(Debug, Default)]
pub struct PageOperators {
    sign_ins: SignIns,
    guesses: Guesses,
}

impl Admin {
    /// Records what an operator did. `peer` is the address of a browser.
    fn audit(&self, peer: Option<IpAddr>, subject: Subject, action: AuditAction) {
        self.audit_at(String::new(), peer, subject, action);
    }

    /// Like [`audit`](Self::audit), at the Campaign instance of this name.
    fn audit_at(&self, instance: String, peer: Option<IpAddr>, subject: Subject, action: AuditAction) {
        let services = &self.services;
        let request = RequestId::random();
        services.audit.record(services.clock.now(), AuditEvent { request, peer, instance, subject, action });
    }
}

/// An answer that no cache keeps.
fn answer(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(value)).into_response()
}

/// Name and Campaign servers of each instance. A reload replaces them.
pub type SharedUpstreams = Arc<ArcSwap<Vec<(Arc<str>, Arc<Upstreams>)>>>;

/// All routes of the admin listener.
pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::handler))
        .route("/health", get(health::handler))
        .route("/events", get(events::list))
        .route("/foreign-tokens", get(foreign_tokens::list))
        .route("/reload", post(reload::reload))
        .route("/reload/compare", post(reload::compare))
        .route("/sessions", get(sessions::list).delete(sessions::revoke_all))
        .route("/sessions/{sid}", delete(sessions::revoke))
        .route("/switches/{switch}", get(switches::show).post(switches::turn))
        .merge(page::router())
        .layer(middleware::from_fn_with_state(admin.clone(), guard::check))
        .with_state(admin)
}
