//! Where a sign-in ends.

use axum::response::Response;

use super::responses::see_other;
use super::resume;
use crate::policy::return_to::ReturnTo;

/// Where the person goes after the login.
pub(super) struct Destination {
    /// The address.
    pub(super) return_to: ReturnTo,
    /// By way of the form that waits for it.
    pub(super) resumes: bool,
}

impl Destination {
    /// The way there.
    pub(super) fn redirect(&self) -> Response {
        if self.resumes {
            see_other(&resume::path(&self.return_to))
        } else {
            see_other(self.return_to.as_str())
        }
    }
}
