//! A page that says what happened and what to do next: one template for all of these texts.

use std::time::Duration;

use askama::Template;
use http::StatusCode;

use super::text::{Text, Words};
use super::{Page, PageContext};

/// A headline, a few sentences and perhaps one button.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The status of the response.
    pub status: StatusCode,
    /// What the page says.
    pub text: Text,
    /// Where the button leads, a path on this origin; empty: no button.
    pub link: &'a str,
    /// Sent as `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl<'a> Problem<'a> {
    /// A problem without a button.
    pub fn new(status: StatusCode, text: Text) -> Self {
        Self { status, text, link: "", retry_after: None }
    }

    /// The same with a button that leads to this path.
    #[must_use]
    pub fn with_link(self, link: &'a str) -> Self {
        Self { link, ..self }
    }

    /// The same with `Retry-After`.
    #[must_use]
    pub fn with_retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// The page.
    pub fn page(&self, page: PageContext<'_>) -> Page {
        let &Self { status, text, link, retry_after } = self;
        let rendered = Page::render(status, &ProblemTemplate { words: text.words(), link, page });
        match retry_after {
            Some(after) => rendered.retry_after(after),
            None => rendered,
        }
    }
}

#[derive(Clone, Copy, Debug, Template)]
#[template(path = "problem.html")]
struct ProblemTemplate<'a> {
    words: Words,
    link: &'a str,
    page: PageContext<'a>,
}

impl ProblemTemplate<'_> {
    fn headline(&self) -> &'static str {
        self.words.headline
    }
}
