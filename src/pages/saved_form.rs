//! The question whether to send the forms that were saved while nobody was signed in.

use askama::Template;
use http::StatusCode;

use super::context::PageContext;
use super::markup::Markup;
use super::messages::Arg;
use super::page::Page;
use crate::unix_time::UnixTime;

/// The saved forms of one person in one browser.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "confirm_forms.html")]
pub struct ConfirmForms<'a> {
    /// The saved forms, the latest first; not empty.
    pub waiting: &'a [Waiting],
    /// E-mail or name of the person signed in.
    pub person: &'a str,
    pub page: PageContext<'a>,
}

#[derive(Clone, Debug)]
pub struct Waiting {
    /// Path and query of the page that it was filled in on.
    pub page: String,
    /// Path and query it goes to.
    pub target: String,
    pub sent: UnixTime,
    pub until: UnixTime,
    /// Identifies the form. Valid only in the session of this page.
    pub mark: String,
}

/// 200: asks whether to send the saved forms. Each button posts to the form's own address.
pub fn confirm_forms(page: &ConfirmForms<'_>) -> Page {
    Page::render(StatusCode::OK, page.page, page).with_form()
}

impl ConfirmForms<'_> {
    fn headline(&self) -> Markup {
        self.page.say("confirm-forms")
    }

    fn question(&self) -> Markup {
        let count = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        let person = Markup::strong(self.person);
        self.page.format(
            "confirm-forms",
            "p1",
            &[("count", Arg::Number(count)), ("person", Arg::Html(&person))],
        )
    }

    fn sent(&self, form: &Waiting) -> Markup {
        self.page.relative(form.sent)
    }

    fn until(&self, form: &Waiting) -> Markup {
        self.page.relative(form.until)
    }
}

impl Waiting {
    /// The page without its query, which may hold secrets. `None` when the browser did not send it, or when it is the target.
    fn page_path(&self) -> Option<&str> {
        Some(path(&self.page)).filter(|page| *page != "/" && *page != self.target_path())
    }

    fn target_path(&self) -> &str {
        path(&self.target)
    }
}

fn path(address: &str) -> &str {
    address.split('?').next().unwrap_or_default()
}
