//! Pages that need a session.

use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;

use super::CampaignState;
use super::caller::{AuthMethod, CampaignCaller};
use super::zones::RequestOrigin;
use crate::demo::html::{CampaignMessage, page};
use crate::demo::wire::{Form, found};

/// The home page. Like Campaign, it renews the session cookie and sets a language cookie. With `disconnect=true` it signs out.
pub(super) async fn home(
    State(campaign): State<Arc<CampaignState>>,
    Extension(caller): Extension<CampaignCaller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let disconnect = Form::parse(query.unwrap_or_default().as_bytes()).get("disconnect") == Some("true");
    if let (true, AuthMethod::Session(session)) = (disconnect, &caller.method) {
        campaign.sessions.log_off(&session.session_token);
        return found("/nl/jsp/logon.jsp?target=%2Fview%2Fhome");
    }
    let session = match &caller.method {
        AuthMethod::Session(session) => Some(session),
        AuthMethod::Password | AuthMethod::Bearer | AuthMethod::IdentityHeaders => None,
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
pub(super) async fn form(
    State(campaign): State<Arc<CampaignState>>,
    Extension(caller): Extension<CampaignCaller>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    let header = headers.get("x-security-token").and_then(|value| value.to_str().ok());
    if !caller.has_security_token(form.get("__securitytoken").or(header)) {
        return campaign.refuse_page(&uri);
    }
    let saved =
        format!("The delivery \u{201c}{}\u{201d} is saved.", form.get("label").unwrap_or("without a label"));
    page(StatusCode::OK, &CampaignMessage { title: "Saved", paragraphs: &[&saved], home: true })
}

/// `OK`, then the server's time; with `zones=true` also the zone of the caller and its attributes.
pub(super) async fn ping(
    State(campaign): State<Arc<CampaignState>>,
    Extension(origin): Extension<RequestOrigin>,
    RawQuery(query): RawQuery,
) -> Response {
    let mut text = format!("OK\n{}\n", httpdate_of(&campaign));
    let query = Form::parse(query.unwrap_or_default().as_bytes());
    if let (Some("true"), Some(zone)) = (query.get("zones"), &origin.zone) {
        let _ = writeln!(
            text,
            "sourceIP={} zone={} allowHTTP={} allowDebug={} sessionTokenOnly={}",
            origin.address, zone.name, zone.allow_http, zone.allow_debug, campaign.options.session_token_only
        );
    }
    ([(header::CONTENT_TYPE, "text/plain")], text).into_response()
}

/// Tells authenticated callers that a page does not exist.
pub(super) async fn missing() -> Response {
    let message =
        CampaignMessage { title: "No such page", paragraphs: &["This address leads nowhere."], home: true };
    page(StatusCode::NOT_FOUND, &message)
}

/// The time in the form of HTTP dates (RFC 9110 §5.6.7).
pub(super) fn httpdate_of(campaign: &CampaignState) -> String {
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
