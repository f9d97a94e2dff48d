//! "You do not have access": signed in at Adobe, but not let in here.

use askama::Template;
use http::StatusCode;

use super::Page;
use crate::clock::UnixTime;

/// Who was refused, and on the strength of which organisation.
///
/// The configuration names seen and the near misses are no part of it: they go to the audit trail only.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "refused.html")]
pub struct Refused<'a> {
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
    /// A session is still open here, so signing out is offered too.
    pub sign_out: bool,
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

/// 403: the person is known, and is not let in.
pub fn refused(refused: &Refused<'_>) -> Page {
    Page::render(StatusCode::FORBIDDEN, refused)
}

impl Refused<'_> {
    fn headline(&self) -> &'static str {
        if self.too_many_groups.is_some() {
            "Your account has too many Campaign groups"
        } else if self.other_organization {
            "Your account is not in this organisation"
        } else {
            "You do not have access to Campaign"
        }
    }
}
