//! Handles requests whose Campaign session has ended before the gateway's session (mode `bearer-logon`).
//!
//! An expected end is handled before the request is forwarded. An unexpected end shows in a response: as XSV-350008, as a redirect to
//! Campaign's sign-in page, or as "Authentication failure". Then a new Campaign session is opened, and the request is sent again if that
//! is safe and none of its body is lost.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as _;

use super::call::Call;
use super::rejection::Rejection;
use super::set_cookies;
use crate::auth::{CampaignSessionState, ReopenReason, is_same_campaign_session};
use crate::campaign::session_report;
use crate::policy::campaign_sign_in::leads_to_sign_in;
use crate::policy::session_fault::FaultReport;
use crate::proxy::{Body, ClientBody, Forwarded, Proxy, WebSocketRequest};
use crate::session::LiveSession;
use crate::wire::framing::FramingError;
use crate::wire::request_head::RequestHead;

/// The WebSocket that a request asks for, if any.
///
/// # Errors
/// When the request has a body.
pub fn wanted(
    request: &mut Request<ClientBody>,
    websocket: bool,
) -> Result<Option<WebSocketRequest>, FramingError> {
    if websocket && !request.body().is_end_stream() {
        return Err(FramingError::BodyBeforeSwitch);
    }
    Ok(websocket.then(|| WebSocketRequest::of(request)))
}

/// The session with a Campaign session that may be used, when the present one has expired or is missing. `headers` are those of the request.
///
/// # Errors
/// When the store does not answer, or the person has no Campaign session that may be used.
pub async fn renew(
    call: Call<'_>,
    headers: &HeaderMap,
    session: &Arc<LiveSession>,
    state: CampaignSessionState,
) -> Result<Arc<LiveSession>, Rejection> {
    let reason = match state {
        CampaignSessionState::Usable => return Ok(session.clone()),
        CampaignSessionState::Expired => ReopenReason::Expired,
        CampaignSessionState::Missing => ReopenReason::Missing,
    };
    // Close to its end, a session may still be used.
    let fresh = reopen(call, headers, session, reason).await?.unwrap_or_else(|| session.clone());
    match call.auth.campaign_state(&fresh, call.context.now) {
        CampaignSessionState::Missing => Err(Rejection::NoCampaignSession),
        CampaignSessionState::Usable | CampaignSessionState::Expired => Ok(fresh),
    }
}

async fn reopen(
    call: Call<'_>,
    headers: &HeaderMap,
    session: &Arc<LiveSession>,
    reason: ReopenReason,
) -> Result<Option<Arc<LiveSession>>, Rejection> {
    let client = call.context.client_address(headers);
    Ok(call.auth.reopen_campaign_session(call.context.id, client, session, reason).await?)
}

/// The request whose response is checked.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Its header fields.
    pub headers: &'a HeaderMap,
    /// Its host.
    pub host: &'a HeaderValue,
    /// The session that it was sent with.
    pub session: &'a Arc<LiveSession>,
}

/// The result of checking a response for an ended Campaign session.
pub enum CampaignCheck {
    /// The response does not report an ended session.
    Unchanged(Response<Body>),
    /// Another Campaign session is open. The request was not processed.
    Renewed(Arc<LiveSession>, Response<Body>),
    /// No other Campaign session is open. The request was not processed.
    Refused(Response<Body>),
    /// The gateway's session has ended meanwhile. The request was not processed.
    Ended(Response<Body>),
}

/// Checks whether the response reports that the Campaign session has ended. If so, opens a new one, sends the request again if that is
/// safe, and returns the new response. `head_again` writes the head of the request for the new Campaign session.
pub async fn check_response(
    call: Call<'_>,
    proxy: &Proxy,
    sent: Sent<'_>,
    forwarded: Forwarded,
    head_again: impl FnOnce(&Arc<LiveSession>) -> RequestHead,
) -> Result<Response<Body>, Rejection> {
    let Forwarded { response, may_repeat } = forwarded;
    let (report, response) = reported(response, sent.host).await;
    let (fresh, mut response) = match outcome(call, sent, report, response).await? {
        CampaignCheck::Refused(_) if report == FaultReport::PageRefused => {
            return Err(Rejection::NoCampaignSession);
        }
        // The sign-in page of a redirect is the gateway's own.
        CampaignCheck::Unchanged(response)
        | CampaignCheck::Refused(response)
        | CampaignCheck::Ended(response) => {
            return Ok(response);
        }
        CampaignCheck::Renewed(fresh, response) => (fresh, response),
    };
    if may_repeat {
        // Frees the connection of the first response: the repetition needs one too.
        drop(response);
        let ended = || Some(fresh.ended.clone());
        let repeated = proxy.repeat(head_again(&fresh), ended, fresh.upstream(), call.times).await?;
        let (report, repeated) = reported(repeated, sent.host).await;
        if report == FaultReport::PageRefused {
            // A third attempt would end in the same way.
            return Err(Rejection::NoCampaignSession);
        }
        response = repeated;
    } else if report == FaultReport::PageRefused {
        // A program would follow the redirect and take the sign-in page for the result of its request.
        return Err(Rejection::NotProcessed);
    }
    set_cookies::set_last_user(response.headers_mut(), call.auth, &fresh);
    Ok(response)
}

