//! What all pages of the admin page share: the frame around the content, the style sheet, and how times are written.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use http::{StatusCode, header};
use url::form_urlencoded;

use crate::pages::{Language, Markup, STYLE, exact_time, relative_time};
use crate::unix_time::UnixTime;

/// What every page shows beside its own content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// The headline.
    pub title: &'static str,
    /// The address of the page in the navigation; empty before the sign-in.
    pub current: &'static str,
    /// The time of the request.
    pub now: UnixTime,
}

impl Frame {
    /// A page of the navigation.
    pub(super) fn of(current: &'static str, now: UnixTime) -> Self {
        let title =
            NAVIGATION.iter().find(|(address, _)| *address == current).map_or("", |&(_, title)| title);
        Self { title, current, now }
    }

    /// The pages, each with its address.
    pub(super) fn navigation(&self) -> &'static [(&'static str, &'static str)] {
        if self.current.is_empty() { &[] } else { NAVIGATION }
    }

    /// True for the address of this page.
    pub(super) fn is_current(&self, address: &str) -> bool {
        self.current == address
    }

    /// The exact time of the request.
    pub(super) fn exact(&self) -> Markup {
        exact_time(Language::English, self.now)
    }

    /// A time relative to now. Its tooltip is the exact time.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    pub(super) fn ago(&self, at: &UnixTime) -> Markup {
        relative_time(Language::English, self.now, *at)
    }
}

/// A text as the value of a query.
pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A page as a response.
pub(super) fn respond(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        // Writing into a string does not fail.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `GET /admin/style.css`: the style sheet of the pages for people, and what only this page needs.
pub(super) async fn style() -> Response {
    let style = [STYLE, include_str!("../../../templates/admin/style.css")].concat();
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], style).into_response()
}

/// The version of the gateway.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
const NAVIGATION: &[(&str, &str)] = &[
    ("/admin", "Overview"),
    ("/admin/sessions", "Sessions"),
    ("/admin/sign-ins", "Sign-ins"),
    ("/admin/why", "Why"),
    ("/admin/configuration", "Configuration"),
];
