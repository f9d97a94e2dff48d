//! The page with a new password for the client console. It is shown once.

use askama::Template;
use http::StatusCode;

use super::context::PageContext;
use super::markup::Markup;
use super::messages::Arg;
use super::page::Page;
use crate::unix_time::UnixTime;

/// A new password. No `Debug`: it is a secret.
#[derive(Clone, Copy, Template)]
#[template(path = "console_password.html")]
pub struct NewConsolePassword<'a> {
    /// What to type as the login.
    pub login: &'a str,
    /// What to type as the password.
    pub password: &'a str,
    /// Until when it is valid.
    pub ends: UnixTime,
    /// True when it is good for one logon.
    pub once: bool,
    pub page: PageContext<'a>,
}

pub fn console_password(page: &NewConsolePassword<'_>) -> Page {
    Page::render(StatusCode::OK, page.page, page)
}

impl NewConsolePassword<'_> {
    fn headline(&self) -> Markup {
        self.page.say("console-password")
    }

    fn expires(&self) -> Markup {
        let time = self.page.relative(self.ends);
        if self.once {
            self.page.format("console-ends-once", "", &[("time", Arg::Html(&time))])
        } else {
            time
        }
    }
}
