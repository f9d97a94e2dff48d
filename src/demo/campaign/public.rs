//! Public addresses without a login, for mail recipients, trackers and probes.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};

use super::Campaign;
use super::pages::httpdate_of;
use crate::demo::html::{CampaignMessage, page};
use crate::demo::wire::found;

/// The health page of the redirection server.
pub(super) async fn test(State(campaign): State<Arc<Campaign>>) -> Response {
    let date = httpdate_of(&campaign);
    let xml = format!(
        "<redir status='OK' date='{date}' build='9219' host='localhost' localHost='campaign-simulator'/>"
    );
    ([(header::CONTENT_TYPE, "text/xml")], xml).into_response()
}

/// A tracked link in a mail: redirects to the landing page.
pub(super) async fn tracking() -> Response {
    found("/webApp/landing")
}

pub(super) async fn no_such_page() -> StatusCode {
    StatusCode::NOT_FOUND
}

/// A web form or web application for recipients.
pub(super) async fn web_form() -> Response {
    let paragraphs = ["This page is public: recipients of a mail see it without any login."];
    page(
        StatusCode::OK,
        &CampaignMessage { title: "A page for recipients", paragraphs: &paragraphs, home: false },
    )
}

/// The security zone of the caller. The client console requests it before it logs on.
pub(super) async fn zone_info() -> Response {
    let xml = "<zoneinfo zone='public' allowHTTP='false' sessionTokenOnly='false' showErrors='false'/>";
    ([(header::CONTENT_TYPE, "text/xml")], xml).into_response()
}

/// One transparent pixel.
pub(super) async fn favicon() -> Response {
    const GIF: &[u8] =
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    ([(header::CONTENT_TYPE, "image/gif")], GIF).into_response()
}

pub(super) async fn robots() -> &'static str {
    "User-agent: *\nDisallow: /\n"
}
