//! Turns the demo's templates into responses.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};

/// A page that is not cached and sends no referrer to other origins.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    let Ok(html) = template.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Not `no-referrer`: a browser would then send `Origin: null` with the forms.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    );
    response
}

/// A page of the IMS simulator with a title and a few paragraphs.
#[derive(Template)]
#[template(path = "demo/ims_message.html")]
pub(super) struct ImsMessage<'a> {
    pub(super) title: &'a str,
    pub(super) paragraphs: &'a [&'a str],
}

/// A page of the Campaign simulator with a title and a few paragraphs.
#[derive(Template)]
#[template(path = "demo/campaign_message.html")]
pub(super) struct CampaignMessage<'a> {
    pub(super) title: &'a str,
    pub(super) paragraphs: &'a [&'a str],
    /// Whether to show a link to the home page.
    pub(super) home: bool,
}
