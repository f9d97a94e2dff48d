//! Which native accounts may use a password, and how many wrong passwords they may send.

use std::net::IpAddr;

use super::call::{BaseCall, Call};
use crate::auth::Guesses;
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

/// Counts a password that Campaign accepted or refused.
pub fn note_password(call: BaseCall<'_>, login: &str, accepted: bool) {
    let Some(guesses) = guesses(call) else { return };
    if accepted { guesses.note_operator_success(login) } else { guesses.note_operator_failure(login) }
}

/// Counts a logon, and writes it to the audit trail. `is_invalid`: Campaign says that the password is wrong.
pub fn note_logon(call: Call<'_>, login: &str, signed_in: bool, is_invalid: bool) {
    call.audit(Subject::nobody(), AuditAction::NativeLogon { login: login.to_owned(), signed_in });
    if signed_in || is_invalid {
        note_password(call.base, login, signed_in);
    }
}

fn may_try(call: BaseCall<'_>, login: &str) -> bool {
    guesses(call).is_none_or(|guesses| guesses.may_try_operator(login))
}

/// `None` where nobody signs in.
fn guesses(call: BaseCall<'_>) -> Option<&Guesses> {
    call.site.auth.as_ref().map(|auth| &auth.state.guesses)
}
