//! For probes: no detail in public.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use http::StatusCode;

use super::shared::Shared;

/// The process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// This instance serves requests: until it is told to stop. Live sessions and public paths need no IMS.
pub async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    answer(is_ready(&shared), "stopping\n")
}

/// People can be signed in: the discovery document and the keys of IMS are there, and this instance is not stopping.
pub async fn sign_in(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    answer(is_ready(&shared) && shared.ims.is_ready(), "nobody can be signed in\n")
}

/// True until the gateway is told to stop.
pub fn is_ready(shared: &Shared) -> bool {
    !shared.is_retiring.load(Ordering::Relaxed)
}

fn answer(is_good: bool, why_not: &'static str) -> (StatusCode, &'static str) {
    if is_good { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, why_not) }
}
