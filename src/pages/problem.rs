//! A page that says what happened and what to do next: one template for all of these texts.

use std::time::Duration;

use askama::Template;
use http::StatusCode;

use super::context::PageContext;
use super::format::local;
use super::markup::Markup;
use super::messages::Arg;
use super::next_step::NextStep;
use super::page::Page;
use super::text::Text;
use crate::policy::switches::Period;
use crate::unix_time::UnixTime;

/// A headline, a few sentences and at most one button.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    pub status: StatusCode,
    /// What the page says.
    pub text: Text,
    /// Where the button leads, a path on this origin; empty: the default address of the text.
    pub link: &'a str,
    pub retry_after: Option<Duration>,
    /// When it is over, where that is known.
    pub ends: Option<UnixTime>,
    /// True where people can sign in. Elsewhere only "try again" leads to a page that answers.
    pub can_sign_in: bool,
}

impl<'a> Problem<'a> {
    /// A problem whose button has the default address of its text.
    pub fn new(status: StatusCode, text: Text) -> Self {
        Self { status, text, link: "", retry_after: None, ends: None, can_sign_in: true }
    }

    /// The same with a button that leads to this path.
    #[must_use]
    pub fn with_link(self, link: &'a str) -> Self {
        Self { link, ..self }
    }

    #[must_use]
    pub fn with_retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// The same during maintenance that ends then.
    #[must_use]
    pub fn during_maintenance(self, ends: Option<UnixTime>, now: UnixTime) -> Self {
        Self { ends, retry_after: Some(Period::retry_after(ends, now)), ..self }
    }

    /// The same for a site where nobody may be able to sign in. Then it has no button that leads to Campaign or to a sign-in.
    #[must_use]
    pub fn at_site(self, can_sign_in: bool) -> Self {
        Self { can_sign_in, ..self }
    }

    pub fn page(&self, page: PageContext<'_>) -> Page {
        let &Self { status, text, link, retry_after, ends, can_sign_in } = self;
        let (message, next) = text.message();
        let link = if link.is_empty() { next.address() } else { local(link) };
        let label = (can_sign_in || next == NextStep::TryAgain).then(|| next.label());
        let template = ProblemTemplate { message, label, link, ends, page };
        let rendered = Page::render(status, page, &template);
        let rendered = if text.is_for_frames() { rendered.in_frame() } else { rendered };
        match retry_after {
            Some(after) => rendered.retry_after(after),
            None => rendered,
        }
    }
}

#[derive(Clone, Copy, Debug, Template)]
#[template(path = "problem.html")]
struct ProblemTemplate<'a> {
    message: &'static str,
    /// The message on the button; `None`: the page has no button.
    label: Option<&'static str>,
    link: &'a str,
    ends: Option<UnixTime>,
    page: PageContext<'a>,
}

impl ProblemTemplate<'_> {
    fn headline(&self) -> Markup {
        self.page.say(self.message)
    }

    fn end(&self) -> Option<Markup> {
        let end = self.page.relative(self.ends?);
        Some(self.page.format("maintenance-ends", "", &[("time", Arg::Html(&end))]))
    }

    fn paragraphs(&self) -> impl Iterator<Item = Markup> {
        ["p1", "p2"].into_iter().map_while(|paragraph| self.page.find(self.message, paragraph, &[]))
    }
}
