//! Campaign's own sign-in addresses, `/nl/jsp/logon.jsp` and `/nms/imslogin.jssp`, answered by the gateway.
//!
//! Campaign's pages, approval links and web applications with access control redirect here. A body may hold a password. So it is never saved
//! or logged, and it is forwarded only for a configured native account.

use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode, header};
use secrecy::ExposeSecret as _;

use super::auth_challenge;
use super::call::Call;
use super::emergency;
use super::forward;
use super::native_sign_in;
use super::read_body;
use super::rejection::Rejection;
use super::request_rules::{self, Principal, RequestView};
use super::responses::see_other;
use crate::auth::Purpose;
use crate::pages::EmergencyNotice;
use crate::policy::campaign_sign_in::{SignInRequest, credentials_of};
use crate::policy::origin::{Source, is_unsafe, source};
use crate::proxy::{Body, ClientBody, Proxy};
use crate::session::LiveSession;

/// With a session: redirects to the target, or gives the security token to the page that opened this window. Without one: redirects to the
/// gateway's sign-in, which returns here. The flag of a rejection says whether the caller is signed in.
pub async fn respond(
    call: Call<'_>,
    proxy: &Proxy,
    request: Request<ClientBody>,
    host: &HeaderValue,
) -> Result<http::Response<Body>, (Rejection, bool)> {
    let (head, body) = request.into_parts();
    let form = if is_unsafe(&head.method) {
        let read = read_body::read(body, MAX_FORM, call.snapshot.limits.upload_timeout).await;
        read.map_err(|rejection| (rejection, false))?.unwrap_or_default()
    } else {
        bytes::Bytes::new()
    };
    if let Some(login) = native_sign_in::login(call, &head, &form) {
        let forwarded = native_sign_in::forward(call, proxy, (&head, form), host, login).await;
        return forwarded.map_err(|rejection| (rejection, false));
    }
    let query = head.uri.query().unwrap_or_default();
    let wanted = SignInRequest::read(query, &form);
    // A login and a password that are not accepted here get an answer of their own, where the page with the form is offered.
    if head.method == Method::POST
        && credentials_of(head.uri.path(), query, &form).is_some()
        && let Some(page) =
            emergency::page(call, &head.headers, wanted.target.as_str(), Some(EmergencyNotice::Refused))
    {
        return Ok(page.map(Body::from));
    }
    drop(form);
    answer(call, &head, &wanted).await.map(|response| response.map(Body::from))
}

/// The gateway's own answer.
async fn answer(call: Call<'_>, head: &Parts, wanted: &SignInRequest) -> Result<Response, (Rejection, bool)> {
    let headers = &head.headers;
    let caller = call.auth.identify(call.auth_request(headers), Purpose::Forward).await;
    let Some(session) = caller.map_err(|error| (error.into(), false))?.session() else {
        // A form is answered like a navigation; its fields are not needed.
        let method = if is_unsafe(&head.method) { &Method::GET } else { &head.method };
        let address = wanted.address();
        return Ok(auth_challenge::challenge(call, method, headers, head.uri.path(), &address).await);
    };
    let checked =
        request_rules::check_groups(call.base, RequestView::of_head(head), Principal::Person(&session));
    checked.map_err(|rejection| (rejection, true))?;
    if !wanted.popup {
        return Ok(see_other(wanted.target.as_str()));
    }
    if source(headers, &[&call.auth.origin]) == Source::OtherOrigin && !is_typed(headers) {
        return Err((Rejection::ForeignOrigin, true));
    }
    let state = call.auth.campaign_state(&session, call.context.now);
    let session = Box::pin(forward::renew(call, headers, &session, state)).await;
    let session = session.map_err(|rejection| (rejection, true))?;
    Ok(security_token(&session).unwrap_or_else(|| see_other(wanted.target.as_str())))
}

/// True when the person opened the address, by typing or from a bookmark (Fetch Metadata §2.3).
fn is_typed(headers: &http::HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "none")
}

/// The bare security token: the response of Campaign's own page to a popup. `None` without a Campaign session.
fn security_token(session: &LiveSession) -> Option<Response> {
    let token = &session.data.campaign.as_ref()?.security_token;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    Some((StatusCode::OK, headers, token.expose_secret().to_owned()).into_response())
}

/// Bytes of a form that are read: a target, a login and a password.
const MAX_FORM: usize = 64 * 1024;
