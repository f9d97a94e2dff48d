//! Requests of native accounts of Campaign (`[[campaign.native_account]]`): with a login and a password in the place of a session token, with a
//! logon, and with the ticket that it gave.

use http::{Request, Response, header};
use http_body_util::Full;

use super::call::Call;
use super::soap_call::SoapCall;
use crate::auth::NativeSession;
use crate::campaign::{logon_answer, logon_response};
use crate::policy::campaign_tokens::{TokenKind, TokenPair, Verdict, account_of, exchange_query};
use crate::policy::soap_envelope::LOGON;
use crate::proxy::Body;
use crate::telemetry::audit::{AuditAction, Subject};

/// The native account that a request names, in its query or its SOAP call, if that account may send it. Campaign checks its password.
pub fn account<B>(call: Call<'_>, request: &Request<B>, soap: Option<&SoapCall>) -> Option<String> {
    if call.site.campaign.native_accounts.is_empty() {
        return None;
    }
    let named = soap.and_then(named_in).or_else(|| in_query(request.uri().query()?))?;
    let client = call.context.client_address(request.headers());
    let campaign = &call.site.campaign;
    campaign.allows_native(&named, client, request.uri().path()).then_some(named)
}

fn named_in(soap: &SoapCall) -> Option<String> {
    if soap.envelope.method == LOGON {
        return Some(soap.envelope.parameter(&soap.bytes, 1));
    }
    let sessions = soap.envelope.tokens.iter().filter(|place| place.kind == TokenKind::Session);
    sessions.filter_map(|place| account_of(&place.value)).map(str::to_owned).next()
}

fn in_query(query: &str) -> Option<String> {
    let mut found = None;
    let mut look = |kind, value: &str| {
        if let (TokenKind::Session, Some(account)) = (kind, account_of(value)) {
            found.get_or_insert_with(|| account.to_owned());
        }
        Verdict::Keep
    };
    exchange_query(query, &mut look).ok()?;
    found
}

/// Exchanges the tokens in the response to a native account's logon for a ticket: the gateway must know them again, because it withholds
/// Campaign's cookie.
pub async fn with_ticket(call: Call<'_>, login: String, response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let (beginning, body) = body.peek(MAX_RESPONSE, |_| false).await;
    let ticket = logon_answer(&beginning).ok().and_then(|answer| {
        let tokens = TokenPair { session: answer.session_token, security: answer.security_token };
        let ticket = call.auth.native_ticket(&NativeSession { login: login.clone(), tokens })?;
        logon_response(&beginning, &ticket)
    });
    call.audit(Subject::nobody(), AuditAction::NativeLogon { login, signed_in: ticket.is_some() });
    let Some(envelope) = ticket else { return Response::from_parts(head, body) };
    head.headers.insert(header::CONTENT_LENGTH, envelope.len().into());
    Response::from_parts(head, axum::body::Body::new(Full::from(envelope)).into())
}

/// A response with the rights of an administrator has some 50 kB.
const MAX_RESPONSE: usize = 512 * 1024;
