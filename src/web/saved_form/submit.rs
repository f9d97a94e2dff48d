//! Sends a form of a signed-in person to Campaign. If the Campaign session has ended, saves the form as if the gateway's session had ended.

use std::sync::Arc;

use axum::response::IntoResponse as _;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};

use super::save::note;
use crate::policy::client_kind::ClientKind;
use crate::policy::return_to::ReturnTo;
use crate::policy::saved_form;
use crate::proxy::{Body, ClientBody, FirstServer, Proxy, ProxyError, SentBy};
use crate::session::{FormSlot, LiveSession, SavedForm};
use crate::telemetry::audit::AuditAction;
use crate::web::addresses::resume_address;
use crate::web::call::Call;
use crate::web::forward::{self, CampaignCheck, Sent};
use crate::web::rejection::Rejection;
use crate::web::responses::{announce_end, see_other};
use crate::web::token_check::Checked;
use crate::web::{set_cookies, upstream_request};

/// A form that can be saved, before its body is read.
pub struct Submission {
    slot: FormSlot,
    target: ReturnTo,
    page: ReturnTo,
    content_type: String,
}

/// The form that a request submits, if it can be saved and there is space for it.
pub fn submission(
    call: Call<'_>,
    request: &Request<ClientBody>,
    session: &LiveSession,
) -> Option<Submission> {
    if *request.method() != Method::POST || session.data.campaign.is_none() {
        return None;
    }
    let (headers, origin) = (request.headers(), &call.auth.origin);
    if ClientKind::of(request.method(), headers, request.uri().path()) != ClientKind::Form {
        return None;
    }
    let length = request.body().size_hint().exact()?;
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let target = saved_form::check(headers, origin, Some(length), target).ok()?;
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_owned();
    let expected = usize::try_from(length).ok()?;
    let slot = call.auth.state.saved_forms.reserve(&session.data.identity.user, expected)?;
    Some(Submission { slot, target, page: saved_form::form_page(headers, origin), content_type })
}

/// Sends a form to Campaign. If the Campaign session has ended, saves the form and redirects to the page that confirms it.
pub async fn submit(
    call: Call<'_>,
    proxy: &Proxy,
    (request, host): (Request<ClientBody>, HeaderValue),
    session: &Arc<LiveSession>,
    (submission, tokens): (Submission, &Checked),
) -> Result<Response<Body>, Rejection> {
    let auth = &call.auth;
    let (head, body) = request.into_parts();
    let limit = call.snapshot.limits.upload_timeout;
    // Its length is known and was checked.
    let Ok(body) = tokio::time::timeout(limit, body.collect()).await else {
        let reason = format!("the form was not complete after {limit:?}");
        return Err(ProxyError::Client { reason, stalled: true }.into());
    };
    let body = body.map_err(ProxyError::from)?.to_bytes();
    let ended = || Some(session.ended.clone());
    let outgoing = upstream_request::head(call, &head, &host, Some(session));
    let first = FirstServer::of(session.upstream(), &session.sid);
    let sent_by = SentBy::person(Some(first), call.times);
    let response = proxy.forward(outgoing, Full::new(body.clone()), None, ended, sent_by).await?.response;
    let sent = Sent { headers: &head.headers, host: &host, session };
    let outcome = if tokens.has_wrong_security_token() {
        // Campaign refuses the form for its token, whatever the session.
        CampaignCheck::Unchanged(forward::check_stale(session, &host, response)?)
    } else {
        forward::check_once(call, sent, response).await?
    };
    let mut response = match outcome {
        CampaignCheck::Unchanged(response) => response,
        CampaignCheck::Renewed(..) | CampaignCheck::Refused(_) | CampaignCheck::Ended(_) => {
            let Submission { slot, target, page, content_type } = submission;
            let form = SavedForm {
                user: session.data.identity.user.clone(),
                target,
                page,
                content_type,
                body,
                security_token: session
                    .data
                    .campaign
                    .as_ref()
                    .map(|campaign| campaign.security_token.clone()),
                sent: call.context.now,
                expires: None,
            };
            let saved = auth.state.saved_forms.save(slot, &form).await?;
            note(AuditAction::FormSaved, call, &form);
            let mut response = see_other(&resume_address(&form.page)).into_response();
            set_cookies::set_saved_form(response.headers_mut(), &auth.cookies, saved, auth.login_timeout);
            response.map(Body::from)
        }
    };
    announce_end(response.headers_mut(), session, call.context.now);
    Ok(response)
}
