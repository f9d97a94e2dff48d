//! `/ims/auth`, forward authentication: another proxy asks whether a request has a session (nginx `auth_request`, Traefik, Envoy).
//!
//! The status depends only on the session cookie. Headers with the original address are ignored, because any client can send them.
//! Only a proxy gets the identity, because any script of the same origin can call this address too.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::Extension;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret as _;

use crate::auth::{IdentifyError, Purpose};
use crate::policy::identity::IdentityFields;
use crate::session::LiveSession;
use crate::web::call::{Call, OwnedCall};
use crate::web::rejection::reject;
use crate::web::responses::{announce_end, login_required};
use crate::wire::fields::FORWARD_AUTH_SECRET;
use crate::wire::fields::identity::ASSERTION;

/// 200, with the identity headers for proxies; 401 without a session; 503 when the session cannot be looked up.
pub async fn handler(Extension(call): Extension<OwnedCall>, headers: HeaderMap) -> Response {
    let call = call.get();
    let session = match call.auth.identify(call.auth_request(&headers), Purpose::Forward).await {
        Ok(caller) => caller.session(),
        Err(error) => {
            let signed_in = matches!(error, IdentifyError::TokenExpired(_));
            return reject(call, error, signed_in);
        }
    };
    let mut response = match &session {
        Some(_) => StatusCode::OK.into_response(),
        None => login_required(),
    };
    let fields = response.headers_mut();
    if may_learn_identity(call, &headers) {
        add_identity(fields, session.as_deref(), call);
    }
    if let Some(session) = &session {
        announce_end(fields, session, call.context.now);
    }
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// True for a proxy: a peer in `listen.trusted_proxies`, or one that sends `listen.forward_auth_secret`.
fn may_learn_identity(call: Call<'_>, headers: &HeaderMap) -> bool {
    call.context.peer.trusted
        || call.site.forward_auth_secret.as_ref().is_some_and(|secret| {
            let mut sent = headers.get_all(FORWARD_AUTH_SECRET).iter();
            let first = sent.next().filter(|_| sent.next().is_none());
            first.is_some_and(|sent| {
                verify_slices_are_equal(sent.as_bytes(), secret.expose_secret().as_bytes()).is_ok()
            })
        })
}

/// All identity headers, empty without a session: a proxy that copies only present headers must not forward the client's own.
fn add_identity(fields: &mut HeaderMap, session: Option<&LiveSession>, call: Call<'_>) {
    let nobody = IdentityFields::anonymous();
    let identity = session.map_or(&nobody, |session| &session.credentials.identity);
    for (name, value) in identity.iter() {
        fields.insert(name, value.clone());
    }
    let assertion = session.map(|session| session.assertion(&call.auth.state.signer, call.context.now));
    fields.insert(ASSERTION, assertion.unwrap_or(HeaderValue::from_static("")));
}
