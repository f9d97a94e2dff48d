//! Signing out: the question before it and the page after it.

use askama::Template;
use http::StatusCode;

use super::context::PageContext;
use super::markup::Markup;
use super::page::Page;

#[derive(Clone, Copy, Debug, Template)]
#[template(path = "confirm_sign_out.html")]
struct ConfirmSignOut<'a> {
    person: &'a str,
    page: PageContext<'a>,
}

/// 200: asks whether to sign out. `person` is the e-mail address or name; the form posts to `/ims/logout`.
pub fn confirm_sign_out(person: &str, page: PageContext<'_>) -> Page {
    Page::render(StatusCode::OK, page, &ConfirmSignOut { person, page }).with_form()
}

impl ConfirmSignOut<'_> {
    fn headline(&self) -> Markup {
        self.page.say("confirm-sign-out")
    }

    fn signed_in_as(&self) -> Markup {
        self.page.say_person("confirm-sign-out", "p1", self.person)
    }
}

#[derive(Clone, Copy, Debug, Template)]
#[template(path = "signed_out.html")]
struct SignedOut<'a> {
    page: PageContext<'a>,
}

/// 200: the session has ended.
pub fn signed_out(page: PageContext<'_>) -> Page {
    Page::render(StatusCode::OK, page, &SignedOut { page })
}

impl SignedOut<'_> {
    fn headline(&self) -> Markup {
        self.page.say("signed-out")
    }
}
