//! Forwards a request that may go to Campaign: renews its Campaign session, checks its tokens, and checks the response.

use std::sync::Arc;

use http::{HeaderValue, Request, Response, header};
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use super::admitted::{Admitted, Native};
use super::boxed::boxed;
use super::call::Call;
use super::forward::Sent;
use super::rejection::Rejection;
use super::responses::announce_end;
use super::routes::sign_out;
use super::saved_form::{replay, submit};
use super::soap_call::SoapCall;
use super::token_check::{Checked, TokenHolder, exchange_again};
use super::{
    forward, native_account, native_call, service_call, set_cookies, soap_logon, token_check,
    upstream_request,
};
use crate::auth::{CampaignSessionState, NativeSession, PasswordResult, ServiceAccount};
use crate::policy::campaign_sign_in::is_disconnect;
use crate::policy::client_kind::is_soap_router;
use crate::policy::native_account::TicketOrigin;
use crate::policy::saved_form;
use crate::policy::switches::Switch;
use crate::proxy::{Body, ClientBody, FirstServer, IssuedToken, Proxy, SentBy, WebSocketRequest};
use crate::session::LiveSession;

/// Forwards a request and gives Campaign's response.
///
/// # Errors
/// The rejection, and whether the caller is signed in.
pub async fn forward_admitted(
    call: Call<'_>,
    proxy: &Arc<Proxy>,
    mut request: Box<Request<ClientBody>>,
    mut admitted: Admitted,
) -> Result<Response<Body>, (Rejection, bool)> {
    let context = call.context;
    call.times.set_caller(admitted.kind());
    // 4. The upstream request, with a Campaign session that has not expired.
    let mut reopened = false;
    let answered = renew(&mut admitted, call, &request, &mut reopened).await;
    if let Some(answered) = answered.map_err(|rejection| (rejection, true))? {
        return Ok(answered);
    }
    // With the groups of the renewed session.
    let is_known = admitted.is_known();
    admitted.check_rules(call, &request).map_err(|rejection| (rejection, is_known))?;
    let _turn = match &admitted.native {
        Some(Native::Password(login)) => native_account::turn(call.base, &login.login).await,
        Some(Native::Session(_)) | None => None,
    };
    let Admitted { host, websocket, session, ticket, soap, native, account } = admitted;
    if let Some(session) = &session
        && saved_form::may_be_replay(&request)
    {
        let replayed = boxed(|| replay(call, proxy, (*request, host), session));
        return replayed.await.map_err(|rejection| (rejection, true));
    }
    let (signed_in, is_soap) = (session.is_some() || native.is_some(), is_soap_router(request.uri().path()));
    let native_session = match &native {
        Some(Native::Session(session)) => Some(session),
        Some(Native::Password(_)) | None => None,
    };
    let form = session.as_ref().and_then(|session| submit::submission(call, &request, session));
    let holder = TokenHolder {
        session: session.as_ref(),
        ticket: ticket.as_ref(),
        client_held: native_session.map(|native| &native.tokens),
        ..TokenHolder::default()
    };
    let tokens = check_tokens(call, &mut request, soap.as_ref(), holder);
    let mut tokens = tokens.map_err(|rejection| (rejection, signed_in))?;
    if let (Some(session), Some(form)) = (&session, form) {
        let submitted = boxed(|| submit(call, proxy, (*request, host), session, (form, tokens)));
        return submitted.await.map_err(|rejection| (rejection, true));
    }
    let wanted = forward::wanted(&mut request, websocket).map_err(|e| (e.into(), signed_in))?;
    let logon = soap.as_ref().and_then(SoapCall::logon);
    if logon.is_some() {
        // The gateway reads the response.
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    let (request, body) = request.into_parts();
    let mut head = match native_session {
        Some(native) => upstream_request::head_of_native(call, &request, &host, native),
        None => upstream_request::head(call, &request, &host, session.as_deref()),
    };
    if wanted.is_some() {
        WebSocketRequest::add_fields(head.lines());
    }
    let ended = || end_of(call, session.as_deref(), native_session.map(Arc::as_ref));
    let first = first_server(session.as_deref(), native.as_ref(), account.as_deref());
    let sent_by = SentBy { quota_user: context.quota_user(signed_in), first, times: call.times };
    let forwarded = proxy.forward(head, body, wanted, ended, sent_by).await;
    let passwords = tokens.passwords_for(call.base, &forwarded);
    let mut forwarded = forwarded.map_err(|e| (e.into(), signed_in))?;
    let has_passwords = !passwords.is_empty();
    if let (Some(Native::Password(account)), Some(_)) = (&native, &logon) {
        let account = account.clone();
        return Ok(boxed(|| native_call::with_ticket(call, account, passwords, forwarded.response)).await);
    }
    let passwords = if has_passwords && logon.is_none() {
        let good = meaning_of_good(call, session.is_some(), request.uri.path());
        let response = (forwarded.response, is_soap, &host);
        forwarded.response = boxed(|| native_account::end_with(call.base, passwords, response, good)).await;
        Vec::new()
    } else {
        passwords
    };
    let Some(session) = session else {
        let Some(account) = account else { return Ok(forwarded.response) };
        return Ok(boxed(|| service_call::learn(call, &account, forwarded.response)).await);
    };
    if let Some(IssuedToken(token)) = forwarded.response.extensions_mut().remove() {
        // A page that Campaign made with this token may send it back.
        session.issued_tokens().add(token.expose_secret());
    }
    let mut response = if let Some(logon) = &logon {
        let learned = (session.issued_tokens(), passwords);
        let logon = (logon, &request.headers);
        boxed(|| soap_logon::learn(call, logon, learned, forwarded.response)).await
    } else if tokens.has_wrong_security_token() {
        forward::check_stale(&session, &host, forwarded.response).map_err(|rejection| (rejection, true))?
    } else if !has_passwords && forward::may_report_expired(&forwarded.response, is_soap, &session, &host) {
        let head_again = |fresh: &Arc<LiveSession>| {
            upstream_request::head(call, &exchange_again(&request, fresh), &host, Some(fresh))
        };
        let sent = Sent { headers: &request.headers, host: &host, session: &session };
        let checked = boxed(|| forward::check_response(call, proxy, sent, forwarded, head_again));
        checked.await.map_err(|rejection| (rejection, true))?
    } else {
        forwarded.response
    };
    if reopened {
        set_cookies::set_last_user(response.headers_mut(), call.auth, &session);
    }
    announce_end(response.headers_mut(), &session, context.now);
    Ok(response)
}

/// The token that ends a WebSocket of this caller: of the session, or of the emergency that the ticket comes from.
fn end_of(
    call: Call<'_>,
    session: Option<&LiveSession>,
    native: Option<&NativeSession>,
) -> Option<Arc<CancellationToken>> {
    match (session, native) {
        (Some(session), _) => Some(session.ended.clone()),
        (None, Some(native)) if native.origin != TicketOrigin::Usual => {
            call.snapshot.switches.end_token(Switch::Emergency, &call.site.name, call.context.now)
        }
        (None, _) => None,
    }
}

/// Checks and replaces the tokens in the request and in the SOAP envelope in its body.
fn check_tokens(
    call: Call<'_>,
    request: &mut Request<ClientBody>,
    soap: Option<&SoapCall>,
    holder: TokenHolder<'_>,
) -> Result<Checked, Rejection> {
    let tokens = token_check::check(call.base, request, holder)?;
    match soap {
        Some(soap) => Ok(tokens.and(soap.check(call, request, holder)?)),
        None => Ok(tokens),
    }
}

/// Sends a form that can be saved.
async fn submit(
    call: Call<'_>,
    proxy: &Proxy,
    (request, host): (Request<ClientBody>, HeaderValue),
    session: &Arc<LiveSession>,
    (form, mut tokens): (submit::Submission, Checked),
) -> Result<Response<Body>, Rejection> {
    let response = submit::submit(call, proxy, (request, host.clone()), session, (form, &tokens)).await?;
    let passwords = tokens.take_passwords();
    Ok(native_account::end_with(call.base, passwords, (response, false, &host), PasswordResult::Unknown)
        .await)
}

/// Sends a saved form, and notes the times of that.
async fn replay(
    call: Call<'_>,
    proxy: &Arc<Proxy>,
    (request, host): (Request<ClientBody>, HeaderValue),
    session: &Arc<LiveSession>,
) -> Result<Response<Body>, Rejection> {
    let call_of_task = call.to_owned();
    let times = call_of_task.times();
    let replayed = replay::replay_to_end(call_of_task, proxy.clone(), request, host, session.clone()).await;
    call.times.add(&times);
    replayed
}

/// The result of a password in the place of a session token, when the response is no refusal.
fn meaning_of_good(call: Call<'_>, signed_in: bool, path: &str) -> PasswordResult {
    if signed_in {
        PasswordResult::Unknown
    } else if call.site.campaign.public_paths.is_public(path) {
        PasswordResult::Unchecked
    } else {
        PasswordResult::Accepted
    }
}

/// The server that comes first for a caller.
fn first_server<'a>(
    session: Option<&'a LiveSession>,
    native: Option<&'a Native>,
    account: Option<&'a ServiceAccount>,
) -> Option<FirstServer<'a>> {
    match (session, native, account) {
        (Some(session), ..) => Some(FirstServer::of(session.upstream(), &session.sid)),
        (None, Some(native), _) => Some(FirstServer::Of(native.login())),
        (None, None, Some(account)) => Some(FirstServer::Of(account.name())),
        (None, None, None) => None,
    }
}

