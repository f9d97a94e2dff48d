//! Every address of the gateway itself.
//!
//! What is not here goes to Campaign; the order of that way is in `gate`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use http::StatusCode;

use super::context::Context;
use super::responses::json_response;
use super::shared::Shared;
use super::{auth, backchannel, callback, health, login, logout, me, resume};
use crate::pages::{Problem, Text};

/// Where a sign-in begins.
pub const LOGIN: &str = "/ims/login";
/// Where IMS sends the browser back to.
pub const CALLBACK: &str = "/ims/callback";

/// The pages under `/ims/`.
pub fn own_pages(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(LOGIN, get(login::handler))
        .route(CALLBACK, get(callback::handler))
        .route("/ims/logout", get(logout::confirm).post(logout::logout))
        .route("/ims/sign-out-everywhere", post(logout::everywhere))
        .route("/ims/signed-out", get(logout::signed_out))
        .route("/ims/resume", get(resume::page))
        .route("/ims/resume/discard", post(resume::discard))
        .route("/ims/backchannel-logout", post(backchannel::handler))
        .route("/ims/me", get(me::handler))
        .route("/ims/auth", any(auth::handler))
        .route("/ims/jwks.json", get(jwks))
        .route("/ims/health/live", get(health::live))
        .route("/ims/health/ready", get(health::ready))
        .route("/ims/health/sign-in", get(health::sign_in))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(shared)
}

async fn jwks(State(shared): State<Arc<Shared>>) -> Response {
    let mut response = json_response(StatusCode::OK, &shared.signer.jwks());
    response
        .headers_mut()
        .insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("public, max-age=300"));
    response
}

async fn not_found(State(shared): State<Arc<Shared>>, Extension(context): Extension<Context>) -> Response {
    Problem::new(StatusCode::NOT_FOUND, Text::NotFound).page(context.page(&shared)).into_response()
}

async fn method_not_allowed() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}
