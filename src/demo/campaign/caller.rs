//! Authenticates callers by session token, bearer token or, if enabled, identity headers.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::percent_decode;

use super::CampaignState;
use super::sessions::OpenSession;
use super::zones::RequestOrigin;
use crate::demo::wire::{Form, bearer, cookie};

/// An identified caller.
#[derive(Clone)]
pub(super) struct CampaignCaller {
    pub(super) login: String,
    pub(super) method: AuthMethod,
}

#[derive(Clone)]
pub(super) enum AuthMethod {
    Session(OpenSession),
    /// `login/password` in place of a session token.
    Password,
    Bearer,
    IdentityHeaders,
}

impl AuthMethod {
    pub(super) fn description(&self) -> &'static str {
        match self {
            Self::Session(_) => "a Campaign session",
            Self::Password => "a login and its password",
            Self::Bearer => "an IMS access token",
            Self::IdentityHeaders => "the identity headers of the gateway",
        }
    }
}

impl CampaignCaller {
    /// Campaign's protection against cross-site requests: a request with a session also needs its security token.
    pub(super) fn has_security_token(&self, token: Option<&str>) -> bool {
        match &self.method {
            AuthMethod::Session(session) => token.is_some_and(|token| {
                verify_slices_are_equal(token.as_bytes(), session.security_token.as_bytes()).is_ok()
            }),
            AuthMethod::Password | AuthMethod::Bearer | AuthMethod::IdentityHeaders => true,
        }
    }
}

impl CampaignState {
    /// The caller, if authenticated. `in_body` is the session token of a SOAP body.
    pub(super) async fn caller(
        &self,
        headers: &HeaderMap,
        (query, in_body): (Option<&str>, Option<&str>),
        origin: &RequestOrigin,
    ) -> Option<CampaignCaller> {
        let in_query = Form::parse(query.unwrap_or_default().as_bytes());
        let in_query = in_query.get("__sessiontoken");
        let header = || headers.get("x-session-token").and_then(|value| value.to_str().ok());
        let cookie = cookie(headers, "__sessiontoken").or_else(header);
        // With `sessionTokenOnly` the query comes before the cookie.
        let token = if self.options.session_token_only { in_query.or(cookie) } else { cookie.or(in_query) };
        let token = token.or(in_body).filter(|token| !token.is_empty());
        let session = token.and_then(|token| self.sessions.find(token));
        let is_here =
            |session: &OpenSession| !self.options.check_ip_consistent || session.address == origin.address;
        if let Some(session) = session.filter(is_here) {
            return Some(CampaignCaller {
                login: session.login.clone(),
                method: AuthMethod::Session(session),
            });
        }
        if let Some((login, password)) = token.and_then(|token| token.split_once('/'))
            && self.operators.check(login, password)
        {
            return Some(CampaignCaller { login: login.to_owned(), method: AuthMethod::Password });
        }
        if let Some(token) = bearer(headers).filter(|_| self.options.bearer_on_every_call) {
            let login = self.login_of(token).await.ok().flatten()?;
            return Some(CampaignCaller { login, method: AuthMethod::Bearer });
        }
        if self.options.identity_headers {
            let named = |name| headers.get(name).filter(|value: &&HeaderValue| !value.is_empty());
            let value = named("x-ims-email").or_else(|| named("x-ims-user"))?;
            let login = percent_decode(value.as_bytes()).decode_utf8().ok()?.into_owned();
            return Some(CampaignCaller { login, method: AuthMethod::IdentityHeaders });
        }
        None
    }
}

/// Forwards requests of authenticated callers. All others are refused as `CampaignOptions::page_refusal` says.
pub(super) async fn require(
    State(campaign): State<Arc<CampaignState>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(origin) = request.extensions().get::<RequestOrigin>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if let Err(refusal) = origin.check_address() {
        return refusal.into_response();
    }
    let (mut request, in_form) = with_form_token(request).await;
    let query = request.uri().query();
    let caller = campaign.caller(request.headers(), (query, in_form.as_deref()), &origin).await;
    match caller {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        None => campaign.refuse_page(request.uri()),
    }
}

/// The request, and the session token in its form. Only a short form is read.
pub(super) async fn with_form_token(request: Request) -> (Request, Option<String>) {
    let is_form = request.headers().get("content-type").is_some_and(|kind| kind == FORM);
    let length = request.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    if !is_form || length.is_none_or(|length: usize| length > SHORT) {
        return (request, None);
    }
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, SHORT).await.unwrap_or_default();
    let token = Form::parse(&body).get("__sessiontoken").map(str::to_owned);
    (Request::from_parts(head, body.into()), token)
}

/// The plain-text response to a request without a valid session.
pub(super) fn session_expired() -> Response {
    (StatusCode::FORBIDDEN, XSV_350008).into_response()
}

const FORM: &str = "application/x-www-form-urlencoded";
/// Bytes of a form that is read for its token.
const SHORT: usize = 64 * 1024;

/// Campaign's clients look for this code.
pub(super) const XSV_350008: &str = "XSV-350008 Session has expired or is invalid. Please reconnect.";
