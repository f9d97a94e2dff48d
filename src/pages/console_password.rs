//! The page with a new password for the client console. It is shown once.

use askama::Template;
use http::StatusCode;

use super::{Page, PageContext};

/// A new password. No `Debug`: it is a secret.
#[derive(Clone, Copy, Template)]
#[template(path = "console_password.html")]
pub struct ConsolePassword<'a> {
    /// What to type as the login.
    pub login: &'a str,
    /// What to type as the password.
    pub password: &'a str,
    /// Until when, as people read it (see [`super::utc`]).
    pub ends: &'a str,
    /// True when it is good for one logon.
    pub once: bool,
    /// What every page shows.
    pub page: PageContext<'a>,
}

/// 200: the password.
pub fn console_password(page: &ConsolePassword<'_>) -> Page {
    Page::render(StatusCode::OK, page).with_form()
}

impl ConsolePassword<'_> {
    #[expect(clippy::unused_self, reason = "the base template asks every page in the same way")]
    fn headline(&self) -> &'static str {
        "Your password for the client console"
    }
}