/// Renews an expired Campaign session; then `renewed` is true. If the request signs out in Campaign, signs the person out here too; then
/// the response is ready.
async fn renew(
    admitted: &mut Admitted,
    call: Call<'_>,
    request: &Request<ClientBody>,
    renewed: &mut bool,
) -> Result<Option<Response<Body>>, Rejection> {
    let (site, headers, uri) = (call.site, request.headers(), request.uri());
    let Some(signed_in) = &admitted.session else { return Ok(None) };
    let ends_session = site.campaign.logoff_ends_session;
    if ends_session && is_disconnect(uri.path(), uri.query()) {
        return Ok(Some(boxed(|| sign_out::in_campaign(call, headers)).await.map(Body::from)));
    }
    if let Some(soap) = admitted.soap.as_ref().filter(|soap| soap.is_logoff())
        && (ends_session || admitted.ticket.is_some())
    {
        let done = boxed(|| soap.log_off(call, headers, signed_in, admitted.ticket.as_ref())).await?;
        return Ok(Some(done.map(Body::from)));
    }
    let state = call.auth.campaign_state(signed_in, call.context.now);
    if state == CampaignSessionState::Usable {
        return Ok(None);
    }
    *renewed = true;
    admitted.session = match boxed(|| forward::renew(call, headers, signed_in, state)).await {
        Ok(fresh) => Some(fresh),
        // What anybody may see is shown without the person's identity.
        Err(Rejection::NoCampaignSession)
            if !call.rules.needs_group() && site.campaign.public_paths.is_public(uri.path()) =>
        {
            None
        }
        Err(rejection) => return Err(rejection),
    };
    Ok(None)
}
