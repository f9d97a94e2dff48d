//! A kept form goes to Campaign: once, where it was meant to go, and its answer where it was meant to be seen.
//!
//! The page at `/ims/resume` posts a mark to the form's own address. Here the form takes the mark's place, so that
//! address bar, history and relative links are those of the form.

use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;

use super::context::Context;
use super::rejection::Rejection;
use super::responses::see_other;
use super::shared::Shared;
use super::{campaign_session, cookie, dress, keep, resume, whole};
use crate::pages::{Problem, Text};
use crate::policy::origin::is_same_origin;
use crate::policy::saved_form::{self, MARK_LENGTH};
use crate::proxy::{Body, Caller, ClientBody, Proxy, ProxyError};
use crate::session::{Auth, FormId, SavedForm};
use crate::telemetry::audit::FormEvent;
use crate::wire::fields::EXPIRES_IN;

/// As [`resend`], to its end whether the client stays or not: a form is sent or kept, never lost between.
pub async fn detached(
    shared: Arc<Shared>,
    context: Context,
    proxy: Arc<Proxy>,
    request: Request<ClientBody>,
    host: HeaderValue,
    auth: Arc<Auth>,
) -> Result<Response<Body>, Rejection> {
    let work = async move { resend(&shared, &context, &proxy, request, host, &auth).await };
    tokio::spawn(work).await.unwrap_or(Err(Rejection::Stopping))
}

/// Sends what the mark names; a body that is no mark goes on as it is.
async fn resend(
    shared: &Arc<Shared>,
    context: &Context,
    proxy: &Proxy,
    request: Request<ClientBody>,
    host: HeaderValue,
    auth: &Arc<Auth>,
) -> Result<Response<Body>, Rejection> {
    let from_here = is_same_origin(request.headers(), &shared.origin);
    let (head, body) = request.into_parts();
    let whole = whole::read(body, MARK_LENGTH, shared.limits.upload_timeout).await?;
    let body = whole.ok_or(Rejection::BodyTooLarge)?;
    let Some(mark) = saved_form::mark(&body) else {
        let request = Request::from_parts(head, Full::new(body));
        return forward(shared, context, proxy, request, host, auth).await.map_err(Rejection::from);
    };
    if !from_here {
        return Err(Rejection::ForeignOrigin);
    }
    // Of another session, or of none: the page knows better.
    let Some(id) = resume::opened(shared, auth, mark) else {
        return Ok(see_other("/ims/resume").map(Body::from));
    };
    let Some(form) = shared.forms.take(id, &auth.data.identity.user).await? else {
        let mut response = Problem::new(StatusCode::GONE, Text::FormGone)
            .with_link("/")
            .page(context.page(shared))
            .into_response();
        cookie::remove_kept(response.headers_mut(), &shared.cookies, id.key());
        return Ok(response.map(Body::from));
    };
    let Some(request) = rebuilt(shared, head, auth, &form) else { return Err(Rejection::Internal) };
    match forward(shared, context, proxy, request, host, auth).await {
        Ok(response) => {
            let answer = campaign_session::refused(shared, context, auth, response).await?;
            // Campaign has done nothing with it: its session was over.
            let Some(mut response) = answer else {
                shared.forms.put_back(id, &form).await?;
                return Ok(still_saved(StatusCode::SERVICE_UNAVAILABLE, shared, context));
            };
            keep::note(FormEvent::Sent, context, &form);
            cookie::remove_kept(response.headers_mut(), &shared.cookies, id.key());
            Ok(response)
        }
        Err(error) => failed(shared, context, id, &form, error).await,
    }
}

/// The request of the mark, with address, type and body of the form.
fn rebuilt(
    shared: &Shared,
    mut head: http::request::Parts,
    auth: &Auth,
    form: &SavedForm,
) -> Option<Request<Full<Bytes>>> {
    head.method = Method::POST;
    head.uri = resume::renewed_target(auth, form).parse().ok()?;
    let body = resume::renewed(auth, form, &form.body);
    let headers = &mut head.headers;
    headers.insert(header::CONTENT_TYPE, form.content_type.parse().ok()?);
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    headers.insert(header::REFERER, format!("{}{}", shared.origin, form.page.as_str()).parse().ok()?);
    Some(Request::from_parts(head, Full::new(body.into())))
}

async fn forward(
    shared: &Shared,
    context: &Context,
    proxy: &Proxy,
    request: Request<Full<Bytes>>,
    host: HeaderValue,
    auth: &Arc<Auth>,
) -> Result<Response<Body>, ProxyError> {
    let (request, body) = request.into_parts();
    let head = dress::dress(shared, context, &request, &host, Some(auth));
    let ended = || Some(auth.ended.clone());
    let mut response = proxy.forward(head, body, None, ended, Caller::SignedIn).await?.response;
    if let Some(seconds) = auth.ends_soon(context.now) {
        response.headers_mut().insert(EXPIRES_IN, seconds.into());
    }
    Ok(response)
}

/// What never left is kept on; what may have arrived is not sent again.
async fn failed(
    shared: &Shared,
    context: &Context,
    id: FormId,
    form: &SavedForm,
    error: ProxyError,
) -> Result<Response<Body>, Rejection> {
    let rejection = Rejection::from(error);
    tracing::warn!(request = %context.id, error = %rejection, "a kept form was not answered");
    if matches!(rejection, Rejection::Upstream(ProxyError::Connect { .. } | ProxyError::Busy { .. })) {
        shared.forms.put_back(id, form).await?;
        return Ok(still_saved(rejection.status(), shared, context));
    }
    keep::note(FormEvent::Sent, context, form);
    let problem = Problem::new(StatusCode::BAD_GATEWAY, Text::FormUnknown).with_link(form.page.as_str());
    let mut response = problem.page(context.page(shared)).into_response();
    cookie::remove_kept(response.headers_mut(), &shared.cookies, id.key());
    Ok(response.map(Body::from))
}

/// The page after an attempt that did not reach Campaign.
fn still_saved(status: StatusCode, shared: &Shared, context: &Context) -> Response<Body> {
    let problem = Problem::new(status, Text::FormStillSaved);
    let problem = problem.with_link("/ims/resume").with_retry_after(Duration::from_secs(10));
    problem.page(context.page(shared)).into_response().map(Body::from)
}
