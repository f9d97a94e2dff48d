//! Signing out: the question before and the page after.

use askama::Template;
use http::StatusCode;

use super::Page;
use crate::clock::UnixTime;

/// The question before signing out.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "logout_confirm.html")]
pub struct LogoutConfirm<'a> {
    /// E-mail or name of the person signed in.
    pub person: &'a str,
    /// A token that the form sends along as `csrf`.
    pub csrf: Option<&'a str>,
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

/// 200: asks whether to sign out; the form posts to `/ims/logout`.
pub fn logout_confirm(page: &LogoutConfirm<'_>) -> Page {
    Page::render(StatusCode::OK, page).with_form()
}

impl LogoutConfirm<'_> {
    #[expect(clippy::unused_self, reason = "the base template asks every page in the same way")]
    fn headline(&self) -> &'static str {
        "Sign out of Campaign?"
    }
}

/// The page after signing out.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOut<'a> {
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

/// 200: the session is over.
pub fn signed_out(page: &SignedOut<'_>) -> Page {
    Page::render(StatusCode::OK, page)
}

impl SignedOut<'_> {
    #[expect(clippy::unused_self, reason = "the base template asks every page in the same way")]
    fn headline(&self) -> &'static str {
        "You are signed out"
    }
}
