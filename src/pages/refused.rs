//! The page for a person who signed in at Adobe and has no access here.

use askama::Template;
use http::StatusCode;

use super::context::PageContext;
use super::markup::Markup;
use super::messages::Arg;
use super::page::Page;

/// Who was refused, and whose groups counted.
///
/// Names of configurations and near misses are not shown: they go to the audit trail only.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "refused.html")]
pub struct NoAccess<'a> {
    /// E-mail or name of the person, as Adobe gave it.
    pub person: &'a str,
    /// The configured organisation: the one whose groups counted, or the one the account is not a member of.
    pub organization: &'a str,
    /// The account is not a member of `organization` at all.
    pub other_organization: bool,
    /// The account has so many groups that Campaign would refuse every request.
    pub too_many_groups: Option<usize>,
    /// Where the button for another account leads, a path on this origin.
    pub another: &'a str,
    pub page: PageContext<'a>,
}

/// 403: the person is known and has no access.
pub fn refused(refused: &NoAccess<'_>) -> Page {
    Page::render(StatusCode::FORBIDDEN, refused.page, refused)
}

impl NoAccess<'_> {
    fn message(&self) -> &'static str {
        if self.too_many_groups.is_some() {
            "refused-groups"
        } else if self.other_organization {
            "refused-organization"
        } else {
            "refused"
        }
    }

    fn headline(&self) -> Markup {
        self.page.say(self.message())
    }

    fn reason(&self) -> Markup {
        let count = self.too_many_groups.and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
        self.page.format(self.message(), "p1", &[("count", Arg::Number(count))])
    }

    fn step(&self, attribute: &str) -> Markup {
        self.page.say_contact(self.message(), attribute)
    }
}
