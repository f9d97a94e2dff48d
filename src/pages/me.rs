//! `/ims/me`: what the gateway knows of the person, and the buttons to sign out.

use askama::Template;
use http::StatusCode;

use super::context::PageContext;
use super::markup::Markup;
use super::messages::Arg;
use super::page::Page;
use crate::policy::device::Device;
use crate::unix_time::UnixTime;

/// The signed-in person, with the groups from Adobe and the association mask. Holds no token.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "me.html")]
pub struct Me<'a> {
    /// The e-mail address.
    pub email: &'a str,
    pub name: &'a str,
    /// The organisation whose groups count.
    pub organization: &'a str,
    pub groups: &'a [String],
    /// The person's sessions, the newest first; `None` when the store does not answer.
    pub sessions: Option<&'a [OwnSession]>,
    /// True when the person can make a password for the client console.
    pub console: bool,
    /// True when there is such a password, or a console that used one.
    pub console_used: bool,
    /// When the session ends at the latest.
    pub ends: UnixTime,
    pub page: PageContext<'a>,
}

#[derive(Clone, Copy, Debug)]
pub struct OwnSession {
    /// The browser it began in; `None` for sessions of earlier versions.
    pub device: Option<Device>,
    pub created: UnixTime,
    /// When it was last used, to about a minute.
    pub seen: UnixTime,
    pub is_this: bool,
}

/// 200: who is signed in, with which groups, until when.
pub fn me(page: &Me<'_>) -> Page {
    Page::render(StatusCode::OK, page.page, page).with_form()
}

impl Me<'_> {
    fn headline(&self) -> Markup {
        self.page.say("me")
    }

    fn ends(&self) -> Markup {
        self.page.relative(self.ends)
    }

    fn device(&self, session: &OwnSession) -> Markup {
        let device = session.device.unwrap_or_default();
        let (browser, system) = (device.browser.name(), device.system.name());
        let (id, browser, system) = match (browser, system) {
            (Some(browser), Some(system)) => ("session-full", browser, system),
            (Some(browser), None) => ("session-browser", browser, ""),
            (None, Some(system)) => ("session-system", "", system),
            (None, None) => ("session-unknown", "", ""),
        };
        self.page.format(id, "", &[("browser", Arg::Plain(browser)), ("system", Arg::Plain(system))])
    }

    fn times(&self, session: &OwnSession) -> Markup {
        let (created, seen) = (self.page.relative(session.created), self.page.relative(session.seen));
        self.page.format("session-times", "", &[("created", Arg::Html(&created)), ("seen", Arg::Html(&seen))])
    }
}
