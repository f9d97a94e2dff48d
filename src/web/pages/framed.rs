//! "Sign in again" inside a frame: small, and its link is for the whole window.

use askama::Template;
use http::StatusCode;

use super::Page;
use super::problem::Plain;
use crate::clock::UnixTime;

#[derive(Clone, Copy, Debug, Template)]
#[template(path = "framed.html")]
struct Framed<'a> {
    /// Where the link leads, a path on this origin.
    link: &'a str,
    request_id: &'a str,
    now: UnixTime,
}

/// 401 for a page in a frame whose session is over.
pub fn framed(link: &str, plain: Plain<'_>) -> Page {
    let Plain { request_id, now, .. } = plain;
    Page::render(StatusCode::UNAUTHORIZED, &Framed { link, request_id, now }).in_frame()
}

impl Framed<'_> {
    #[expect(clippy::unused_self, reason = "the base template asks every page in the same way")]
    fn headline(&self) -> &'static str {
        "Your session has ended"
    }
}
