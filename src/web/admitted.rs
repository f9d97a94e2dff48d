//! A request that may go to Campaign, and who sends it.

use std::sync::Arc;

use http::{HeaderValue, Request, Response};

use super::call::Call;
use super::native_account::NativeLogin;
use super::rejection::Rejection;
use super::request_rules::{self, Principal, RequestView};
use super::soap_call::SoapCall;
use super::{native_account, native_call, service_call, soap_call, soap_logon};
use crate::auth::{NativeSession, ServiceAccount, TicketOwner};
use crate::policy::anonymous_soap;
use crate::policy::campaign_tokens::TokenPair;
use crate::proxy::{Body, ClientBody};
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
    /// The technical account whose access token is in the envelope of a logon.
    pub account: Option<Arc<ServiceAccount>>,
    /// The native account that sends it.
    pub native: Option<Native>,
}

/// How a native account of Campaign authenticates.
pub enum Native {
    /// With its login and password in this request.
    Password(NativeLogin),
    /// With the ticket of an earlier logon.
    Session(Arc<NativeSession>),
}

impl Native {
    pub fn login(&self) -> &str {
        match self {
            Self::Password(NativeLogin { login, .. }) => login,
            Self::Session(session) => &session.login,
        }
    }
}

impl Admitted {
    /// Finds the session of a ticket.
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
                if native_account::may_use(call.base, &session, client, request.uri().path()) {
                    (self.native, self.ticket) = (Some(Native::Session(session)), Some(ticket));
                }
            }
        }
        Ok(())
    }

    /// Reads the SOAP call in the body. Without a session, finds it by the client's ticket, or signs in a client console. In the second
    /// case the response is ready.
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
        if let (Some(soap), Some(session), false) = (&self.soap, &self.session, is_foreign)
            && soap.is_logon_of_person()
        {
            // A ticket in the head comes from an earlier logon, which this logon replaces.
            let beside = Some(&**session).filter(|_| self.ticket.is_none());
            let response = soap_logon::respond(call, request.headers(), soap, beside).await?;
            return Ok(response.map(|response| response.map(Body::from)));
        }
        if let (Some(soap), None, false) = (&self.soap, &self.session, is_foreign) {
            let ticket = soap.ticket().map(str::to_owned);
            if let Some(ticket) = ticket {
                self.use_ticket(call, request, &ticket).await?;
            }
            self.find_native(call, request);
            if let (Some(soap), None, None) = (&self.soap, &self.session, &self.native) {
                self.account = service_call::logging_on(call, request, soap).await;
                let response = soap_logon::respond(call, request.headers(), soap, None).await?;
                if response.is_some() {
                    self.list_refused(call, request).await?;
                }
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

    /// Finds the native account that a form names in its body. True when it may send the request.
    ///
    /// # Errors
    /// When the beginning of the body does not arrive.
    pub async fn find_native_in_form(
        &mut self,
        call: Call<'_>,
        request: &mut Request<ClientBody>,
    ) -> Result<bool, Rejection> {
        self.native = native_call::account_in_form(call, request).await?.map(Native::Password);
        Ok(self.native.is_some())
    }

    /// Checks the caller against the rules of the configuration.
    ///
    /// # Errors
    /// When the caller has no group that a rule asks for.
    pub fn check_rules(&self, call: Call<'_>, request: &Request<ClientBody>) -> Result<(), Rejection> {
        let caller = match self {
            Self { session: Some(session), .. } => Principal::Person(session),
            Self { account: Some(account), native: None, .. } => Principal::Account(account),
            _ => Principal::Unknown,
        };
        request_rules::check_groups(call.base, RequestView::of(request), caller)
    }

    /// Lists the foreign tokens and passwords in a request of an unknown caller.
    ///
    /// # Errors
    /// When the beginning of the body does not arrive.
    pub async fn list_refused(
        &self,
        call: Call<'_>,
        request: &mut Request<ClientBody>,
    ) -> Result<(), Rejection> {
        native_call::list_refused(call, request, self.soap.as_ref()).await
    }

    /// True when the gateway knows the caller.
    pub fn is_known(&self) -> bool {
        self.session.is_some() || self.native.is_some()
    }

    /// Who sends it, for metrics.
    pub fn kind(&self) -> CallerKind {
        match self {
            Self { session: Some(_), .. } => CallerKind::Person,
            Self { native: Some(_), .. } => CallerKind::NativeAccount,
            Self { account: Some(_), .. } => CallerKind::TechnicalAccount,
            _ => CallerKind::Anonymous,
        }
    }

    /// True for a SOAP call that needs no sign-in, and for the logon of a technical account.
    pub fn is_open_call<B>(&self, call: Call<'_>, request: &Request<B>) -> bool {
        let allowed = &call.site.campaign.anonymous_soap;
        let (headers, query) = (request.headers(), request.uri().query());
        let is_open =
            |soap: &SoapCall| anonymous_soap::is_open(allowed, headers, query, &soap.envelope.method);
        let is_open_to_all = !call.rules.needs_group() && self.soap.as_ref().is_some_and(is_open);
        self.account.is_some() || is_open_to_all
    }
}
