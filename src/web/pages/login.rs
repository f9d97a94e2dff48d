//! Sign-ins that could not be finished: Adobe is not there, or its answer cannot be used.

use std::time::Duration;

use http::StatusCode;

use super::Page;
use super::problem::{Plain, Problem, problem};
use crate::clock::UnixTime;

/// Adobe's sign-in service cannot be reached, or not in time.
#[derive(Clone, Copy, Debug)]
pub struct ImsUnavailable<'a> {
    /// The path that starts again, with the return address the person wanted.
    pub retry: &'a str,
    /// Sent as `Retry-After`.
    pub retry_after: Duration,
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

/// 503 with `Retry-After`: nobody can be signed in at the moment.
pub fn ims_unavailable(page: &ImsUnavailable<'_>) -> Page {
    let ImsUnavailable { retry, retry_after, request_id, support, now } = *page;
    problem(&Problem {
        link: retry,
        link_text: "Try again",
        retry_after: Some(retry_after),
        ..Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Adobe sign-in is not available",
            "We cannot reach Adobe’s sign-in service right now, so nobody can be signed in. Your account is fine.\n\
             Wait a moment, then try again. You will come back to the page you wanted.",
            Plain { request_id, support, now },
        )
    })
}

/// 503 with `Retry-After`: too many sign-ins wait for their turn.
pub fn sign_ins_busy(retry: &str, retry_after: Duration, plain: Plain<'_>) -> Page {
    problem(&Problem {
        link: retry,
        link_text: "Try again",
        retry_after: Some(retry_after),
        ..Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Many people are signing in",
            "More people are signing in right now than this site can serve at once. Your account is fine.\n\
             Wait a moment, then try again. You will come back to the page you wanted.",
            plain,
        )
    })
}

/// A sign-in that was begun and failed.
#[derive(Clone, Copy, Debug)]
pub struct LoginFailed<'a> {
    /// The status of the answer.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub headline: &'a str,
    /// What it means and what to do; each line is a paragraph.
    pub what_to_do: &'a str,
    /// The path that starts again; empty: no button.
    pub retry: &'a str,
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

/// The sign-in failed, with the status given.
pub fn login_failed(page: &LoginFailed<'_>) -> Page {
    let LoginFailed { status, headline, what_to_do, retry, request_id, support, now } = *page;
    problem(&Problem {
        link: retry,
        link_text: "Sign in again",
        ..Problem::new(status, headline, what_to_do, Plain { request_id, support, now })
    })
}

/// The usual reasons, each with its words and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginTrouble {
    /// IMS sent the browser back with an error, for instance `access_denied` (RFC 6749 §4.1.2.1).
    Declined,
    /// The code, the `id_token` or the profile did not pass validation.
    AnswerInvalid,
    /// The browser did not send the cookie of the login back.
    CookieMissing,
    /// The browser went round the login several times without a session at the end.
    TooManyRedirects,
    /// A token is from the future or already over: this machine's clock or Adobe's is wrong.
    Clock,
}

impl LoginTrouble {
    /// The page for this trouble. `retry` is the path that starts the login again.
    pub fn page<'a>(self, retry: &'a str, plain: Plain<'a>) -> LoginFailed<'a> {
        let Plain { request_id, support, now } = plain;
        let (status, headline, what_to_do) = self.words();
        LoginFailed { status, headline, what_to_do, retry, request_id, support, now }
    }

    fn words(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Declined => (
                StatusCode::FORBIDDEN,
                "Adobe did not sign you in",
                "Adobe ended the sign-in before it was complete. That happens when you cancel it, or when your \
                 organisation does not let this account sign in.\n\
                 Try again with the Adobe account that you use for Campaign.",
            ),
            Self::AnswerInvalid => (
                StatusCode::BAD_GATEWAY,
                "We could not confirm your sign-in",
                "Adobe’s answer did not pass our checks, so we did not let it through. Your password and your account \
                 are not the cause.\n\
                 Try again once.",
            ),
            Self::CookieMissing => (
                StatusCode::BAD_REQUEST,
                "Your browser did not keep the sign-in cookie",
                "To sign you in safely, this site sets a cookie before it sends you to Adobe. Your browser did not \
                 send that cookie back.\n\
                 Allow cookies for this site. Finish the sign-in in the same browser and the same kind of window \
                 (normal or private) that you started it in.",
            ),
            Self::TooManyRedirects => (
                StatusCode::BAD_REQUEST,
                "The sign-in keeps starting over",
                "Your browser has been sent to Adobe and back several times without getting in, so we stopped.\n\
                 Allow cookies for this site, close its other tabs, and sign in again.",
            ),
            Self::Clock => (
                StatusCode::BAD_GATEWAY,
                "The clocks do not agree",
                "Your sign-in carries a time that is too far from the time on this server, so we cannot accept it.\n\
                 You cannot mend this yourself: an administrator has to check the server’s clock.",
            ),
        }
    }
}
