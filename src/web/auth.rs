//! Forward authentication: another proxy asks whether this request has a session (nginx `auth_request`, Traefik, Envoy).
//!
//! The answer depends on the session cookie alone. Headers that tell the original address could come from anybody, so
//! they decide nothing.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};

use super::answer::{Stop, login_required};
use super::context::Context;
use super::renew;
use super::shared::Shared;
use crate::policy::cookies;
use crate::policy::headers::{EXPIRES_IN, identity};

/// 200 with the identity headers, 401 without a session, 503 when that cannot be told.
pub async fn handler(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Response {
    let Some(cookie) = cookies::session_cookie(&headers) else { return login_required() };
    let auth = match shared.sessions.find(cookie).await {
        Ok(Some(auth)) if auth.is_renewal_due(context.now) => {
            match renew::before_use(&shared, auth, context.now).await {
                Ok(Some(auth)) => auth,
                Ok(None) => return login_required(),
                Err(stop) => return stop.answer(&shared, &context, true),
            }
        }
        Ok(Some(auth)) => auth,
        Ok(None) => return login_required(),
        Err(error) => return Stop::from(error).answer(&shared, &context, false),
    };
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(identity::USER, auth.user.clone());
    if let Some(email) = &auth.email {
        headers.insert(identity::EMAIL, email.clone());
    }
    headers.insert(identity::ORGANIZATION, auth.organization.clone());
    headers.insert(identity::GROUPS, auth.groups.clone());
    headers.insert(identity::ASSERTION, auth.assertion(&shared.signer, context.now));
    if let Some(seconds) = auth.ends_soon(context.now) {
        headers.insert(EXPIRES_IN, seconds.into());
    }
    headers.insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}
