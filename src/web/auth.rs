//! Forward authentication: another proxy asks whether this request has a session (nginx `auth_request`, Traefik, Envoy).
//!
//! The status depends on the session cookie alone. Headers that tell the original address could come from anybody, so
//! they decide nothing. Who the person is hears only a proxy: any script of the same origin can ask here too.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret as _;

use super::context::Context;
use super::rejection::Rejection;
use super::renew;
use super::responses::login_required;
use super::shared::Shared;
use crate::policy::identity::IdentityFields;
use crate::session::Auth;
use crate::wire::fields::identity::ASSERTION;
use crate::wire::fields::{EXPIRES_IN, FORWARD_AUTH_SECRET};

/// 200, to proxies with the identity headers; 401 without a session, 503 when that cannot be told.
pub async fn handler(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Response {
    let auth = match live_session(&shared, &context, &headers).await {
        Ok(auth) => auth,
        Err(response) => return *response,
    };
    let mut response = match &auth {
        Some(_) => StatusCode::OK.into_response(),
        None => login_required(),
    };
    let fields = response.headers_mut();
    if may_learn_identity(&shared, &context, &headers) {
        tell(fields, auth.as_deref(), &shared, &context);
    }
    if let Some(seconds) = auth.as_ref().and_then(|auth| auth.ends_soon(context.now)) {
        fields.insert(EXPIRES_IN, seconds.into());
    }
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The session of this request, its tokens renewed when they are due. The error is the answer when that cannot be told.
async fn live_session(
    shared: &Arc<Shared>,
    context: &Context,
    headers: &HeaderMap,
) -> Result<Option<Arc<Auth>>, Box<Response>> {
    let Some(cookie) = shared.cookies.session_cookie(headers) else { return Ok(None) };
    match shared.sessions.find(cookie).await {
        Ok(Some(auth)) if auth.is_refresh_due(context.now) => {
            let renewed = renew::before_use(shared, auth, context.now).await;
            renewed.map_err(|rejection| Box::new(rejection.response(shared, context, true)))
        }
        Ok(auth) => Ok(auth),
        Err(error) => Err(Box::new(Rejection::from(error).response(shared, context, false))),
    }
}

/// True for a proxy: a peer in `listen.trusted_proxies`, or one that sends `listen.forward_auth_secret`.
fn may_learn_identity(shared: &Shared, context: &Context, headers: &HeaderMap) -> bool {
    context.peer.trusted
        || shared.forward_auth_secret.as_ref().is_some_and(|secret| {
            let mut sent = headers.get_all(FORWARD_AUTH_SECRET).iter();
            let first = sent.next().filter(|_| sent.next().is_none());
            first.is_some_and(|sent| {
                verify_slices_are_equal(sent.as_bytes(), secret.expose_secret().as_bytes()).is_ok()
            })
        })
}

/// All identity headers, empty when there is no session: a proxy that copies those that are there must not pass on the client's own.
fn tell(fields: &mut HeaderMap, auth: Option<&Auth>, shared: &Shared, context: &Context) {
    let nobody = IdentityFields::nobody();
    let identity = auth.map_or(&nobody, |auth| &auth.credentials.identity);
    for (name, value) in identity.iter() {
        fields.insert(name, value.clone());
    }
    let assertion = auth.map(|auth| auth.assertion(&shared.signer, context.now));
    fields.insert(ASSERTION, assertion.unwrap_or(HeaderValue::from_static("")));
}
