//! The admin listener: metrics, detailed health and live sessions. It uses plain HTTP and is only for the operator's machines.

mod events;
mod foreign_tokens;
mod health;
mod listener;
mod metrics;
mod reload;
mod sessions;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use http::{HeaderMap, StatusCode, header};
use tokio::sync::mpsc;

use crate::auth::{Authenticators, Services};
use crate::proxy::Upstreams;
use crate::telemetry::audit::{AuditAction, AuditEvent, Subject};
use crate::telemetry::{Metrics, RequestId};
use crate::web::Stopping;

pub use listener::{bind, serve};
pub use reload::{Difference, ReloadReport, ReloadRequest, SaltedConfiguration, StyleQuery};

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
    /// Requests to the task that owns the configuration.
    pub reloads: mpsc::Sender<ReloadRequest>,
    /// The Campaign servers of each instance, with its name.
    pub upstreams: SharedUpstreams,
}

impl Admin {
    /// Records what an operator did.
    fn audit(&self, subject: Subject, action: AuditAction) {
        let services = &self.services;
        let request = RequestId::random();
        let event = AuditEvent { request, peer: None, instance: String::new(), subject, action };
        services.audit.record(services.clock.now(), event);
    }
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
        .layer(middleware::from_fn(reject_browser_pages))
        .with_state(admin)
}

/// Rejects requests of web pages, which could otherwise act through the operator's browser.
///
/// The host must be an IP address or `localhost`. This stops DNS rebinding: a page whose own name resolves to this listener.
/// Requests with `Origin` or `Sec-Fetch-Site` (Fetch §3.2, Fetch Metadata) come from pages and are rejected too.
async fn reject_browser_pages(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_own_host(host) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    if is_from_page(request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

/// True for a request that a page sent. For a typed address, browsers send `Sec-Fetch-Site: none` and no `Origin`.
fn is_from_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site != "none")
}

fn is_own_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_own_host;

    #[test]
    fn only_ip_addresses_and_localhost_are_accepted_as_host() {
        for good in ["localhost", "LOCALHOST:9090", "127.0.0.1:9090", "10.0.0.7", "[::1]:9090", "[::1]"] {
            assert!(is_own_host(good), "{good}");
        }
        for bad in ["", "evil.example", "localhost.evil.example:9090", "127.0.0.1.evil.example", ":9090"] {
            assert!(!is_own_host(bad), "{bad}");
        }
    }
}
