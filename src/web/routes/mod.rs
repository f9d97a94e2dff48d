//! Every address of the gateway itself. `gate` handles all other paths.

mod backchannel_logout;
mod brand;
mod callback;
mod console_password;
mod forward_auth;
mod health;
pub mod login;
mod me;
mod refused;
pub mod sign_out;

use axum::Router;
use axum::extract::Extension;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use http::{HeaderValue, StatusCode, header};

use super::addresses::{CALLBACK, CONSOLE_PASSWORD, LOGIN, LOGOUT, ME, RESUME, SIGNED_OUT};
use super::call::OwnedCall;
use super::responses::json_response;
use super::saved_form::confirm;
use crate::pages::{LOGO, Problem, Text};

/// The routes under `/ims/`.
pub fn routes() -> Router {
    Router::new()
        .route(LOGIN, get(login::handler))
        .route(CALLBACK, get(callback::handler))
        .route(LOGOUT, get(sign_out::confirm).post(sign_out::here))
        .route("/ims/sign-out-everywhere", post(sign_out::everywhere))
        .route(SIGNED_OUT, get(sign_out::signed_out))
        .route(RESUME, get(confirm::page))
        .route("/ims/resume/discard", post(confirm::discard))
        .route("/ims/backchannel-logout", post(backchannel_logout::handler))
        .route(ME, get(me::handler))
        .route(CONSOLE_PASSWORD, post(console_password::make))
        .route("/ims/me/console-password/withdraw", post(console_password::withdraw))
        .route(LOGO, get(brand::logo))
        .route("/ims/auth", any(forward_auth::handler))
        .route("/ims/jwks.json", get(jwks))
        .route("/ims/health/live", get(health::live))
        .route("/ims/health/ready", get(health::ready))
        .route("/ims/health/sign-in", get(health::sign_in))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

async fn jwks(Extension(call): Extension<OwnedCall>) -> Response {
    let mut response = json_response(StatusCode::OK, &call.get().auth.state.signer.jwks());
    let lifetime = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(header::CACHE_CONTROL, lifetime);
    response
}

async fn not_found(Extension(call): Extension<OwnedCall>) -> Response {
    Problem::new(StatusCode::NOT_FOUND, Text::NotFound).page(call.get().page()).into_response()
}

async fn method_not_allowed() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}
