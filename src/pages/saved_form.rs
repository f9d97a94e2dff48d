//! The question whether to send the forms that were saved while nobody was signed in.

use askama::Template;
use http::StatusCode;

use super::{Page, PageContext};
use crate::unix_time::UnixTime;

/// The saved forms of one person in one browser.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "confirm_forms.html")]
pub struct ConfirmForms<'a> {
    /// The saved forms, the latest first; not empty.
    pub waiting: &'a [Waiting],
    /// E-mail or name of the person signed in.
    pub person: &'a str,
    /// What every page shows.
    pub page: PageContext<'a>,
}

/// One saved form.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Path and query it goes to.
    pub target: String,
    /// Its size.
    pub bytes: u64,
    /// When it was sent.
    pub sent: UnixTime,
    /// Until when it is saved.
    pub until: UnixTime,
    /// Identifies the form. Valid only in the session of this page.
    pub mark: String,
}

/// 200: asks whether to send the saved forms. Each button posts to the form's own address.
pub fn confirm_forms(page: &ConfirmForms<'_>) -> Page {
    Page::render(StatusCode::OK, page).with_form()
}

impl ConfirmForms<'_> {
    #[expect(clippy::unused_self, reason = "the base template asks every page in the same way")]
    fn headline(&self) -> &'static str {
        "Send what you entered?"
    }
}

impl Waiting {
    /// Without the query, which may hold secrets.
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn size(&self) -> String {
        match self.bytes {
            1 => "1 byte".to_owned(),
            bytes @ ..1000 => format!("{bytes} bytes"),
            bytes => format!("{} kB", bytes.div_ceil(1000)),
        }
    }
}
