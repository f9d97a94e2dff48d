//! What somebody without a session hears, in the words their client understands.

use axum::response::{IntoResponse as _, Response};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};

use super::context::Context;
use super::cookie;
use super::login::{self, Begin};
use super::rejection::Rejection;
use super::responses::{LOGIN_CHALLENGE, login_required, see_other, soap_session_expired};
use super::shared::Shared;
use super::{keep, was};
use crate::pages::{self, Problem, Text};
use crate::policy::client_kind::ClientKind;
use crate::policy::return_to::ReturnTo;
use crate::policy::saved_form;
use crate::proxy::ClientBody;
use crate::telemetry::audit;

/// Answers a request for Campaign that needs a session and has none; a form among them is kept if it may be.
pub async fn knock(
    shared: &Shared,
    context: &Context,
    request: Request<ClientBody>,
    path: &str,
) -> Result<Response, Rejection> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if ClientKind::of(&head.method, &head.headers, path) == ClientKind::Form {
        return keep::form(shared, context, &head.headers, body, target).await;
    }
    Ok(closed(shared, context, &head.method, &head.headers, path, target).await)
}

/// Answers a request that needs a session and has none.
pub async fn closed(
    shared: &Shared,
    context: &Context,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
    target: &str,
) -> Response {
    match ClientKind::of(method, headers, path) {
        ClientKind::Soap => soap_session_expired(),
        ClientKind::Api | ClientKind::Form => login_required(),
        ClientKind::Frame => framed(shared, context, headers),
        ClientKind::Navigation => {
            if let Some(address) = at_home(shared, headers, target) {
                return see_other(&address);
            }
            if cookie::is_fresh(headers, shared, context.now) {
                return lost_session(shared, context, target);
            }
            let (return_to, prompt) =
                (ReturnTo::parse_or_root(target), was::prompt(shared, headers, context.now));
            let begin = Begin { return_to, prompt, ..Begin::default() };
            login::begin(shared, context, headers, begin).await
        }
    }
}

/// A page inside a frame, where IMS refuses to be shown: its link leads the whole window to the sign-in and back.
fn framed(shared: &Shared, context: &Context, headers: &HeaderMap) -> Response {
    let retry = login::login_path(&saved_form::page_of(headers, &shared.origin));
    let mut response = pages::framed(&retry, context.page(shared)).into_response();
    let challenge = HeaderValue::from_static(LOGIN_CHALLENGE);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// The browser signed in a moment ago and did not bring the session back: once more would be the same again.
pub fn lost_session(shared: &Shared, context: &Context, target: &str) -> Response {
    audit::login_failed(
        context.id,
        &context.peer_text(),
        "the browser did not send the new session's cookie back",
    );
    let retry = login::login_path(&ReturnTo::parse_or_root(target));
    let problem = Problem::new(StatusCode::BAD_REQUEST, Text::LoginCookieMissing).with_link(&retry);
    let mut response = problem.page(context.page(shared)).into_response();
    cookie::remove_fresh(response.headers_mut(), &shared.cookies);
    response
}

/// The same address at the callback server's host; `None` when the request came there. The session's cookie belongs to
/// that host: only there can somebody sign in.
pub fn at_home(shared: &Shared, headers: &HeaderMap, target: &str) -> Option<String> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let callback = shared.instance.ims.callback_server.host_str().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_home = name.eq_ignore_ascii_case(callback) || host.eq_ignore_ascii_case(callback);
    (!is_home && !host.is_empty()).then(|| format!("{}{target}", shared.origin))
}
