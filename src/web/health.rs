//! For probes: no detail in public.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use super::shared::Shared;

/// The process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// Logins can begin: IMS's discovery document and keys are there.
pub async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if shared.ims.is_ready() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}
