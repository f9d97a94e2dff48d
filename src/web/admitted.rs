//! A request that may go to Campaign: its tokens are checked, it is forwarded, and the response is looked into.

use std::sync::Arc;

use http::{HeaderValue, Request, Response, header};
use secrecy::ExposeSecret as _;

use super::call::Call;
use super::forward::Sent;
use super::rejection::Rejection;
use super::responses::announce_end;
use super::routes::sign_out;
use super::saved_form::{replay, submit};
use super::soap_call::SoapCall;
use super::token_check::{TokenHolder, exchange_again};
use super::{forward, native_call, service_call, soap_call, soap_logon, token_check, upstream_request};
use crate::auth::{CampaignState, NativeSession, ServiceAccount, TicketOwner};
use crate::policy::anonymous_soap;
use crate::policy::campaign_sign_in::is_disconnect;
use crate::policy::campaign_tokens::TokenPair;
use crate::policy::client_kind::is_soap_router;
use crate::policy::saved_form;
use crate::proxy::{Body, ClientBody, IssuedToken, Proxy, SentBy, WebSocketRequest};
use crate::session::LiveSession;
use crate::telemetry::CallerKind;

/// A request that may go to Campaign.
pub struct Admitted {
    /// Its checked host.
    pub host: HeaderValue,
    /// True for a WebSocket handshake.
    pub websocket: bool,
    /// The caller's session.
    pub session: Option<Arc<LiveSession>>,
    /// The ticket by which a SOAP client named its session.
    pub ticket: Option<TokenPair>,
    /// The SOAP call in its body.
    pub soap: Option<SoapCall>,
    /// The technical account that logs on with its access token in the envelope.
    pub account: Option<Arc<ServiceAccount>>,
    /// The native account that sends it.
    pub native: Option<Native>,
}

/// How a native account of Campaign calls.
pub enum Native {
    /// With its login and password in this request.
    Password(String),
    /// With the ticket of an earlier logon.
    Session(Arc<NativeSession>),
}

impl Admitted {
    /// Finds the session that a ticket of the gateway stands for.
    ///
    /// # Errors
    /// When the session store does not answer.
    pub async fn use_ticket(
        &mut self,
        call: Call<'_>,
        request: &Request<ClientBody>,
        ticket: &str,
    ) -> Result<(), Rejection> {
        match call.auth.owner_of_ticket(call.auth_request(request.headers()), ticket).await? {
            None => {}
            Some(TicketOwner::Person(session, ticket)) => {
                (self.session, self.ticket) = (Some(session), Some(ticket));
            }
            Some(TicketOwner::Native(session, ticket)) => {
                let client = call.context.client_address(request.headers());
                let campaign = &call.site.campaign;
                if campaign.allows_native(&session.login, client, request.uri().path()) {
                    (self.native, self.ticket) = (Some(Native::Session(session)), Some(ticket));
                }
            }
        }
        Ok(())
    }

    /// Reads the SOAP call in the body. Without a session, finds it by the ticket of the client, or signs a client console in: then the
    /// response is ready.
    ///
    /// # Errors
    /// When the envelope cannot be read, or the session store does not answer.
    pub async fn read_soap(
        &mut self,
        call: Call<'_>,
        request: &mut Request<ClientBody>,
        is_foreign: bool,
    ) -> Result<Option<Response<Body>>, Rejection> {
        self.soap = soap_call::read(call, request).await?;
        if let (Some(soap), None, false) = (&self.soap, &self.session, is_foreign) {
            let ticket = soap.ticket().map(str::to_owned);
            if let Some(ticket) = ticket {
                self.use_ticket(call, request, &ticket).await?;
            }
            self.find_native(call, request);
            if let (Some(soap), None, None) = (&self.soap, &self.session, &self.native) {
                self.account = service_call::logging_on(call, request, soap).await;
                let response = soap_logon::respond(call, request.headers(), soap).await?;
                return Ok(response.map(|response| response.map(Body::from)));
            }
        }
        Ok(None)
    }

    /// Finds the native account that the request names.
    pub fn find_native<B>(&mut self, call: Call<'_>, request: &Request<B>) {
        if self.native.is_none() {
            self.native = native_call::account(call, request, self.soap.as_ref()).map(Native::Password);
        }
    }

    /// True when the gateway knows the caller.
    pub fn is_known(&self) -> bool {
        self.session.is_some() || self.native.is_some()
    }

    /// Who sends it, as metrics tell it.
    fn kind(&self) -> CallerKind {
        match self {
            Self { session: Some(_), .. } => CallerKind::Person,
            Self { native: Some(_), .. } => CallerKind::NativeAccount,
            Self { account: Some(_), .. } => CallerKind::TechnicalAccount,
            _ => CallerKind::Anonymous,
        }
    }

    /// True for a SOAP call that anybody may make, and for the logon of a technical account.
    pub fn is_open_call<B>(&self, call: Call<'_>, request: &Request<B>) -> bool {
        let allowed = &call.site.campaign.anonymous_soap;
        let (headers, query) = (request.headers(), request.uri().query());
        let is_open =
            |soap: &SoapCall| anonymous_soap::is_open(allowed, headers, query, &soap.envelope.method);
        self.account.is_some() || self.soap.as_ref().is_some_and(is_open)
    }

