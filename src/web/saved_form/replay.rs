//! Sends a saved form to Campaign, once, to its own address.
//!
//! The page at `/ims/resume` posts the sealed id of the form to the form's address. Here the form replaces the id. So the address bar, the
//! history and relative links are those of the form.

use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;

use super::confirm;
use super::save::note;
use crate::pages::{Problem, Text};
use crate::policy::origin::is_same_origin;
use crate::policy::saved_form::{self, REPLAY_LENGTH};
use crate::proxy::{Body, ClientBody, FirstServer, Proxy, ProxyError, SentBy};
use crate::session::{FormId, LiveSession, SavedForm};
use crate::telemetry::audit::AuditAction;
use crate::web::addresses::RESUME;
use crate::web::call::{Call, OwnedCall};
use crate::web::forward::{CampaignCheck, Sent};
use crate::web::rejection::Rejection;
use crate::web::request_rules::{self, Principal, RequestView};
use crate::web::responses::{announce_end, see_other};
use crate::web::{forward, read_body, set_cookies, upstream_request};

/// Like [`replay`], but continues if the client disconnects, so that the form is either sent or still saved.
pub async fn replay_to_end(
    call: OwnedCall,
    proxy: Arc<Proxy>,
    request: Request<ClientBody>,
    host: HeaderValue,
    session: Arc<LiveSession>,
) -> Result<Response<Body>, Rejection> {
    let work = async move { replay(call.get(), &proxy, request, host, &session).await };
    tokio::spawn(work).await.unwrap_or(Err(Rejection::Stopping))
}

/// Sends the form whose sealed id is the body. Any other body is forwarded unchanged.
async fn replay(
    call: Call<'_>,
    proxy: &Proxy,
    request: Request<ClientBody>,
    host: HeaderValue,
    session: &Arc<LiveSession>,
) -> Result<Response<Body>, Rejection> {
    let auth = &call.auth;
    let from_own_page = is_same_origin(request.headers(), &auth.origin);
    let (head, body) = request.into_parts();
    let body = read_body::read(body, REPLAY_LENGTH, call.snapshot.limits.upload_timeout).await?;
    let body = body.ok_or(Rejection::BodyTooLarge)?;
    let Some(sealed) = saved_form::sealed_id(&body) else {
        let request = Request::from_parts(head, Full::new(body));
        return send(call, proxy, request, host, session).await.map_err(Rejection::from);
    };
    if !from_own_page {
        return Err(Rejection::ForeignOrigin);
    }
    // An invalid id, or one sealed for another session: the page shows the forms of this session.
    let Some(id) = confirm::opened(auth, session, sealed) else {
        return Ok(see_other(RESUME).map(Body::from));
    };
    let Some(form) = auth.state.saved_forms.take(id, &session.data.identity.user).await? else {
        let problem = Problem::new(StatusCode::GONE, Text::FormGone);
        let mut response = problem.page(call.page()).into_response();
        set_cookies::remove_saved_form(response.headers_mut(), &auth.cookies, id.key());
        return Ok(response.map(Body::from));
    };
    let (headers, sent_to) = (head.headers.clone(), head.uri.path().to_owned());
    let Some(request) = rebuilt(call, head, session, &form) else { return Err(Rejection::Internal) };
    // The form may be for another path than the request that asks for it.
    let is_other_path = request.uri().path() != sent_to;
    if let Err(rejection) = check_rules(call, &request, session, is_other_path) {
        auth.state.saved_forms.put_back(id, &form).await?;
        return Err(rejection);
    }
    match send(call, proxy, request, host.clone(), session).await {
        Ok(response) => {
            let sent = Sent { headers: &headers, host: &host, session };
            // Campaign has not processed it: its session had ended.
            let CampaignCheck::Unchanged(mut response) = forward::check_once(call, sent, response).await?
            else {
                auth.state.saved_forms.put_back(id, &form).await?;
                return Ok(still_saved(StatusCode::SERVICE_UNAVAILABLE, call));
            };
            note(AuditAction::FormSent, call, &form);
            set_cookies::remove_saved_form(response.headers_mut(), &auth.cookies, id.key());
            Ok(response)
        }
        Err(error) => failed(call, id, &form, error).await,
    }
}

/// Compares the form with the rules of the configuration. For its own path the gate has done so, and has counted the request.
fn check_rules<B>(
    call: Call<'_>,
    request: &Request<B>,
    session: &LiveSession,
    is_other_path: bool,
) -> Result<(), Rejection> {
    let asked = RequestView::of(request);
    let call = if is_other_path { request_rules::with_rules(call.base, asked)? } else { call.base };
    request_rules::check_groups(call, asked, Principal::Person(session))
}

/// The request with the address, type and body of the form.
fn rebuilt(
    call: Call<'_>,
    mut head: http::request::Parts,
    session: &LiveSession,
    form: &SavedForm,
) -> Option<Request<Full<Bytes>>> {
    head.method = Method::POST;
    head.uri = confirm::renewed_target(session, form).parse().ok()?;
    let body = confirm::renewed(session, form, &form.body);
    let headers = &mut head.headers;
    headers.insert(header::CONTENT_TYPE, form.content_type.parse().ok()?);
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    let referer = format!("{}{}", call.auth.origin, form.page.as_str());
    headers.insert(header::REFERER, referer.parse().ok()?);
    Some(Request::from_parts(head, Full::new(body.into())))
}

async fn send(
    call: Call<'_>,
    proxy: &Proxy,
    request: Request<Full<Bytes>>,
    host: HeaderValue,
    session: &Arc<LiveSession>,
) -> Result<Response<Body>, ProxyError> {
    let (request, body) = request.into_parts();
    let head = upstream_request::head(call, &request, &host, Some(session));
    let ended = || Some(session.ended.clone());
    let first = FirstServer::of(session.upstream(), &session.sid);
    let sent_by = SentBy::person(Some(first), call.times);
    let mut response = proxy.forward(head, body, None, ended, sent_by).await?.response;
    announce_end(response.headers_mut(), session, call.context.now);
    Ok(response)
}

/// A form that was not sent stays saved. One that Campaign may have received is not sent again.
async fn failed(
    call: Call<'_>,
    id: FormId,
    form: &SavedForm,
    error: ProxyError,
) -> Result<Response<Body>, Rejection> {
    let auth = &call.auth;
    let rejection = Rejection::from(error);
    tracing::warn!(request = %call.context.id, error = %rejection, "Campaign did not answer a saved form");
    if matches!(rejection, Rejection::Upstream(ProxyError::Connect { .. } | ProxyError::Busy { .. })) {
        auth.state.saved_forms.put_back(id, form).await?;
        return Ok(still_saved(rejection.status(), call));
    }
    note(AuditAction::FormSent, call, form);
    let problem = Problem::new(StatusCode::BAD_GATEWAY, Text::FormUnknown).with_link(form.page.as_str());
    let mut response = problem.page(call.page()).into_response();
    set_cookies::remove_saved_form(response.headers_mut(), &auth.cookies, id.key());
    Ok(response.map(Body::from))
}

/// The page after an attempt that did not reach Campaign.
fn still_saved(status: StatusCode, call: Call<'_>) -> Response<Body> {
    let problem = Problem::new(status, Text::FormStillSaved);
    let problem = problem.with_link(RESUME).with_retry_after(Duration::from_secs(10));
    problem.page(call.page()).into_response().map(Body::from)
}
