//! `/ims/health/*`, for probes. The public responses have no details.

use axum::extract::Extension;
use http::StatusCode;

use crate::web::call::OwnedCall;

/// The process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// This process serves requests and is not stopping. IMS does not matter here: live sessions and public paths do not need it.
pub async fn ready(Extension(call): Extension<OwnedCall>) -> (StatusCode, &'static str) {
    answer(call.get().snapshot.stopping.is_ready(), "stopping\n")
}

/// People can sign in: the discovery document and the keys of IMS are loaded, and this process is not stopping.
pub async fn sign_in(Extension(call): Extension<OwnedCall>) -> (StatusCode, &'static str) {
    let call = call.get();
    answer(call.snapshot.stopping.is_ready() && call.auth.ims.is_ready(), "nobody can be signed in\n")
}

fn answer(is_good: bool, why_not: &'static str) -> (StatusCode, &'static str) {
    if is_good { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, why_not) }
}
