//! The page for a frame whose session has ended. Its link opens the sign-in in the whole window.

use askama::Template;
use http::StatusCode;

use super::context::PageContext;
use super::markup::Markup;
use super::page::Page;

#[derive(Clone, Copy, Debug, Template)]
#[template(path = "framed.html")]
struct Framed<'a> {
    /// Where the link leads, a path on this origin.
    link: &'a str,
    page: PageContext<'a>,
}

/// 401 for a page in a frame whose session has ended.
pub fn framed(link: &str, page: PageContext<'_>) -> Page {
    Page::render(StatusCode::UNAUTHORIZED, page, &Framed { link, page }).in_frame()
}

impl Framed<'_> {
    fn headline(&self) -> Markup {
        self.page.say("framed")
    }
}
