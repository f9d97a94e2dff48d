//! The response to a request that needs a session and has none, in the format of its client.

use axum::response::{IntoResponse as _, Response};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};

use super::addresses::login_address;
use super::call::Call;
use super::emergency;
use super::rejection::Rejection;
use super::request_host::address_at_callback_host;
use super::responses::{LOGIN_CHALLENGE, login_required, see_other, soap_session_expired};
use super::routes::login;
use super::saved_form::save;
use super::set_cookies;
use crate::auth::{BeginLogin, Destination};
use crate::pages::{self, Problem, Text};
use crate::policy::client_kind::ClientKind;
use crate::policy::return_to::ReturnTo;
use crate::policy::saved_form;
use crate::proxy::ClientBody;
use crate::telemetry::audit::{AuditAction, Subject};
use crate::telemetry::{LoginFailureCode, SignIn};

/// Responds to a request for Campaign. A form is saved if possible.
pub async fn respond(
    call: Call<'_>,
    request: Request<ClientBody>,
    path: &str,
) -> Result<Response, Rejection> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if ClientKind::of(&head.method, &head.headers, path) == ClientKind::Form {
        return save::form(call, &head.headers, body, target).await;
    }
    Ok(challenge(call, &head.method, &head.headers, path, target).await)
}

/// Responds to a request without looking at its body.
pub async fn challenge(
    call: Call<'_>,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
    target: &str,
) -> Response {
    match ClientKind::of(method, headers, path) {
        ClientKind::Soap => soap_session_expired(),
        ClientKind::Api | ClientKind::Form => login_required(),
        ClientKind::Frame => framed(call, headers),
        ClientKind::Navigation => {
            if let Some(address) = address_at_callback_host(call.site, headers, target) {
                return see_other(&address);
            }
            let (auth, now) = (&call.auth, call.context.now);
            if set_cookies::is_fresh(headers, auth, now) {
                return lost_session(call, target);
            }
            if let Some(page) = emergency::page(call, headers, target, None) {
                return page;
            }
            let to = Destination { return_to: ReturnTo::parse_or_root(target), has_form: false };
            let begin = BeginLogin { to, prompt: auth.login_prompt(headers, now), attempt: 0 };
            login::begin(call, headers, begin).await
        }
    }
}

/// A page for a frame, because IMS refuses to be shown in one. Its link opens the sign-in in the whole window.
fn framed(call: Call<'_>, headers: &HeaderMap) -> Response {
    let retry = login_address(&saved_form::form_page(headers, &call.auth.origin));
    let mut response = pages::framed(&retry, call.page()).into_response();
    let challenge = HeaderValue::from_static(LOGIN_CHALLENGE);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// The browser signed in a moment ago and did not send the session cookie: another login would fail in the same way.
pub fn lost_session(call: Call<'_>, target: &str) -> Response {
    let reason = "the browser did not send the new session's cookie back".to_owned();
    let code = LoginFailureCode::CookieMissing;
    call.audit(Subject::nobody(), AuditAction::LoginFailed { code, reason });
    call.auth.metrics.sign_in(SignIn::Failed(code));
    let retry = login_address(&ReturnTo::parse_or_root(target));
    let problem = Problem::new(StatusCode::BAD_REQUEST, Text::LoginCookieMissing).with_link(&retry);
    let mut response = problem.page(call.page()).into_response();
    set_cookies::remove_fresh(response.headers_mut(), &call.auth.cookies);
    response
}