/// Like [`check_response`], for a request that is not sent again.
pub async fn check_once(
    call: Call<'_>,
    sent: Sent<'_>,
    response: Response<Body>,
) -> Result<CampaignCheck, Rejection> {
    if !may_report_expired(&response, false, sent.session, sent.host) {
        return Ok(CampaignCheck::Unchanged(response));
    }
    let (report, response) = reported(response, sent.host).await;
    outcome(call, sent, report, response).await
}

async fn outcome(
    call: Call<'_>,
    sent: Sent<'_>,
    report: FaultReport,
    response: Response<Body>,
) -> Result<CampaignCheck, Rejection> {
    let reason = match report {
        FaultReport::SessionExpired => ReopenReason::Fault,
        FaultReport::PageRefused => ReopenReason::Page,
        FaultReport::Other | FaultReport::Undecided => return Ok(CampaignCheck::Unchanged(response)),
    };
    let fresh = reopen(call, sent.headers, sent.session, reason).await?;
    Ok(match fresh {
        Some(fresh) if !is_same_campaign_session(&fresh, sent.session) => {
            CampaignCheck::Renewed(fresh, response)
        }
        Some(_) => CampaignCheck::Refused(response),
        None => CampaignCheck::Ended(response),
    })
}

/// What a response reports about the Campaign session, and the unchanged response. A response without a fault is passed on as soon as its
/// first element has arrived.
pub async fn reported(response: Response<Body>, host: &HeaderValue) -> (FaultReport, Response<Body>) {
    if is_sign_in_redirect(&response, host) {
        return (FaultReport::PageRefused, response);
    }
    let (head, body) = response.into_parts();
    let report = |seen: &[u8]| session_report(&head.headers, seen);
    let (beginning, body) = body.peek(FAULT_BYTES, |seen| report(seen) != FaultReport::Undecided).await;
    (report(&beginning), Response::from_parts(head, body))
}

/// True for a response that may report an ended Campaign session: a 403; a redirect to Campaign's sign-in page; or a 200 or 500 of the SOAP
/// router, as some builds send faults, in XML or as plain text. `host` is the host of the request.
pub fn may_report_expired<B>(
    response: &Response<B>,
    is_soap: bool,
    session: &LiveSession,
    host: &HeaderValue,
) -> bool {
    session.data.campaign.is_some() && looks_expired(response, is_soap, host)
}

/// The same for any response to a request with a Campaign session.
pub fn looks_expired<B>(response: &Response<B>, is_soap: bool, host: &HeaderValue) -> bool {
    let status = response.status();
    let may_be_fault = matches!(status, StatusCode::OK | StatusCode::INTERNAL_SERVER_ERROR);
    status == StatusCode::FORBIDDEN || (is_soap && may_be_fault) || is_sign_in_redirect(response, host)
}

/// Whether Campaign refuses the caller with this response, and the unchanged response.
pub async fn is_refused(response: Response<Body>, host: &HeaderValue) -> (bool, Response<Body>) {
    let is_forbidden = response.status() == StatusCode::FORBIDDEN;
    let (report, response) = reported(response, host).await;
    (is_forbidden || matches!(report, FaultReport::SessionExpired | FaultReport::PageRefused), response)
}

/// The response to a request with a wrong security token. A redirect to the sign-in page would be an endless loop.
///
/// # Errors
/// When the response is such a redirect.
pub fn check_stale(
    session: &LiveSession,
    host: &HeaderValue,
    response: Response<Body>,
) -> Result<Response<Body>, Rejection> {
    if session.data.campaign.is_some() && is_sign_in_redirect(&response, host) {
        return Err(Rejection::StalePage);
    }
    Ok(response)
}

fn is_sign_in_redirect<B>(response: &Response<B>, host: &HeaderValue) -> bool {
    response.status().is_redirection()
        && response
            .headers()
            .get(header::LOCATION)
            .is_some_and(|location| leads_to_sign_in(location.as_bytes(), host.as_bytes()))
}

/// Bytes of a response in which a fault must show.
const FAULT_BYTES: usize = 16 * 1024;