    /// Renews an expired Campaign session; then `renewed` is true. Signs out who signs out in Campaign; then the response is ready.
    async fn renew(
        &mut self,
        call: Call<'_>,
        request: &Request<ClientBody>,
        renewed: &mut bool,
    ) -> Result<Option<Response<Body>>, Rejection> {
        let (site, headers, uri) = (call.site, request.headers(), request.uri());
        let Some(signed_in) = &self.session else { return Ok(None) };
        let ends_session = site.campaign.logoff_ends_session;
        if ends_session && is_disconnect(uri.path(), uri.query()) {
            return Ok(Some(Box::pin(sign_out::in_campaign(call, headers)).await.map(Body::from)));
        }
        if let Some(soap) = self.soap.as_ref().filter(|soap| soap.is_logoff())
            && (ends_session || self.ticket.is_some())
        {
            let done = Box::pin(soap.log_off(call, headers, signed_in, self.ticket.as_ref())).await?;
            return Ok(Some(done.map(Body::from)));
        }
        let state = call.auth.campaign_state(signed_in, call.context.now);
        if state == CampaignState::Usable {
            return Ok(None);
        }
        *renewed = true;
        self.session = match Box::pin(forward::renew(call, headers, signed_in, state)).await {
            Ok(fresh) => Some(fresh),
            // What anybody may see is shown without the person's identity.
            Err(Rejection::NoCampaignSession) if site.campaign.public_paths.is_public(uri.path()) => None,
            Err(rejection) => return Err(rejection),
        };
        Ok(None)
    }
}

/// Forwards a request and gives Campaign's response.
///
/// # Errors
/// The rejection, and whether the caller is signed in.
pub async fn forward_admitted(
    call: Call<'_>,
    proxy: &Arc<Proxy>,
    mut request: Request<ClientBody>,
    mut admitted: Admitted,
) -> Result<Response<Body>, (Rejection, bool)> {
    let context = call.context;
    call.times.set_caller(admitted.kind());
    // 4. The upstream request, with a Campaign session that has not expired.
    let mut reopened = false;
    let answered = admitted.renew(call, &request, &mut reopened).await;
    if let Some(answered) = answered.map_err(|rejection| (rejection, true))? {
        return Ok(answered);
    }
    let Admitted { host, websocket, session, ticket, soap, native, account } = admitted;
    if let Some(session) = &session
        && saved_form::may_be_replay(&request)
    {
        let call_of_task = call.to_owned();
        let times = call_of_task.times();
        let replayed = replay::replay_to_end(call_of_task, proxy.clone(), request, host, session.clone());
        let replayed = Box::pin(replayed).await;
        call.times.add(&times);
        return replayed.map_err(|rejection| (rejection, true));
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
    let mut tokens =
        token_check::check(call.base, &mut request, holder).map_err(|rejection| (rejection, signed_in))?;
    if let Some(soap) = &soap {
        let in_envelope = soap.check(call, &mut request, holder);
        tokens = tokens.and(&in_envelope.map_err(|rejection| (rejection, signed_in))?);
    }
    if let (Some(session), Some(form)) = (&session, form) {
        let submitted = submit::submit(call, proxy, (request, host), session, (form, &tokens));
        return Box::pin(submitted).await.map_err(|rejection| (rejection, true));
    }
    let wanted = forward::wanted(&mut request, websocket).map_err(|e| (e.into(), signed_in))?;
    let is_logon = soap.as_ref().is_some_and(SoapCall::is_logon);
    if is_logon {
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
    let ended = || session.as_ref().map(|session| session.ended.clone());
    let upstream = session.as_ref().and_then(|session| session.upstream());
    let sent_by = SentBy { quota_user: context.quota_user(signed_in), upstream, times: call.times };
    let forwarded = proxy.forward(head, body, wanted, ended, sent_by).await;
    let forwarded = forwarded.map_err(|e| (e.into(), signed_in))?;
    if let (Some(Native::Password(login)), true) = (native, is_logon) {
        return Ok(Box::pin(native_call::with_ticket(call, login, forwarded.response)).await);
    }
    let Some(session) = session else {
        let Some(account) = account else { return Ok(forwarded.response) };
        return Ok(Box::pin(service_call::learn(call, &account, forwarded.response)).await);
    };
    let mut forwarded = forwarded;
    if let Some(IssuedToken(token)) = forwarded.response.extensions_mut().remove() {
        // A page that Campaign made with this token may send it back.
        session.issued_tokens().add(token.expose_secret());
    }
    let mut response = if is_logon {
        Box::pin(soap_logon::learn(session.issued_tokens(), forwarded.response)).await
    } else if tokens.has_wrong_security_token() {
        forward::check_stale(&session, &host, forwarded.response).map_err(|rejection| (rejection, true))?
    } else if forward::may_report_expired(&forwarded.response, is_soap, &session, &host) {
        let head_again = |fresh: &Arc<LiveSession>| {
            upstream_request::head(call, &exchange_again(&request, fresh), &host, Some(fresh))
        };
        let sent = Sent { headers: &request.headers, host: &host, session: &session };
        let checked = forward::check_response(call, proxy, sent, forwarded, head_again);
        Box::pin(checked).await.map_err(|rejection| (rejection, true))?
    } else {
        forwarded.response
    };
    if reopened {
        super::set_cookies::set_last_user(response.headers_mut(), call.auth, &session);
    }
    announce_end(response.headers_mut(), &session, context.now);
    Ok(response)
}
