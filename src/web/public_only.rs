//! A Campaign instance that has only public paths: trackers, web applications, execution servers. Nobody signs in there.

use http::{HeaderValue, Request, Response, StatusCode};

use super::call::BaseCall;
use super::forward;
use super::native_account;
use super::rejection::Rejection;
use super::request_rules::{self, RequestView};
use super::responses::options;
use super::token_check::{self, TokenHolder};
use super::upstream_request;
use crate::auth::PasswordResult;
use crate::policy::client_kind::is_soap_router;
use crate::policy::decision::{self, Route};
use crate::policy::path::CanonicalPath;
use crate::proxy::{Body, ClientBody, Proxy, SentBy, WebSocketRequest};
use crate::wire::fields::hops_left;

/// Forwards requests for public paths, and answers probes.
///
/// # Errors
/// For every other address, and when Campaign does not answer.
pub async fn respond(
    call: BaseCall<'_>,
    proxy: &Proxy,
    mut request: Request<ClientBody>,
    path: &CanonicalPath<'_>,
    host: Option<HeaderValue>,
    websocket: bool,
) -> Result<Response<Body>, Rejection> {
    let route = Route::of(path);
    if route == Route::Gateway {
        return probe(call, path.as_str()).ok_or(Rejection::NotFound);
    }
    let host = host.ok_or(Rejection::Host)?;
    if route == Route::Closed {
        return Err(Rejection::Denied);
    }
    let call = request_rules::with_rules(call, RequestView::of(&request))?;
    if route == Route::SignIn || !decision::is_public(path, &call.site.campaign.public_paths, call.rules) {
        return Err(Rejection::NotPublic);
    }
    if hops_left(request.method(), request.headers()) == Some(0) {
        return Ok(options().map(Body::from));
    }
    // Campaign takes the caller's identity from session tokens: nobody has one here.
    let mut tokens = token_check::check(call, &mut request, TokenHolder::default())?;
    let wanted = forward::wanted(&mut request, websocket)?;
    let (request, body) = request.into_parts();
    let mut head = upstream_request::head_of_anonymous(call, &request, &host);
    if wanted.is_some() {
        WebSocketRequest::add_fields(head.lines());
    }
    let sent_by = SentBy { quota_user: call.context.quota_user(false), first: None, times: call.times };
    let forwarded = proxy.forward(head, body, wanted, || None, sent_by).await;
    let passwords = tokens.passwords_for(call, &forwarded);
    let response = (forwarded?.response, is_soap_router(request.uri.path()), &host);
    Ok(native_account::end_with(call, passwords, response, PasswordResult::Unchecked).await)
}

/// The response to a probe. Nobody signs in here, so there is nothing to wait for.
fn probe(call: BaseCall<'_>, path: &str) -> Option<Response<Body>> {
    let is_good = match path {
        "/ims/health/live" => true,
        "/ims/health/ready" | "/ims/health/sign-in" => call.snapshot.stopping.is_ready(),
        _ => return None,
    };
    let (status, text) =
        if is_good { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "stopping\n") };
    let mut response = Response::new(Body::from(axum::body::Body::from(text)));
    *response.status_mut() = status;
    Some(response)
}
