//! Requests of technical accounts, which have an IMS access token instead of a session.

use std::sync::Arc;

use axum::response::Response as OwnResponse;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::json;

use super::call::Call;
use super::cors;
use super::forward::{looks_expired, reported, wanted};
use super::logon_reply::LogonReply;
use super::rejection::Rejection;
use super::request_rules::{self, Principal, RequestView};
use super::responses::{json_response, options, soap_response, soap_session_expired};
use super::soap_call::{Logon, SoapCall};
use super::token_check::{Checked, TokenHolder};
use super::{native_account, soap_call, soap_logon, token_check, upstream_request};
use crate::auth::{
    BearerRefusal, Caller, ClientHeldSession, PasswordResult, ServiceAccount, ServiceLogonError,
    ServiceSession,
};
use crate::campaign::soap_fault;
use crate::policy::account_limits;
use crate::policy::client_kind::{ClientKind, is_soap_router};
use crate::policy::session_fault::FaultReport;
use crate::policy::soap_envelope::BEARER_LOGON;
use crate::proxy::{Body, ClientBody, FirstServer, Forwarded, Proxy, SentBy, WebSocketRequest};
use crate::session::LiveSession;
use crate::telemetry::BearerResult;
use crate::telemetry::audit::AuditAction;
use crate::wire::fields::hops_left;

/// Why a request with a Bearer token is not forwarded.
#[derive(Debug)]
pub enum ServiceRefusal {
    Token(BearerRefusal),
    /// The address or the path.
    OutOfBounds,
}

/// Who may send a request.
pub enum Sender {
    /// A technical account within its networks and paths, with the Campaign session that it opened by itself, if any.
    Account(Arc<ServiceAccount>, Option<Arc<ClientHeldSession>>),
    /// A person or an unknown caller, with the refusal of an access token, if the request has one.
    Other(Option<Arc<LiveSession>>, Option<ServiceRefusal>),
}

/// Decides whether the caller of a request is a technical account that may send it.
pub fn admit<B>(call: Call<'_>, caller: Caller, request: &Request<B>, path: &str) -> Sender {
    match caller {
        Caller::Anonymous => Sender::Other(None, None),
        Caller::Session(session) => Sender::Other(Some(session), None),
        Caller::Refused(refusal) => Sender::Other(None, Some(ServiceRefusal::Token(refusal))),
        Caller::Service(account) => match check(call, &account, request, path) {
            Ok(()) => Sender::Account(account, None),
            Err(refusal) => Sender::Other(None, Some(refusal)),
        },
        Caller::ClientHeld(own_session) => match check(call, &own_session.account, request, path) {
            Ok(()) => Sender::Account(own_session.account.clone(), Some(own_session)),
            Err(refusal) => Sender::Other(None, Some(refusal)),
        },
    }
}

/// Checks address and path of a request against the account's networks and paths. A refusal goes to the audit trail.
fn check<B>(
    call: Call<'_>,
    account: &ServiceAccount,
    request: &Request<B>,
    path: &str,
) -> Result<(), ServiceRefusal> {
    let (limits, client) = (account.account(), call.context.client_address(request.headers()));
    account_limits::check(&limits.networks, &limits.paths, client, path).map_err(|wrong| {
        call.counters.account(BearerResult::Refused);
        let (path, reason, detail) = (path.to_owned(), wrong.code().to_owned(), wrong.to_string());
        call.audit_from(client, account.subject(), AuditAction::AccountRefused { path, reason, detail });
        ServiceRefusal::OutOfBounds
    })
}

