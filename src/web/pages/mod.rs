//! The pages people see: compiled templates, escaped, without script or any foreign resource.
//!
//! One constructor a page. Each takes borrowed, plain data and gives a [`Page`], which becomes an answer with the
//! headers that keep it alone in its tab: no cache, no frame, no script, no referrer.

mod framed;
mod login;
mod logout;
mod me;
mod problem;
mod refused;
mod resume;
pub(crate) mod stamp;
pub(crate) mod style;
#[cfg(test)]
mod tests;

use std::time::Duration;

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

pub use self::framed::framed;
pub use self::login::{
    ImsUnavailable, LoginFailed, LoginTrouble, ims_unavailable, login_failed, sign_ins_busy,
};
pub use self::logout::{LogoutConfirm, SignedOut, logout_confirm, signed_out};
pub use self::me::{Me, OwnSession, me};
pub use self::problem::{
    CampaignUnavailable, Plain, Problem, bad_request, campaign_unavailable, denied, internal, misdirected,
    not_found, problem, too_large,
};
pub use self::refused::{Refused, refused};
pub use self::resume::{Resume, Waiting, kept_for_another, kept_no_more, not_kept, resume, still_kept};
pub use self::stamp::utc;

/// A finished page: what to send, with which status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    status: StatusCode,
    html: String,
    has_form: bool,
    /// A page of our own origin may show it in a frame.
    in_frame: bool,
    retry_after: Option<Duration>,
}

impl Page {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The whole document.
    pub fn html(&self) -> &str {
        &self.html
    }

    fn render(status: StatusCode, template: &impl Template) -> Self {
        let html = template.render().expect("a template writes into a String, which does not fail");
        Self { status, html, has_form: false, in_frame: false, retry_after: None }
    }

    /// Lets this page have a form.
    fn with_form(self) -> Self {
        Self { has_form: true, ..self }
    }

    /// Lets pages of our own origin show it in a frame.
    fn in_frame(self) -> Self {
        Self { in_frame: true, ..self }
    }

    /// Sends `Retry-After` (RFC 9110 §10.2.3), rounded up to whole seconds.
    fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::CONTENT_SECURITY_POLICY, style::policy(self.has_form, self.in_frame));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // A failed callback's own address holds a code, so its page names it to nobody. A page with a form has no such
        // address, and needs to: without a referrer browsers send `Origin: null` (Fetch §3.2).
        let referrer = if self.has_form { "same-origin" } else { "no-referrer" };
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(referrer));
        let framing = if self.in_frame { "SAMEORIGIN" } else { "DENY" };
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static(framing));
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        headers
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        (self.status, self.headers(), self.html).into_response()
    }
}
