//! SOAP calls: reads the beginning of the envelope, identifies the caller by its tokens, and replaces them by Campaign's.
//!
//! Most envelopes are small and are read completely. Of a large one only the beginning is read, and the rest is forwarded unchanged.

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};

use super::call::Call;
use super::native_account;
use super::read_body;
use super::rejection::Rejection;
use super::responses::soap_response;
use super::routes::sign_out;
use super::ticket::is_ticket;
use super::token_check::{Checked, TokenHolder, TokenJudge};
use crate::auth::PasswordResult;
use crate::campaign::logoff_response;
use crate::policy::campaign_tokens::{Judge as _, TokenAction, TokenPair, account_of};
use crate::policy::native_account::NativeProof;
use crate::policy::soap_envelope::{BEARER_LOGON, Envelope, EnvelopeError, EnvelopeRest, LOGOFF, LOGON};
use crate::proxy::{BodyFilter, BodyRefused, ClientBody};
use crate::session::LiveSession;

#[derive(Debug)]
pub struct SoapCall {
    /// The parts that the gateway needs.
    pub envelope: Envelope,
    /// The bytes that were read.
    pub bytes: Bytes,
}

/// A logon, whose response holds new tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logon {
    /// `xtk:session#Logon` with this login.
    Password(String),
    /// `xtk:session#BearerTokenLogon`.
    Bearer,
}

/// Reads the beginning of the body. `None` when it is no SOAP envelope; then Campaign answers that.
///
/// # Errors
/// When the client broke off or was too slow, and when two programs may read the envelope differently.
pub async fn read(call: Call<'_>, request: &mut Request<ClientBody>) -> Result<Option<SoapCall>, Rejection> {
    let front = read_body::front(request.body_mut(), MOST, call.snapshot.limits.upload_timeout).await?;
    match Envelope::read(&front.bytes, front.is_complete) {
        Ok(envelope) => {
            if !front.is_complete {
                request.body_mut().filter(Box::<RestFilter>::default());
            }
            Ok(Some(SoapCall { envelope, bytes: front.bytes }))
        }
        Err(EnvelopeError::NotSoap) => Ok(None),
        Err(EnvelopeError::Incomplete) => {
            Err(EnvelopeError::Refused("no method and session token in its first 64 kB").into())
        }
        Err(error) => Err(error.into()),
    }
}

impl SoapCall {
    /// The ticket of the gateway in the envelope.
    pub fn ticket(&self) -> Option<&str> {
        self.envelope.tokens.iter().map(|place| place.value.as_str()).find(|token| is_ticket(token))
    }

    /// Checks the tokens in the envelope. Replaces tokens of the gateway and of earlier Campaign sessions by the current ones.
    ///
    /// # Errors
    /// When the envelope holds a value that is not forwarded.
    pub fn check(
        &self,
        call: Call<'_>,
        request: &mut Request<ClientBody>,
        holder: TokenHolder<'_>,
    ) -> Result<Checked, Rejection> {
        let logon = self.logon();
        if let Some(Logon::Password(login)) = &logon {
            let client = call.context.client_address(request.headers());
            let is_known = holder.session.is_some() || holder.account.is_some();
            let asked = (client, request.uri().path());
            let is_listed = native_account::allowed(call.base, login, asked, NativeProof::SignIn).is_some();
            let is_allowed = if call.site.campaign.is_emergency_login(login) {
                // Beside another identity, its session would not end with the emergency.
                is_listed && !is_known && holder.client_held.is_none()
            } else {
                is_listed || (is_known && native_account::may_log_on(login))
            };
            if !is_allowed {
                return Err(Rejection::InvalidLogin);
            }
        }
        let mut judge = TokenJudge::new(call.base, request, holder);
        let exchanged = self.judged(&mut judge);
        let mut checked = judge.finish(exchanged.is_ok());
        let exchanged = exchanged?;
        if !exchanged.is_empty() {
            request.body_mut().set_front(self.envelope.with_tokens(&self.bytes, &exchanged).into());
        }
        if let Some(Logon::Password(login)) = logon {
            let attempt = native_account::begin(call.base, &login, &self.envelope.parameter(&self.bytes, 2));
            let Some(attempt) = attempt else {
                native_account::end(call.base, checked.take_passwords(), PasswordResult::Unchecked);
                return Err(Rejection::InvalidLogin);
            };
            checked.add_password(attempt);
        }
        Ok(checked)
    }

    /// The tokens that are exchanged, by their index.
    fn judged(&self, judge: &mut TokenJudge) -> Result<Vec<(usize, String)>, Rejection> {
        let mut exchanged = Vec::new();
        for (index, place) in self.envelope.tokens.iter().enumerate() {
            match judge.judge(place.kind, &place.value) {
                TokenAction::Keep => {}
                TokenAction::Replace(token) => exchanged.push((index, token)),
                // A token of an earlier sign-in: the client signs in again.
                TokenAction::Refuse if account_of(&place.value).is_none() => {
                    return Err(Rejection::StaleToken);
                }
                TokenAction::Refuse => return Err(Rejection::ForeignToken),
            }
        }
        Ok(exchanged)
    }

    /// True for `xtk:session#Logoff`.
    pub fn is_logoff(&self) -> bool {
        self.envelope.method == LOGOFF
    }

    /// Signs the owner of this call out. A client with a ticket loses the ticket, and the person stays signed in.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn log_off(
        &self,
        call: Call<'_>,
        headers: &HeaderMap,
        session: &LiveSession,
        ticket: Option<&TokenPair>,
    ) -> Result<Response, Rejection> {
        let Some(ticket) = ticket else { return sign_out::by_soap(call, headers).await };
        call.auth.end_ticket(session, ticket).await?;
        Ok(soap_response(StatusCode::OK, &logoff_response()))
    }

    /// True for the logon of a client console with the e-mail address of a person.
    pub fn is_logon_of_person(&self) -> bool {
        matches!(self.logon(), Some(Logon::Password(login)) if login.contains('@'))
    }

    pub fn logon(&self) -> Option<Logon> {
        match self.envelope.method.as_str() {
            LOGON => Some(Logon::Password(self.envelope.parameter(&self.bytes, 1))),
            BEARER_LOGON => Some(Logon::Bearer),
            _ => None,
        }
    }
}

/// Watches the rest of a large envelope.
#[derive(Debug, Default)]
struct RestFilter(EnvelopeRest);

impl BodyFilter for RestFilter {
    fn push(&mut self, bytes: Bytes) -> Result<Bytes, BodyRefused> {
        self.0.push(&bytes).map(|()| bytes).map_err(|_| BodyRefused)
    }

    fn finish(&mut self) -> Result<Bytes, BodyRefused> {
        Ok(Bytes::new())
    }

    fn may_change_length(&self) -> bool {
        false
    }
}

/// Envelopes up to this length are read whole.
const MOST: usize = 64 * 1024;
