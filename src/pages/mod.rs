//! The pages that people see: compiled templates, escaped, without scripts or foreign resources.
//!
//! Each page has one constructor. It takes borrowed, plain data and returns a [`Page`]. The response has headers that forbid caching,
//! framing, scripts and referrers.

mod console_password;
pub(crate) mod format;
mod framed;
mod me;
mod problem;
mod refused;
mod saved_form;
mod sign_out;
pub(crate) mod style;
#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

pub use self::console_password::{ConsolePassword, console_password};
pub use self::format::utc;
pub use self::framed::framed;
pub use self::me::{Me, OwnSession, me};
pub use self::problem::Problem;
pub use self::refused::{Refused, refused};
pub use self::saved_form::{ConfirmForms, Waiting, confirm_forms};
pub use self::sign_out::{confirm_sign_out, signed_out};
pub use self::text::Text;
use crate::unix_time::UnixTime;

/// What every page shows beside its own content.
#[derive(Clone, Copy, Debug)]
pub struct PageContext<'a> {
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

/// A rendered page with its status.
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
    fn render(status: StatusCode, template: &impl Template) -> Self {
        let html = template.render().expect("a template writes into a String, which does not fail");
        Self { status, html, has_form: false, in_frame: false, retry_after: None }
    }

    /// Allows the page to have a form.
    fn with_form(self) -> Self {
        Self { has_form: true, ..self }
    }

    /// Allows pages of our own origin to show it in a frame.
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
        // The address of a failed callback holds an authorization code: no referrer. A page with a form needs one, because browsers
        // send `Origin: null` without it (Fetch §3.2), and its own address holds no code.
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
