//! Detailed health for operators. The public `/ims/health/ready` shows less.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use super::Admin;
use crate::proxy::{HealthState, Upstreams};

/// 200 while the gateway serves requests, 503 once it is stopping. The body has the state of IMS and of each Campaign server, and says
/// whether people can sign in.
pub(super) async fn handler(State(admin): State<Arc<Admin>>) -> (StatusCode, Json<Value>) {
    let ims = admin.authenticators.all().iter().all(|auth| auth.ims.is_ready());
    let of_instance = |(instance, upstreams): &(Arc<str>, Arc<Upstreams>)| {
        let states = upstreams.states();
        states.map(|(name, state)| state_json(instance, name, state)).collect::<Vec<_>>()
    };
    let upstreams: Vec<Value> = admin.upstreams.load().iter().flat_map(of_instance).collect();
    let is_ready = admin.stopping.is_ready();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let health = json!({
        "status": if is_ready { "ok" } else { "stopping" },
        "sign_in": is_ready && ims,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": admin.metrics.uptime(),
        "connections": admin.metrics.connections(),
        "ims": if ims { "ready" } else { "discovery document or keys are not loaded" },
        "campaign": upstreams,
    });
    (status, Json(health))
}

/// One Campaign server. The unnamed instance is left out.
fn state_json(instance: &str, upstream: &str, state: HealthState) -> Value {
    if instance.is_empty() {
        return json!({"upstream": upstream, "state": text(state)});
    }
    json!({"instance": instance, "upstream": upstream, "state": text(state)})
}

pub(super) fn text(state: HealthState) -> &'static str {
    match state {
        HealthState::Healthy => "healthy",
        HealthState::ProbeDue => "ejected until one request succeeds",
        HealthState::Ejected(_) => "ejected: requests failed",
        HealthState::Down => "down: its health check fails",
    }
}
