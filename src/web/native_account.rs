//! Which native accounts may use a password, and how many wrong passwords they may send.

use std::net::IpAddr;

use http::{HeaderValue, Response};

use super::call::{BaseCall, Call};
use super::forward;
use crate::auth::{OperatorAttempt, PasswordResult};
use crate::proxy::{Body, ProxyError};
use crate::telemetry::audit::{AuditAction, Subject};

/// True when this native account may send a request from this address to this path. After a few wrong passwords it may not, so that
/// Campaign does not lock its operator.
pub fn is_allowed(call: BaseCall<'_>, login: &str, client: IpAddr, path: &str) -> bool {
    call.site.campaign.allows_native(login, client, path) && may_try(call, login)
}

/// True when a logon with this login may go to Campaign, which checks the password. An e-mail address is the login of a person, whose
/// password is a console password: Campaign must not get it.
pub fn may_log_on(call: BaseCall<'_>, login: &str) -> bool {
    !login.contains('@') && may_try(call, login)
}

/// True while no operator with this login is close to its lock.
pub fn may_try(call: BaseCall<'_>, login: &str) -> bool {
    call.site.guesses.may_try_operator(login)
}

/// Waits for the results of other passwords of this account, if they decide whether [`begin`] allows one more.
pub async fn wait_for_results(call: BaseCall<'_>, login: &str) {
    call.site.guesses.wait_for_results(login).await;
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

/// Counts a logon, and writes it to the audit trail. `is_invalid`: Campaign says that the password is wrong.
pub fn end_logon(
    call: Call<'_>,
    login: &str,
    attempts: Vec<OperatorAttempt>,
    (signed_in, is_invalid): (bool, bool),
) {
    call.audit(Subject::nobody(), AuditAction::NativeLogon { login: login.to_owned(), signed_in });
    let result = match (signed_in, is_invalid) {
        (true, _) => PasswordResult::SignedIn,
        (false, true) => PasswordResult::Refused,
        (false, false) => PasswordResult::Unchecked,
    };
    end(call.base, attempts, result);
}
