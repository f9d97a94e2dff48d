//! The admin page: what an operator sees and does in a browser. Plain HTML, rendered here; it needs no script.
//!
//! `guard` requires a sign-in with the admin token. The page is in English, as the commands and the logs are.

mod charts;
mod configuration;
mod events;
mod frame;
mod overview;
mod sessions;
mod sign_in;
mod switches;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};

use super::Admin;

/// All routes of the page.
pub(super) fn router() -> Router<Arc<Admin>> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/admin") }))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/admin", get(overview::show))
        .route("/admin/style.css", get(frame::style))
        .route("/admin/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/admin/sign-out", post(sign_in::sign_out))
        .route("/admin/sessions", get(sessions::show))
        .route("/admin/sessions/end", post(sessions::end))
        .route("/admin/sessions/end-all", post(sessions::end_all))
        .route("/admin/switches/{switch}", post(switches::turn))
        .route("/admin/sign-ins", get(events::sign_ins))
        .route("/admin/why", get(events::why))
        .route("/admin/configuration", get(configuration::show))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(middleware::from_fn(protect))
}

/// Adds the fields that keep the page out of caches, frames and other origins.
async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // A form needs a referrer: browsers send `Origin: null` without it (Fetch §3.2).
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A redirect after a form, with a cookie.
fn redirect_with_cookie(address: &str, cookie: &str) -> Response {
    let mut response = Redirect::to(address).into_response();
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// CSP Level 3: no script, no inline style, nothing from other origins.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const LARGEST_FORM: usize = 16 * 1024;
