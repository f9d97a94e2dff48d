//! The page with a form for login and password, for an emergency in which people cannot sign in at IMS.

use askama::Template;
use http::StatusCode;

use super::context::PageContext;
use super::markup::Markup;
use super::page::Page;

#[derive(Clone, Copy, Debug, Template)]
#[template(path = "emergency.html")]
pub struct EmergencySignIn<'a> {
    /// Where the sign-in leads, a path on this origin.
    pub target: &'a str,
    /// Where the sign-in at IMS begins, a path on this origin.
    pub adobe: &'a str,
    /// What happened before.
    pub notice: Option<EmergencyNotice>,
    pub page: PageContext<'a>,
}

/// What happened before the form is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmergencyNotice {
    /// IMS cannot be reached.
    AdobeUnavailable,
    /// Login and password were not accepted.
    Refused,
}

/// The page with the form. Its status is 401, 503 or 403, depending on the notice.
pub fn emergency_sign_in(page: &EmergencySignIn<'_>) -> Page {
    let status = match page.notice {
        None => StatusCode::UNAUTHORIZED,
        Some(EmergencyNotice::AdobeUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Some(EmergencyNotice::Refused) => StatusCode::FORBIDDEN,
    };
    Page::render(status, page.page, page).with_form()
}

impl EmergencySignIn<'_> {
    fn headline(&self) -> Markup {
        self.page.say("emergency")
    }

    fn alert(&self) -> Option<Markup> {
        let name = match self.notice? {
            EmergencyNotice::AdobeUnavailable => "unavailable",
            EmergencyNotice::Refused => "refused",
        };
        Some(self.page.format("emergency", name, &[]))
    }
}
