//! Pages that need a session.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::percent_decode_str;

use super::Campaign;
use super::caller::{AuthMethod, Caller, session_expired};
use crate::demo::html::{CampaignMessage, page};
use crate::demo::wire::Form;

/// The home page. Like Campaign, it renews the session cookie and sets a language cookie.
pub(super) async fn home(Extension(caller): Extension<Caller>, headers: HeaderMap) -> Response {
    let session = match &caller.method {
        AuthMethod::Session(session) => Some(session),
        AuthMethod::Bearer | AuthMethod::IdentityHeaders => None,
    };
    let home = Home {
        login: &caller.login,
        method: caller.method.description(),
        groups: groups(&headers),
        security_token: session.map_or("", |session| &session.security_token),
    };
    let mut response = page(StatusCode::OK, &home);
    let renewed =
        session.map(|session| format!("__sessiontoken={}; Path=/; HttpOnly", session.session_token));
    for cookie in renewed.into_iter().chain(["uiLanguage=en; Path=/".to_owned()]) {
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// Accepts the form of the home page, if it has the security token as a field or a header.
pub(super) async fn form(Extension(caller): Extension<Caller>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::parse(&body);
    let header = headers.get("x-security-token").and_then(|value| value.to_str().ok());
    if !caller.has_security_token(form.get("__securitytoken").or(header)) {
        return session_expired();
    }
    let saved =
        format!("The delivery \u{201c}{}\u{201d} is saved.", form.get("label").unwrap_or("without a label"));
    page(StatusCode::OK, &CampaignMessage { title: "Saved", paragraphs: &[&saved], home: true })
}

/// `OK`, then the server's time.
pub(super) async fn ping(State(campaign): State<Arc<Campaign>>) -> Response {
    let now = httpdate_of(&campaign);
    ([(header::CONTENT_TYPE, "text/plain")], format!("OK\n{now}\n")).into_response()
}

/// Tells authenticated callers that a page does not exist.
pub(super) async fn missing() -> Response {
    let message =
        CampaignMessage { title: "No such page", paragraphs: &["This address leads nowhere."], home: true };
    page(StatusCode::NOT_FOUND, &message)
}

/// The time in the form of HTTP dates (RFC 9110 §5.6.7).
pub(super) fn httpdate_of(campaign: &Campaign) -> String {
    let seconds = u64::try_from(campaign.options.clock.now().0).unwrap_or(0);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
}

/// The groups in the gateway's header. They are only shown, not trusted.
fn groups(headers: &HeaderMap) -> Vec<String> {
    let value = headers.get("x-campaign-groups").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned()).collect()
}

#[derive(Template)]
#[template(path = "demo/campaign_home.html")]
struct Home<'a> {
    login: &'a str,
    method: &'a str,
    groups: Vec<String>,
    security_token: &'a str,
}
