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
    /// A session is still open here, so signing out is offered too.
    pub sign_out: bool,
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

/// 403: the person is known, and no group gives access.
pub fn refused(refused: &Refused<'_>) -> Page {
    Page::render(StatusCode::FORBIDDEN, refused)
}

impl Refused<'_> {
    fn headline(&self) -> &'static str {
        if self.other_organization {
            "Your account is not in this organisation"
        } else {
            "You do not have access to Campaign"
        }
    }
}
