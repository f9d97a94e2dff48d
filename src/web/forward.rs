//! Campaign sessions that have ended before the gateway's session (mode `bearer-logon`), as requests meet them.
//!
//! An expected end is handled before the request is forwarded. An unexpected end shows as XSV-350008 in a response: a new Campaign session
//! is opened, and the request is sent again if that is safe and none of its body is lost.

use std::sync::Arc;

use http::{Request, Response, StatusCode, header};
use http_body::Body as _;

use super::call::Call;
use super::rejection::Rejection;
use super::set_cookies;
use crate::auth::is_same_campaign_session;
use crate::campaign::session_report;
use crate::policy::session_fault::Report;
use crate::proxy::{Body, ClientBody, Forwarded, Proxy, WebSocketRequest};
use crate::session::LiveSession;
use crate::unix_time::UnixTime;
use crate::wire::framing::FramingError;
use crate::wire::request_head::RequestHead;

/// The WebSocket that a request asks for, if it does.
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

/// True when the Campaign session of this session has expired.
pub fn has_expired(session: &LiveSession, now: UnixTime) -> bool {
    session.data.campaign.as_ref().is_some_and(|campaign| now >= campaign.ends)
}

/// The session with another Campaign session; see [`Authenticator::reopen_campaign_session`](crate::auth::Authenticator).
pub async fn reopen(
    call: Call<'_>,
    session: &Arc<LiveSession>,
) -> Result<Option<Arc<LiveSession>>, Rejection> {
    Ok(call.site.auth.reopen_campaign_session(call.context.id, session).await?)
}

/// Checks whether the response says that the Campaign session has ended. If so, opens a new one and, if the request may be sent again,
/// gives the response to that. `head_again` writes the head of the request for the new Campaign session.
pub async fn check_response(
    call: Call<'_>,
    proxy: &Proxy,
    session: &Arc<LiveSession>,
    forwarded: Forwarded,
    head_again: impl FnOnce(&Arc<LiveSession>) -> RequestHead,
) -> Result<Response<Body>, Rejection> {
    let Forwarded { response, again } = forwarded;
    let (is_expired, mut response) = reports_expired(response).await;
    if !is_expired {
        return Ok(response);
    }
    let Some(fresh) = reopen(call, session).await? else { return Ok(response) };
    if is_same_campaign_session(&fresh, session) {
        return Ok(response);
    }
    if again {
        // Frees the connection of the first response: the repetition needs one too.
        drop(response);
        response = proxy.repeat(head_again(&fresh), || Some(fresh.ended.clone())).await?;
    }
    set_cookies::set_last_user(response.headers_mut(), &call.site.auth, &fresh);
    Ok(response)
}

/// As [`check_response`], for a request that is not sent again: the response, or `None` when it says that the Campaign session has ended.
/// Then a new one is open.
pub async fn accepted(
    call: Call<'_>,
    session: &Arc<LiveSession>,
    response: Response<Body>,
) -> Result<Option<Response<Body>>, Rejection> {
    if response.status() != StatusCode::FORBIDDEN {
        return Ok(Some(response));
    }
    let (is_expired, response) = reports_expired(response).await;
    if !is_expired {
        return Ok(Some(response));
    }
    reopen(call, session).await?;
    Ok(None)
}

/// Whether a response reports that the Campaign session has ended, and the response unchanged. A good response is passed on as soon as
/// its first element has arrived.
pub async fn reports_expired(response: Response<Body>) -> (bool, Response<Body>) {
    let (head, body) = response.into_parts();
    let report = |seen: &[u8]| session_report(&head.headers, seen);
    let (beginning, body) = body.peek(FAULT_BYTES, |seen| report(seen) != Report::Undecided).await;
    (report(&beginning) == Report::SessionExpired, Response::from_parts(head, body))
}

/// True for a response that may report an ended Campaign session: a 403, or, on builds before 2021, a 200 of the SOAP router.
pub fn may_report_expired<B>(response: &Response<B>, is_soap: bool, session: &LiveSession) -> bool {
    session.data.campaign.is_some() && looks_expired(response, is_soap)
}

/// The same for any response to a request with a Campaign session.
pub fn looks_expired<B>(response: &Response<B>, is_soap: bool) -> bool {
    let is_xml = || {
        let kind = response.headers().get(header::CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
        kind.windows(3).any(|part| part.eq_ignore_ascii_case(b"xml"))
    };
    let status = response.status();
    status == StatusCode::FORBIDDEN || (is_soap && status == StatusCode::OK && is_xml())
}

/// Bytes of a response in which a fault must show.
const FAULT_BYTES: usize = 16 * 1024;
