//! A rendered page and the headers that go with it.

use std::time::Duration;

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::context::PageContext;
use super::language::Language;
use super::style;

/// A rendered page with its status.
#[derive(Clone, Debug)]
pub struct Page {
    pub(super) status: StatusCode,
    pub(super) html: String,
    language: Language,
    /// The part of the content security policy that allows style and logo.
    sources: String,
    has_form: bool,
    /// A page of our own origin may show it in a frame.
    in_frame: bool,
    retry_after: Option<Duration>,
}

impl Page {
    pub(super) fn render(status: StatusCode, page: PageContext<'_>, template: &impl Template) -> Self {
        let html = template.render().expect("a template writes into a String, which does not fail");
        let PageContext { language, brand, .. } = page;
        let sources = brand.sources().to_owned();
        Self { status, html, language, sources, has_form: false, in_frame: false, retry_after: None }
    }

    pub(super) fn with_form(self) -> Self {
        Self { has_form: true, ..self }
    }

    /// Allows pages of our own origin to show it in a frame.
    pub(super) fn in_frame(self) -> Self {
        Self { in_frame: true, ..self }
    }

    /// Sends `Retry-After` (RFC 9110 §10.2.3), rounded up to whole seconds.
    pub(super) fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(10);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(self.language.tag()));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            style::policy(&self.sources, self.has_form, self.in_frame),
        );
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
