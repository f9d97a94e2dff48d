//! Campaign's own sign-in pages, and the redirect of a page without a session to them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, Uri, header};

use super::CampaignState;
use super::caller::session_expired;
use super::soap::XSV_350012;
use super::zones::RequestOrigin;
use crate::demo::html::{CampaignMessage, page};
use crate::demo::random::lock;
use crate::demo::wire::{Form, found};

/// The response to a page without a valid session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageRefusal {
    /// 302 to `/nl/jsp/logon.jsp?target=…`; 403 "Authentication failure" when the URL holds a token.
    SignInPage,
    /// 403 with XSV-350008 as plain text.
    PlainText,
}

/// `/nl/jsp/logon.jsp`
pub(super) async fn logon_page(
    State(campaign): State<Arc<CampaignState>>,
    Extension(origin): Extension<RequestOrigin>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let query = query.unwrap_or_default();
    let form = Form::parse([query.as_bytes(), b"&", &body].concat().as_slice());
    let target = form.get("target").unwrap_or("/view/home");
    if !is_target(target) {
        return (StatusCode::BAD_REQUEST, "The target is not allowed.\n").into_response();
    }
    let (login, groups) = if let Some(token) = form.get("tokenLogon") {
        match campaign.login_of(token).await {
            Ok(Some(login)) => (login, campaign.groups_of(token).await),
            _ => return (StatusCode::FORBIDDEN, XSV_350012).into_response(),
        }
    } else if form.get("action") == Some("submit") {
        let login = form.get("login").unwrap_or_default();
        if !campaign.operators.check(login, form.get("password").unwrap_or_default()) {
            return (StatusCode::FORBIDDEN, XSV_350012).into_response();
        }
        (login.to_owned(), Vec::new())
    } else if form.get("ims") == Some("1") {
        return found(&with_target("/nms/imslogin.jssp", target));
    } else {
        let paragraphs = ["Enter your login and your password, or use your Adobe ID."];
        let message = CampaignMessage { title: "Sign in to Campaign", paragraphs: &paragraphs, home: false };
        return page(StatusCode::OK, &message);
    };
    if let Err(refusal) = origin.check_logon() {
        return refusal.into_response();
    }
    let session = if form.get("rememberMe").is_some() {
        campaign.sessions.begin_remembered(&login, groups, origin.address)
    } else {
        campaign.sessions.begin(&login, groups, origin.address)
    };
    let mut response = if form.get("popup").is_some() {
        ([(header::CONTENT_TYPE, "text/html")], session.security_token.clone()).into_response()
    } else {
        found(target)
    };
    if let Some(cookie) = session.cookie(origin.is_https) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// `/nms/imslogin.jssp`: to IMS, which sends the browser back to `logon.jsp?tokenLogon=…`.
pub(super) async fn ims_page(
    State(campaign): State<Arc<CampaignState>>,
    Extension(origin): Extension<RequestOrigin>,
    RawQuery(query): RawQuery,
) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes());
    let back = with_target("/nl/jsp/logon.jsp", form.get("target").unwrap_or("/view/home"));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &campaign.options.ims_client_id)
        .append_pair("redirect_uri", &format!("https://{}{back}", origin.host))
        .append_pair("response_type", "token")
        .finish();
    found(&format!("{}/ims/authorize/v2?{query}", lock(&campaign.ims).as_deref().unwrap_or_default()))
}

impl CampaignState {
    /// The response to a page without a valid session.
    pub(super) fn refuse_page(&self, uri: &Uri) -> Response {
        if self.options.page_refusal == PageRefusal::PlainText {
            return session_expired();
        }
        let form = Form::parse(uri.query().unwrap_or_default().as_bytes());
        if form.get("__sessiontoken").or(form.get("__securitytoken")).is_some() {
            return (StatusCode::FORBIDDEN, "Authentication failure").into_response();
        }
        to_sign_in(uri)
    }
}

/// 302 to the sign-in page, which returns to this address.
pub(super) fn to_sign_in(uri: &Uri) -> Response {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    found(&with_target("/nl/jsp/logon.jsp", target))
}

fn with_target(path: &str, target: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("target", target).finish();
    format!("{path}?{query}")
}

/// True for an address to which the sign-in page returns.
fn is_target(target: &str) -> bool {
    const ALLOWED: [&str; 9] =
        ["/pipelined/", "/view/", "/nms/", "/xtk/", "/nl/", "/crm/", "/webapp/", "/report/", "/strings/"];
    // The simulator's own pages are a namespace with JSSPs.
    let lower = target.to_ascii_lowercase();
    ALLOWED.iter().any(|beginning| lower.starts_with(beginning)) || lower.starts_with("/demo/")
}
