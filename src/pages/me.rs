//! `/ims/me`: what the gateway knows of the person, and the buttons to sign out.

use askama::Template;
use http::StatusCode;

use super::{Page, PageContext};

/// What Adobe and the association mask say about the signed-in person. No token.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "me.html")]
pub struct Me<'a> {
    /// The IMS user id.
    pub user: &'a str,
    /// The e-mail address.
    pub email: &'a str,
    /// The display name.
    pub name: &'a str,
    /// The organisation whose groups count.
    pub organization: &'a str,
    /// The Campaign groups.
    pub groups: &'a [String],
    /// The person's sessions, the newest first; `None` when the store does not answer.
    pub sessions: Option<&'a [OwnSession]>,
    /// True when the person can make a password for the client console.
    pub console: bool,
    /// True when there is such a password, or a console that used one.
    pub console_used: bool,
    /// When the session ends at the latest, as people read it (see [`super::utc`]).
    pub expires_at: &'a str,
    /// What every page shows.
    pub page: PageContext<'a>,
}

/// A session as its owner sees it; times as people read them.
#[derive(Clone, Debug)]
pub struct OwnSession {
    /// When it began.
    pub created: String,
    /// When it was last used, to about a minute.
    pub seen: String,
    /// True for the one of this browser.
    pub is_this: bool,
}

/// 200: who is signed in, with which groups, until when.
pub fn me(page: &Me<'_>) -> Page {
    Page::render(StatusCode::OK, page).with_form()
}

impl Me<'_> {
    #[expect(clippy::unused_self, reason = "the base template asks every page in the same way")]
    fn headline(&self) -> &'static str {
        "Your sign-in"
    }
}
