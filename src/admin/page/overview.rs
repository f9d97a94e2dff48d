//! The overview: what works, and what happened in the last hour.

use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::charts::{Chart, charts};
use super::frame::{Frame, respond};
use super::switches::{self, ShownSwitch};
use crate::admin::{Admin, health};
use crate::auth::Authenticator;
use crate::proxy::HealthState;
use crate::telemetry::CertificateEnd;
use crate::unix_time::UnixTime;

#[derive(Template)]
#[template(path = "admin/overview.html")]
struct OverviewPage {
    frame: Frame,
    switches: Vec<ShownSwitch>,
    started: UnixTime,
    is_ready: bool,
    connections: u64,
    sessions: u64,
    forms: u64,
    loaded_at: UnixTime,
    has_reload_failed: bool,
    ims: Vec<ImsStatus>,
    servers: Vec<ServerStatus>,
    store: &'static str,
    /// Milliseconds of a read; `Err` says why it failed.
    store_answer: Result<u128, String>,
    certificates: Vec<CertificateEnd>,
    charts: [Chart; 3],
}

struct ImsStatus {
    instance: String,
    is_ready: bool,
    calls: u64,
    /// Seconds.
    paused: u64,
}

struct ServerStatus {
    instance: String,
    name: String,
    is_healthy: bool,
    state: &'static str,
    used: u64,
    most: u64,
}

/// `GET /admin`
pub(super) async fn show(State(admin): State<Arc<Admin>>) -> Response {
    let now = admin.services.clock.now();
    let (loaded_at, has_reload_failed) = admin.metrics.last_reload();
    let began = Instant::now();
    let read = admin.services.sessions.list(None, 1).await;
    let page = OverviewPage {
        frame: Frame::of("/admin", now),
        switches: switches::shown(&admin),
        started: now.minus(std::time::Duration::from_secs(admin.metrics.uptime())),
        is_ready: admin.stopping.is_ready(),
        connections: admin.metrics.connections(),
        sessions: admin.services.sessions.active(),
        forms: admin.services.saved_forms.usage().0,
        loaded_at,
        has_reload_failed,
        ims: admin.authenticators.all().iter().map(ImsStatus::of).collect(),
        servers: servers(&admin),
        store: admin.store,
        store_answer: read.map(|_| began.elapsed().as_millis()).map_err(|error| error.to_string()),
        certificates: admin.metrics.certificates(),
        charts: charts(&admin.rates.minutes()),
    };
    respond(StatusCode::OK, &page)
}

impl ImsStatus {
    fn of(auth: &Arc<Authenticator>) -> Self {
        let usage = auth.ims.usage();
        Self {
            instance: auth.metrics.name().to_string(),
            is_ready: auth.ims.is_ready(),
            calls: usage.calls.iter().sum(),
            paused: usage.paused,
        }
    }
}

fn servers(admin: &Admin) -> Vec<ServerStatus> {
    let upstreams = admin.upstreams.load_full();
    let of_instance = |(instance, servers): &(Arc<str>, Arc<crate::proxy::Upstreams>)| {
        let both = servers.states().zip(servers.connections());
        both.map(|((name, state), (_, (used, most)))| ServerStatus {
            instance: instance.to_string(),
            name: name.to_string(),
            is_healthy: state == HealthState::Healthy,
            state: health::text(state),
            used,
            most,
        })
        .collect::<Vec<_>>()
    };
    upstreams.iter().flat_map(of_instance).collect()
}

impl OverviewPage {
    /// True for a certificate that ends within two weeks.
    fn ends_soon(&self, certificate: &CertificateEnd) -> bool {
        certificate.not_after.since(self.frame.now) < SOON
    }
}

const SOON: std::time::Duration = std::time::Duration::from_hours(14 * 24);
