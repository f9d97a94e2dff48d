//! Signing out: the question before it and the page after it.

use askama::Template;
use http::StatusCode;

use super::{Page, PageContext};

#[derive(Clone, Copy, Debug, Template)]
#[template(path = "confirm_sign_out.html")]
struct ConfirmSignOut<'a> {
    person: &'a str,
    page: PageContext<'a>,
}

/// 200: asks whether to sign out. `person` is the e-mail address or name; the form posts to `/ims/logout`.
pub fn confirm_sign_out(person: &str, page: PageContext<'_>) -> Page {
    Page::render(StatusCode::OK, &ConfirmSignOut { person, page }).with_form()
}

impl ConfirmSignOut<'_> {
    #[expect(clippy::unused_self, reason = "the base template asks every page in the same way")]
    fn headline(&self) -> &'static str {
        "Sign out of Campaign?"
    }
}

#[derive(Clone, Copy, Debug, Template)]
#[template(path = "signed_out.html")]
struct SignedOut<'a> {
    page: PageContext<'a>,
}

/// 200: the session has ended.
pub fn signed_out(page: PageContext<'_>) -> Page {
    Page::render(StatusCode::OK, &SignedOut { page })
}

impl SignedOut<'_> {
    #[expect(clippy::unused_self, reason = "the base template asks every page in the same way")]
    fn headline(&self) -> &'static str {
        "You are signed out"
    }
}
