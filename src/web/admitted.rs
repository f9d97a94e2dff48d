//! A request that may go to Campaign: its tokens are checked, it is forwarded, and the response is looked into.

use std::sync::Arc;

use http::{HeaderValue, Request, Response};

use super::call::Call;
use super::forward::Sent;
use super::rejection::Rejection;
use super::routes::sign_out;
use super::saved_form::{replay, submit};
use super::soap_call::SoapCall;
use super::token_check::{TokenHolder, exchange_again};
use super::{forward, service_call, soap_call, soap_logon, token_check, upstream_request};
use crate::auth::CampaignState;
use crate::auth::ServiceAccount;
use crate::policy::anonymous_soap;
use crate::policy::campaign_sign_in::is_disconnect;
use crate::policy::campaign_tokens::TokenPair;
use crate::policy::client_kind::is_soap_router;
use crate::policy::saved_form;
use crate::proxy::{Body, ClientBody, Proxy, SentBy, WebSocketRequest};
use crate::session::LiveSession;
use crate::wire::fields::EXPIRES_IN;

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
        let found = call.site.auth.session_of_ticket(call.auth_request(request.headers()), ticket).await?;
        (self.session, self.ticket) = found.unzip();
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
            if let (Some(soap), None) = (&self.soap, &self.session) {
                self.account = service_call::logging_on(call, request, soap).await;
                let response = soap_logon::respond(call, request.headers(), soap).await?;
                return Ok(response.map(|response| response.map(Body::from)));
            }
        }
        Ok(None)
    }
}

impl Admitted {
    /// True for a SOAP call that anybody may make, and for the logon of a technical account.
    pub fn is_open_call<B>(&self, call: Call<'_>, request: &Request<B>) -> bool {
        let allowed = &call.site.instance.campaign.anonymous_soap;
        let (headers, query) = (request.headers(), request.uri().query());
        let is_open =
            |soap: &SoapCall| anonymous_soap::is_open(allowed, headers, query, &soap.envelope.method);
        self.account.is_some() || self.soap.as_ref().is_some_and(is_open)
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
    admitted: Admitted,
) -> Result<Response<Body>, (Rejection, bool)> {
    let Call { site, context, .. } = call;
    let Admitted { host, websocket, mut session, ticket, soap, account } = admitted;
    // 4. The upstream request, with a Campaign session that has not expired.
    let mut reopened = false;
    if let Some(signed_in) = &session {
        if site.instance.campaign.logoff_ends_session
            && is_disconnect(request.uri().path(), request.uri().query())
        {
            return Ok(Box::pin(sign_out::in_campaign(call, request.headers())).await.map(Body::from));
        }
        if let Some(soap) = soap.as_ref().filter(|soap| soap.is_logoff())
            && (site.instance.campaign.logoff_ends_session || ticket.is_some())
        {
            let done = Box::pin(soap.log_off(call, request.headers(), signed_in, ticket.as_ref())).await;
            return done.map(|response| response.map(Body::from)).map_err(|rejection| (rejection, true));
        }
        let state = site.auth.campaign_state(signed_in, context.now);
        if state != CampaignState::Usable {
            reopened = true;
            session = match Box::pin(forward::renew(call, request.headers(), signed_in, state)).await {
                Ok(fresh) => Some(fresh),
                // What anybody may see is shown without the person's identity.
                Err(Rejection::NoCampaignSession)
                    if site.instance.campaign.public_paths.is_public(request.uri().path()) =>
                {
                    None
                }
                Err(rejection) => return Err((rejection, true)),
            };
        }
    }
    if let Some(session) = &session
        && saved_form::may_be_replay(&request)
    {
        let replayed = replay::replay_to_end(call.to_owned(), proxy.clone(), request, host, session.clone());
        return Box::pin(replayed).await.map_err(|rejection| (rejection, true));
    }
    let (signed_in, is_soap) = (session.is_some(), is_soap_router(request.uri().path()));
    let form = session.as_ref().and_then(|session| submit::submission(call, &request, session));
    let holder = TokenHolder { session: session.as_ref(), ticket: ticket.as_ref(), given: None };
    let mut tokens =
        token_check::check(call, &mut request, holder).map_err(|rejection| (rejection, signed_in))?;
    if let Some(soap) = &soap {
        let in_envelope = soap.check(call, &mut request, holder);
        tokens = tokens.and(&in_envelope.map_err(|rejection| (rejection, signed_in))?);
    }
    if let (Some(session), Some(form)) = (&session, form) {
        let submitted = submit::submit(call, proxy, (request, host), session, (form, &tokens));
        return Box::pin(submitted).await.map_err(|rejection| (rejection, true));
    }
    let wanted = forward::wanted(&mut request, websocket).map_err(|e| (e.into(), signed_in))?;
    let (request, body) = request.into_parts();
    let mut head = upstream_request::head(call, &request, &host, session.as_deref());
    if wanted.is_some() {
        WebSocketRequest::add_fields(head.lines());
    }
    let ended = || session.as_ref().map(|session| session.ended.clone());
    let upstream = session.as_ref().and_then(|session| session.upstream());
    let sent_by = SentBy { quota_user: context.quota_user(signed_in), upstream };
    let forwarded = proxy.forward(head, body, wanted, ended, sent_by).await;
    let forwarded = forwarded.map_err(|e| (e.into(), signed_in))?;
    let Some(session) = session else {
        let Some(account) = account else { return Ok(forwarded.response) };
        return Ok(Box::pin(service_call::learn(call, &account, forwarded.response)).await);
    };
    let mut response = if soap.as_ref().is_some_and(SoapCall::is_logon) {
        Box::pin(soap_logon::learn(&session, forwarded.response)).await
    } else if tokens.has_wrong_security_token() {
        forward::check_stale(&session, &host, forwarded.response).map_err(|rejection| (rejection, true))?
    } else if forward::may_report_expired(&forwarded.response, is_soap, &session, &host) {
        let again = |fresh: &Arc<LiveSession>| {
            upstream_request::head(call, &exchange_again(&request, fresh), &host, Some(fresh))
        };
        let sent = Sent { headers: &request.headers, host: &host, session: &session };
        let checked = forward::check_response(call, proxy, sent, forwarded, again);
        Box::pin(checked).await.map_err(|rejection| (rejection, true))?
    } else {
        forwarded.response
    };
    if reopened {
        super::set_cookies::set_last_user(response.headers_mut(), &site.auth, &session);
    }
    if let Some(seconds) = session.ends_soon(context.now) {
        response.headers_mut().insert(EXPIRES_IN, seconds.into());
    }
    Ok(response)
}
