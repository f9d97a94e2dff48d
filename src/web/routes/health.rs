//! `/ims/health/*`, for probes: no detail in public.

use axum::extract::Extension;
use http::StatusCode;

use crate::web::call::OwnedCall;

/// The process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// This instance serves requests, until it is told to stop. Live sessions and public paths need no IMS.
pub async fn ready(Extension(call): Extension<OwnedCall>) -> (StatusCode, &'static str) {
    answer(call.get().snapshot.stopping.is_ready(), "stopping\n")
}

/// People can sign in: the discovery document and the keys of IMS are loaded, and this instance is not stopping.
pub async fn sign_in(Extension(call): Extension<OwnedCall>) -> (StatusCode, &'static str) {
    let call = call.get();
    answer(call.snapshot.stopping.is_ready() && call.auth.ims.is_ready(), "nobody can be signed in\n")
}

fn answer(is_good: bool, why_not: &'static str) -> (StatusCode, &'static str) {
    if is_good { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, why_not) }
}
