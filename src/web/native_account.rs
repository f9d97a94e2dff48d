//! Which native accounts may use a password, and how many wrong passwords they may send.

use std::net::IpAddr;

use http::{HeaderValue, Response};
use secrecy::ExposeSecret as _;
use tokio::sync::OwnedMutexGuard;

use super::call::{BaseCall, Call};
use super::{emergency, forward};
use crate::auth::{NativeSession, OperatorAttempt, PasswordResult};
use crate::policy::campaign_tokens::TokenPair;
use crate::policy::native_account::{NativeProof, TicketOrigin, may_send, ticket_origin};
use crate::policy::switches::Switch;
use crate::proxy::{Body, ProxyError};
use crate::telemetry::audit::{AuditAction, Subject};

/// A native account that may send its login and password in this request.
#[derive(Clone, Debug)]
pub struct NativeLogin {
    /// Its login.
    pub login: String,
    /// The origin of its ticket, if this is a logon.
    pub origin: TicketOrigin,
    /// The address of the client.
    pub client: IpAddr,
}

/// This native account, if it may send a request from this address to this path. After a few wrong passwords it may not, so that Campaign
/// does not lock its operator.
pub fn allowed(
    call: BaseCall<'_>,
    login: &str,
    (client, path): (IpAddr, &str),
    proof: NativeProof,
) -> Option<NativeLogin> {
    let origin = listed(call, login, (client, path), proof)?;
    may_try(call, login).then(|| NativeLogin { login: login.to_owned(), origin, client })
}

/// True when a request with a ticket of this account may pass.
pub fn may_use(call: BaseCall<'_>, session: &NativeSession, client: IpAddr, path: &str) -> bool {
    listed(call, &session.login, (client, path), NativeProof::Ticket(session.origin)).is_some()
}

fn listed(
    call: BaseCall<'_>,
    login: &str,
    asked: (IpAddr, &str),
    proof: NativeProof,
) -> Option<TicketOrigin> {
    let account = call.site.campaign.native_account(login)?;
    let emergency = if account.emergency { emergency::period(call) } else { None };
    may_send(account.limits(), asked, proof, emergency).then(|| ticket_origin(emergency, call.context.now))
}

/// True when a logon with this login may go to Campaign, which checks the password. An e-mail address is the login of a person, whose
/// password is a console password: Campaign must not get it. [`begin`] counts the passwords of others.
pub fn may_log_on(login: &str) -> bool {
    !login.contains('@')
}

/// True while no operator with this login is close to its lock.
pub fn may_try(call: BaseCall<'_>, login: &str) -> bool {
    call.site.guesses.may_try_operator(login)
}

/// Waits for the turn of a request with a password of this account: see [`Guesses::operator_turn`](crate::auth::Guesses::operator_turn).
pub async fn turn(call: BaseCall<'_>, login: &str) -> Option<OwnedMutexGuard<()>> {
    call.site.guesses.operator_turn(login).await
}

/// Begins an attempt with this password. `None` when a wrong one could lock the operator.
pub fn begin(call: BaseCall<'_>, login: &str, password: &str) -> Option<OperatorAttempt> {
    call.site.guesses.begin_operator(login, password)
}

/// Notes what became of the passwords of a request.
pub fn end(call: BaseCall<'_>, attempts: Vec<OperatorAttempt>, result: PasswordResult) {
    for attempt in attempts {
        call.site.guesses.end_operator(attempt, result);
    }
}

/// The same for a request without a response. Passwords count as wrong, unless nothing reached Campaign.
pub fn end_unanswered(call: BaseCall<'_>, attempts: Vec<OperatorAttempt>, error: &ProxyError) {
    if matches!(error, ProxyError::Connect { .. } | ProxyError::Busy { .. } | ProxyError::Share { .. }) {
        end(call, attempts, PasswordResult::Unchecked);
    }
}

/// Reads in the response what became of the passwords in the places of session tokens. `good` is what any response but a refusal means.
pub async fn end_with(
    call: BaseCall<'_>,
    attempts: Vec<OperatorAttempt>,
    (response, is_soap, host): (Response<Body>, bool, &HeaderValue),
    good: PasswordResult,
) -> Response<Body> {
    if attempts.is_empty() {
        return response;
    }
    let (is_refused, response) = if forward::looks_expired(&response, is_soap, host) {
        forward::is_refused(response, host).await
    } else {
        (false, response)
    };
    let result = if is_refused {
        PasswordResult::Refused
    } else if good == PasswordResult::Accepted && !response.status().is_success() {
        PasswordResult::Unchecked
    } else {
        good
    };
    end(call, attempts, result);
    response
}

/// The ticket for a session of a native account at Campaign. That of an emergency account ends with the emergency.
pub fn ticket(call: Call<'_>, session: &NativeSession) -> Option<TokenPair> {
    // Campaign ends no session without its security token, and the form gives none.
    let may_log_off = !session.tokens.security.expose_secret().is_empty();
    if may_log_off && let TicketOrigin::Emergency(_) = session.origin {
        let tokens = session.tokens.clone();
        call.snapshot.switches.add_session(Switch::Emergency, &call.site.name, tokens);
    }
    call.auth.native_ticket(session)
}

/// Counts a logon, and writes it to the audit trail. `is_invalid`: Campaign says that the password is wrong.
pub fn end_logon(
    call: Call<'_>,
    account: &NativeLogin,
    attempts: Vec<OperatorAttempt>,
    (signed_in, is_invalid): (bool, bool),
) {
    let login = account.login.clone();
    let action = match account.origin {
        TicketOrigin::Usual => AuditAction::NativeLogon { login, signed_in },
        TicketOrigin::Emergency(_) => AuditAction::EmergencyLogon { login, signed_in },
    };
    call.audit_from(account.client, Subject::nobody(), action);
    let result = match (signed_in, is_invalid) {
        (true, _) => PasswordResult::SignedIn,
        (false, true) => PasswordResult::Refused,
        (false, false) => PasswordResult::Unchecked,
    };
    end(call.base, attempts, result);
}
