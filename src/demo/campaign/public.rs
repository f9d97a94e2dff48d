//! Public addresses without a login, for mail recipients, trackers and probes.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};

use super::CampaignState;
use super::caller::with_form_token;
use super::pages::httpdate_of;
use super::sign_in::to_sign_in;
use super::zones::RequestOrigin;
use crate::demo::html::{CampaignMessage, page};
use crate::demo::wire::found;

/// The health page of the redirection server.
pub(super) async fn test(
    State(campaign): State<Arc<CampaignState>>,
    Extension(origin): Extension<RequestOrigin>,
) -> Response {
    let date = httpdate_of(&campaign);
    let RequestOrigin { address, host, zone, .. } = &origin;
    let instance = &campaign.options.instance;
    let xml = if zone.as_ref().is_some_and(|zone| zone.allow_debug) {
        format!(
            "<redir status='OK' date='{date}' version='6.7.0' build='9219' sha1='a1b2c3d' instance='{instance}' \
             sourceIP='{address}' host='{}' localHost='campaign-simulator'/>",
            quick_xml::escape::escape(host)
        )
    } else {
        format!("<redir status='OK' date='{date}' sourceIP='{address}'/>")
    };
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

/// A web application with access control, such as the page behind an approval link: public, but it leads to the sign-in page.
pub(super) async fn with_access_control(
    State(campaign): State<Arc<CampaignState>>,
    request: Request,
) -> Response {
    let Some(origin) = request.extensions().get::<RequestOrigin>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let (request, in_form) = with_form_token(request).await;
    let query = request.uri().query();
    let Some(caller) = campaign.caller(request.headers(), (query, in_form.as_deref()), &origin).await else {
        return to_sign_in(request.uri());
    };
    let paragraph = format!("{} may approve this delivery.", caller.login);
    let message = CampaignMessage { title: "Approval", paragraphs: &[&paragraph], home: true };
    page(StatusCode::OK, &message)
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