/// Forwards the request of an account.
pub async fn forward(
    call: Call<'_>,
    proxy: &Proxy,
    mut request: Request<ClientBody>,
    host: &HeaderValue,
    (account, own_session): (&Arc<ServiceAccount>, Option<&ClientHeldSession>),
    websocket: bool,
) -> Result<Response<Body>, Rejection> {
    if hops_left(request.method(), request.headers()) == Some(0) {
        return Ok(options().map(Body::from));
    }
    request_rules::check_groups(call.base, RequestView::of(&request), Principal::Account(account))?;
    let auth = &call.auth;
    let (id, is_soap) = (call.context.id, is_soap_router(request.uri().path()));
    let (logon, mut tokens) = check_tokens(call, &mut request, is_soap, (account, own_session)).await?;
    if logon.is_some() {
        // The gateway reads the response.
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    let client = call.context.client_address(request.headers());
    let session =
        if own_session.is_some() { None } else { auth.service_session(id, client, account, None).await? };
    let websocket = wanted(&mut request, websocket)?;
    let (request, body) = request.into_parts();
    let head_with = |session: Option<&ServiceSession>| {
        let credentials = own_session.map(|own_session| &own_session.credentials);
        upstream_request::head_of_account(call, &request, host, account, (session, credentials))
    };
    let mut head = head_with(session.as_deref());
    if websocket.is_some() {
        WebSocketRequest::add_fields(head.lines());
    }
    let ended = || Some(account.ended.clone());
    let upstream = session.as_ref().and_then(|session| session.upstream());
    let sent_by = SentBy::person(Some(FirstServer::of(upstream, account.name())), call.times);
    let forwarded = proxy.forward(head, body, websocket, ended, sent_by).await;
    let passwords = tokens.passwords_for(call.base, &forwarded);
    let Forwarded { response, may_repeat } = forwarded?;
    let has_passwords = !passwords.is_empty();
    let mut response = if let Some(logon) = &logon {
        soap_logon::learn(call, (logon, &request.headers), (&account.issued_tokens, passwords), response)
            .await
    } else {
        let good = PasswordResult::Unknown;
        native_account::end_with(call.base, passwords, (response, is_soap, host), good).await
    };
    response = match (&session, &logon) {
        // A password that Campaign refused is not sent a second time.
        (Some(used), None) if !has_passwords && looks_expired(&response, is_soap, host) => {
            let (report, response) = reported(response, host).await;
            let is_expired = matches!(report, FaultReport::SessionExpired | FaultReport::PageRefused);
            // Opened also when this request cannot be sent again: the next one needs it.
            let fresh = if is_expired {
                auth.service_session(id, client, account, Some(used)).await.ok().flatten()
            } else {
                None
            };
            match fresh {
                Some(fresh) if may_repeat => {
                    // Frees the connection of the first response: the repetition needs one too.
                    drop(response);
                    proxy.repeat(head_with(Some(&fresh)), ended, fresh.upstream(), call.times).await?
                }
                _ => response,
            }
        }
        _ => response,
    };
    cors::allow(call.site, &request.headers, response.headers_mut());
    Ok(response)
}

/// The technical account whose access token is in this `xtk:session#BearerTokenLogon`.
pub async fn logging_on<B>(
    call: Call<'_>,
    request: &Request<B>,
    soap: &SoapCall,
) -> Option<Arc<ServiceAccount>> {
    let auth = &call.auth;
    if soap.envelope.method != BEARER_LOGON || !auth.has_accounts() {
        return None;
    }
    let token = soap.envelope.parameter(&soap.bytes, 1);
    let caller = auth.account_of(call.auth_request(request.headers()), &token).await;
    match admit(call, caller, request, request.uri().path()) {
        Sender::Account(account, _) => Some(account),
        Sender::Other(..) => None,
    }
}

/// Reads the response to that logon, and adds its tokens to those that the account may use.
pub async fn learn(
    call: Call<'_>,
    account: &Arc<ServiceAccount>,
    response: Response<Body>,
) -> Response<Body> {
    let reply = LogonReply::read(response).await;
    if let Some(tokens) = reply.tokens() {
        call.auth.remember_client_held(account, tokens);
    }
    reply.unchanged()
}

/// Refuses foreign session tokens and logins in the request, because the account's own session is added here. Returns the logon, if the
/// request is one.
async fn check_tokens(
    call: Call<'_>,
    request: &mut Request<ClientBody>,
    is_soap: bool,
    (account, own_session): (&Arc<ServiceAccount>, Option<&ClientHeldSession>),
) -> Result<(Option<Logon>, Checked), Rejection> {
    let client_held = own_session.map(|own_session| &own_session.tokens);
    let holder = TokenHolder { account: Some(account), client_held, ..TokenHolder::default() };
    let (mut logon, mut in_envelope) = (None, Checked::default());
    if is_soap
        && *request.method() == Method::POST
        && let Some(soap) = soap_call::read(call, request).await?
    {
        in_envelope = soap.check(call, request, holder)?;
        logon = soap.logon();
    }
    Ok((logon, token_check::check(call.base, request, holder)?.and(in_envelope)))
}

/// The response to a refused request: RFC 6750 §3, or a SOAP fault that Campaign's clients understand.
pub fn refuse<B>(call: Call<'_>, request: &Request<B>, refusal: &ServiceRefusal) -> OwnResponse {
    let (method, headers, path) = (request.method(), request.headers(), request.uri().path());
    let is_soap = ClientKind::of(method, headers, path) == ClientKind::Soap;
    let mut response = match refusal {
        ServiceRefusal::Token(BearerRefusal::Unavailable(pause)) => {
            Rejection::TokenUnchecked(*pause).response(call.base, true)
        }
        ServiceRefusal::Token(BearerRefusal::Invalid(_)) => {
            let answer = if is_soap { soap_session_expired() } else { refused(call, INVALID_TOKEN) };
            challenging(answer, "Bearer realm=\"imsgate\", error=\"invalid_token\"")
        }
        ServiceRefusal::Token(BearerRefusal::NoRight(_)) | ServiceRefusal::OutOfBounds => {
            let text = format!("imsgate: {} (request {})", INSUFFICIENT_SCOPE.1, call.context.id);
            let answer = if is_soap {
                soap_response(INSUFFICIENT_SCOPE.0, &soap_fault(&text))
            } else {
                refused(call, INSUFFICIENT_SCOPE)
            };
            challenging(answer, "Bearer realm=\"imsgate\", error=\"insufficient_scope\"")
        }
    };
    cors::allow(call.site, headers, response.headers_mut());
    response
}

fn refused(call: Call<'_>, (status, code): (StatusCode, &str)) -> OwnResponse {
    json_response(status, &json!({"error": code, "request_id": call.context.id.as_str()}))
}

fn challenging(mut response: OwnResponse, challenge: &'static str) -> OwnResponse {
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

impl From<ServiceLogonError> for Rejection {
    fn from(error: ServiceLogonError) -> Self {
        match error {
            ServiceLogonError::Refused(_) => Self::LogonRefused,
            ServiceLogonError::Unavailable(_) | ServiceLogonError::JustFailed => Self::LogonFailed,
        }
    }
}

/// RFC 6750 §3.1.
const INVALID_TOKEN: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "invalid_token");
const INSUFFICIENT_SCOPE: (StatusCode, &str) = (StatusCode::FORBIDDEN, "insufficient_scope");
