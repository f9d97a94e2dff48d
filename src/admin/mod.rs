//! The admin listener: metrics, health in detail and live sessions, over plain HTTP, for the operator's machines only.

mod health;
mod listener;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get};
use http::{HeaderMap, StatusCode, header};

use crate::auth::Authenticator;
use crate::proxy::Upstreams;
use crate::telemetry::Metrics;
use crate::web::Stopping;

pub use listener::{bind, serve};

/// What the admin listener shows.
#[derive(Debug)]
pub struct Admin {
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Sessions and IMS.
    pub auth: Arc<Authenticator>,
    /// Whether the process is about to stop.
    pub stopping: Arc<Stopping>,
    /// Its Campaign servers.
    pub upstreams: Arc<Upstreams>,
}

/// Every address of the admin listener.
pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health::handler))
        .route("/sessions", get(sessions::list).delete(sessions::revoke_all))
        .route("/sessions/{sid}", delete(sessions::revoke))
        .layer(middleware::from_fn(no_foreign_page))
        .with_state(admin)
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let text = admin.metrics.render() + &admin.auth.ims.usage().render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Answers only to an IP address or `localhost` as host: a page of another site that had its own name lead here (DNS
/// rebinding) would otherwise read everything through the operator's browser. Nor does any page have business here, and
/// what one sends is told by what a browser adds (Fetch Metadata; Fetch §3.2).
async fn no_foreign_page(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_own_host(host) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    if is_of_a_page(request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

/// An address that a person typed has `Sec-Fetch-Site: none` and no origin.
fn is_of_a_page(headers: &HeaderMap) -> bool {
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
    fn a_name_of_somebody_else_is_no_host_of_ours() {
        for good in ["localhost", "LOCALHOST:9090", "127.0.0.1:9090", "10.0.0.7", "[::1]:9090", "[::1]"] {
            assert!(is_own_host(good), "{good}");
        }
        for bad in ["", "evil.example", "localhost.evil.example:9090", "127.0.0.1.evil.example", ":9090"] {
            assert!(!is_own_host(bad), "{bad}");
        }
    }
}
