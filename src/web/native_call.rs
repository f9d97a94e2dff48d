//! Requests of native accounts of Campaign (`[[campaign.native_account]]`): with login and password in place of a session token, with a
//! logon, and with the ticket from a logon.

use bytes::Bytes;
use http::{Request, Response};

use super::body_scanner::{self, BodyScanner};
use super::call::Call;
use super::logon_reply::LogonReply;
use super::native_account::{allowed, end_logon, ticket};
use super::read_body;
use super::refused_tokens::RefusedTokens;
use super::rejection::Rejection;
use super::soap_call::SoapCall;
use crate::auth::{NativeSession, OperatorAttempt};
use crate::config::ForeignTokens;
use crate::policy::campaign_tokens::{Judge as _, TokenAction, TokenKind, account_of, exchange_query};
use crate::policy::native_account::{NativeProof, TicketOrigin};
use crate::policy::soap_envelope::LOGON;
use crate::proxy::{Body, ClientBody};

/// A native account that may send its login and password in this request.
#[derive(Clone, Debug)]
pub struct NativeLogin {
    pub login: String,
    /// The origin of its ticket, if this is a logon.
    pub origin: TicketOrigin,
}

/// The native account in the query or the SOAP call of a request, if that account may send it. Campaign checks its password.
pub fn account<B>(call: Call<'_>, request: &Request<B>, soap: Option<&SoapCall>) -> Option<NativeLogin> {
    if call.site.campaign.native_accounts.is_empty() {
        return None;
    }
    let in_query = || Some((in_query(request.uri().query()?)?, NativeProof::Password));
    let (login, proof) = soap.and_then(named_in).or_else(in_query)?;
    let client = call.context.client_address(request.headers());
    let origin = allowed(call.base, &login, (client, request.uri().path()), proof)?;
    Some(NativeLogin { login, origin })
}

/// The native account in a form, if that account may send the request. Reads the beginning of the body.
///
/// # Errors
/// When the beginning of the body does not arrive.
pub async fn account_in_form(
    call: Call<'_>,
    request: &mut Request<ClientBody>,
) -> Result<Option<NativeLogin>, Rejection> {
    if call.site.campaign.native_accounts.is_empty() || BodyScanner::of(request).is_none() {
        return Ok(None);
    }
    let (beginning, is_complete) = beginning(call, request).await?;
    let client = call.context.client_address(request.headers());
    let named = body_scanner::account_in(request.headers(), &beginning, is_complete);
    Ok(named.and_then(|login| {
        let asked = (client, request.uri().path());
        let origin = allowed(call.base, &login, asked, NativeProof::Password)?;
        Some(NativeLogin { login, origin })
    }))
}

/// Lists the values in a request that nobody may send (`campaign.foreign_tokens = "report"`). Of a form its beginning is read.
///
/// # Errors
/// When the beginning of the body does not arrive.
pub async fn list_refused(
    call: Call<'_>,
    request: &mut Request<ClientBody>,
    soap: Option<&SoapCall>,
) -> Result<(), Rejection> {
    if call.site.campaign.foreign_tokens == ForeignTokens::Refuse {
        return Ok(());
    }
    let form = if BodyScanner::of(request).is_some() { Some(beginning(call, request).await?) } else { None };
    let mut listed = RefusedTokens::new(call.base, request);
    listed.in_head(request);
    if let Some((beginning, is_complete)) = form {
        body_scanner::read(request.headers(), (&beginning, is_complete), &mut listed);
    }
    for place in soap.iter().flat_map(|soap| &soap.envelope.tokens) {
        listed.judge(place.kind, &place.value);
    }
    if let Some(soap) = soap.filter(|soap| soap.envelope.method == LOGON) {
        listed.login(&soap.envelope.parameter(&soap.bytes, 1));
    }
    Ok(())
}

/// The beginning of a body, and whether it is all of it.
async fn beginning(call: Call<'_>, request: &mut Request<ClientBody>) -> Result<(Bytes, bool), Rejection> {
    let front = read_body::front(request.body_mut(), MOST, call.snapshot.limits.upload_timeout).await?;
    // The last piece may reach further.
    let beginning = front.bytes.slice(..front.bytes.len().min(MOST));
    let is_complete = front.is_complete && beginning.len() == front.bytes.len();
    Ok((beginning, is_complete))
}

fn named_in(soap: &SoapCall) -> Option<(String, NativeProof)> {
    if soap.envelope.method == LOGON {
        return Some((soap.envelope.parameter(&soap.bytes, 1), NativeProof::SignIn));
    }
    let sessions = soap.envelope.tokens.iter().filter(|place| place.kind == TokenKind::Session);
    let mut named = sessions.filter_map(|place| account_of(&place.value));
    Some((named.next()?.to_owned(), NativeProof::Password))
}

fn in_query(query: &str) -> Option<String> {
    let mut found = None;
    let mut look = |kind, value: &str| {
        if let (TokenKind::Session, Some(account)) = (kind, account_of(value)) {
            found.get_or_insert_with(|| account.to_owned());
        }
        TokenAction::Keep
    };
    exchange_query(query, &mut look).ok()?;
    found
}

/// Replaces the tokens in the response to a native account's logon by a ticket, so that the gateway can recognise later requests.
pub async fn with_ticket(
    call: Call<'_>,
    NativeLogin { login, origin }: NativeLogin,
    attempts: Vec<OperatorAttempt>,
    response: Response<Body>,
) -> Response<Body> {
    let reply = LogonReply::read(response).await;
    let tokens = reply.tokens();
    end_logon(call, (&login, origin), attempts, (tokens.is_some(), reply.is_invalid_login()));
    match tokens.and_then(|tokens| ticket(call, &NativeSession { login, tokens, origin })) {
        Some(ticket) => reply.with_tokens(&ticket),
        None => reply.unchanged(),
    }
}

/// The account must be within this number of bytes of a form.
const MOST: usize = 64 * 1024;
