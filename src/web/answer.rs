//! Answers the gateway gives itself: a page for people, JSON for programs, a fault for SOAP clients.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::context::Context;
use super::pages::{self, Page, Problem};
use super::shared::Shared;
use crate::campaign::{session_expired_fault, soap_fault};
use crate::policy::path::PathError;
use crate::proxy::ProxyError;
use crate::session::StoreError;
use crate::telemetry::Limit;
use crate::wire::framing::FramingError;

/// Why a request ends at the gate.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// RFC 9112 §3.2: no, several or contradicting host names.
    #[error("the request names no host, or two that differ")]
    Host,
    /// RFC 9110 §7.4: a host this gateway does not serve.
    #[error("this gateway does not serve the host that the request names")]
    Misdirected,
    /// A path that two programs could read differently.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A head too long, or a framing that is not understood.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// `TRACE`, `CONNECT`.
    #[error("this method is not forwarded")]
    Method,
    /// A path closed to everybody.
    #[error("this address is closed")]
    Denied,
    /// A write or a WebSocket with a session, from a page of another origin.
    #[error("a page of another origin sent this request")]
    ForeignOrigin,
    /// More connections or requests than allowed (RFC 6585 §4, RFC 9110 §15.6.4).
    #[error("a limit was reached: {}", .0.name())]
    TooMany(Limit),
    /// A body longer than allowed (RFC 9110 §15.5.14).
    #[error("the body of the request is too large")]
    BodyTooLarge,
    /// The session store is away; nothing is known of the session.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something cannot be sealed or built again: our own fault.
    #[error("a kept form cannot be sealed or built again")]
    Seal,
    /// The process is about to end.
    #[error("the gateway is stopping")]
    Stopping,
    /// The person's tokens are over, and IMS gives no new ones now.
    #[error("the tokens of this session cannot be renewed now")]
    Token,
    /// Campaign gave no answer.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

impl Stop {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Framing(FramingError::TooLong) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Framing(FramingError::Coding) => StatusCode::NOT_IMPLEMENTED,
            Self::Host
            | Self::Path(_)
            | Self::Framing(_)
            | Self::Proxy(ProxyError::Client { stalled: false, .. }) => StatusCode::BAD_REQUEST,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Denied | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::TooMany(Limit::Connections)
            | Self::Store(_)
            | Self::Token
            | Self::Stopping
            | Self::Proxy(ProxyError::Busy { .. } | ProxyError::Share { .. }) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BodyTooLarge | Self::Proxy(ProxyError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Seal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Proxy(ProxyError::Deadline { .. }) => StatusCode::GATEWAY_TIMEOUT,
            Self::Proxy(ProxyError::Client { stalled: true, .. } | ProxyError::TooSlow { .. }) => {
                StatusCode::REQUEST_TIMEOUT
            }
            Self::Proxy(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// The word for programs.
    fn code(&self) -> &'static str {
        match self {
            Self::Framing(FramingError::TooLong) => "request_head_too_large",
            Self::Host | Self::Path(_) | Self::Framing(_) => "bad_request",
            Self::Misdirected => "unknown_host",
            Self::Method => "method_not_allowed",
            Self::Denied => "closed",
            Self::ForeignOrigin => "foreign_origin",
            Self::TooMany(Limit::Requests | Limit::SignIns) => "too_many_requests",
            Self::TooMany(_) => "too_many_connections",
            Self::BodyTooLarge | Self::Proxy(ProxyError::TooLarge { .. }) => "request_body_too_large",
            Self::Seal => "internal_error",
            Self::Store(_) => "session_store_unavailable",
            Self::Token => "ims_unavailable",
            Self::Stopping => "stopping",
            Self::Proxy(ProxyError::Client { .. } | ProxyError::TooSlow { .. }) => "incomplete_request",
            Self::Proxy(_) => "campaign_unavailable",
        }
    }

    /// The whole answer. What went wrong inside is logged, not shown.
    pub fn answer(&self, shared: &Shared, context: &Context, signed_in: bool) -> Response {
        let status = self.status();
        // Limits have a log line of their own, which a flood does not repeat.
        let quiet = status == StatusCode::NOT_IMPLEMENTED
            || matches!(self, Self::TooMany(_) | Self::Proxy(ProxyError::Share { .. }));
        if status.is_server_error() && !quiet {
            tracing::warn!(request = %context.id, error = %self, "not forwarded");
        }
        let mut response = if context.wants_page {
            self.page(shared, context, signed_in).into_response()
        } else if context.wants_fault {
            fault(status, &soap_fault(&format!("imsgate: {} (request {})", self.code(), context.id)))
        } else {
            json_answer(status, &json!({"error": self.code(), "request_id": context.id.as_str()}))
        };
        let headers = response.headers_mut();
        if matches!(self, Self::Method) {
            headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
        }
        let ends = match self {
            Self::Framing(FramingError::TooLong) => false,
            // Where the next request begins is not worth a guess (RFC 9112 §9.3), nor is reading what is too long. What
            // follows a CONNECT may be meant for a tunnel.
            Self::Method
            | Self::Framing(_)
            | Self::BodyTooLarge
            // RFC 9110 §15.5.9: who is too slow may begin again, on another connection.
            | Self::Proxy(
                ProxyError::TooLarge { .. } | ProxyError::Client { .. } | ProxyError::TooSlow { .. },
            ) => true,
            Self::TooMany(limit) => !matches!(limit, Limit::Requests | Limit::SignIns),
            _ => false,
        };
        if ends {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        // While IMS asks the gateway to wait, an earlier request would fail too.
        if let (Self::Token, Some(pause)) = (self, shared.ims.pause()) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(pause.as_secs()));
        }
        let later = [
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::BAD_GATEWAY,
            StatusCode::GATEWAY_TIMEOUT,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        if later.contains(&status) {
            headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static("5"));
        }
        response
    }

    fn page(&self, shared: &Shared, context: &Context, signed_in: bool) -> Page {
        let plain = context.plain(shared);
        match self {
            Self::Host | Self::Path(_) => pages::bad_request(plain),
            Self::Misdirected => pages::misdirected(plain),
            Self::Seal => pages::internal(plain),
            Self::Denied => pages::denied(plain),
            Self::ForeignOrigin => pages::problem(&Problem::new(
                self.status(),
                "This request came from another site",
                "A page of another site tried to change something here in your name. Nothing was changed. If you meant \
                 to do this, please open this site and do it there.",
                plain,
            )),
            Self::Framing(FramingError::TooLong) => pages::problem(&Problem::new(
                self.status(),
                "Your browser sent too much",
                "The address or the cookies for this site are too long. Deleting the cookies of this site helps.",
                plain,
            )),
            Self::Framing(_) => pages::problem(&Problem::new(
                self.status(),
                "This request cannot be understood",
                "The program you use sent a request in a form that this site does not forward.",
                plain,
            )),
            Self::Method => pages::problem(&Problem::new(
                self.status(),
                "This kind of request is not possible here",
                "The program you use sent a request that this site does not forward.",
                plain,
            )),
            Self::Store(_) => pages::problem(&Problem::new(
                self.status(),
                "Sign-in is not available at the moment",
                "We cannot look up your session right now. You have not been signed out. Please try again in a moment.",
                plain,
            )),
            Self::Stopping => pages::problem(&Problem::new(
                self.status(),
                "This site is being restarted",
                "It will be back in a moment. Please try again then.",
                plain,
            )),
            Self::Token => pages::problem(&Problem::new(
                self.status(),
                "Adobe does not answer at the moment",
                "Your sign-in has to be renewed at Adobe, which does not work right now. You have not been signed out. \
                 Please try again in a moment.",
                plain,
            )),
            Self::TooMany(_) => pages::problem(&Problem::new(
                self.status(),
                "Too much is asked of this site at the moment",
                "There are more connections or requests than this site takes, from your network or in all. Please try \
                 again in a moment.",
                plain,
            )),
            Self::BodyTooLarge | Self::Proxy(ProxyError::TooLarge { .. }) => pages::problem(&Problem::new(
                self.status(),
                "Your upload is too large",
                "This site takes no upload of this size.",
                plain,
            )),
            Self::Proxy(ProxyError::Client { .. } | ProxyError::TooSlow { .. }) => {
                pages::problem(&Problem::new(
                    self.status(),
                    "Your upload did not arrive",
                    "The connection broke off or stood still before everything was sent. Please try again.",
                    plain,
                ))
            }
            Self::Proxy(_) => pages::campaign_unavailable(&pages::CampaignUnavailable {
                status: self.status(),
                signed_in,
                retry: "",
                retry_after: std::time::Duration::from_secs(5),
                request_id: plain.request_id,
                support: plain.support,
                now: plain.now,
            }),
        }
    }
}

/// To an OPTIONS that may go no further than here (RFC 9110 §7.6.2).
pub fn options() -> Response {
    (StatusCode::NO_CONTENT, [(header::ALLOW, HeaderValue::from_static(METHODS))]).into_response()
}

/// What is forwarded.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// JSON that no cache keeps.
pub fn json_answer(status: StatusCode, value: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, value.to_string()).into_response()
}

/// RFC 9110 §11.6.1 asks for a challenge; `Bearer` opens no browser box.
pub const LOGIN_CHALLENGE: &str = "Bearer realm=\"imsgate\"";

/// 401 for XHR, fetch, WebSocket and API calls.
pub fn login_required() -> Response {
    let mut response =
        json_answer(StatusCode::UNAUTHORIZED, &json!({"error": "login_required", "login": "/ims/login"}));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(LOGIN_CHALLENGE));
    response
}

/// 403 with the fault that Campaign's clients recognise and answer with a new logon.
pub fn soap_session_expired() -> Response {
    fault(StatusCode::FORBIDDEN, &session_expired_fault())
}

fn fault(status: StatusCode, envelope: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, envelope.to_owned()).into_response()
}

/// 303 (RFC 9110 §15.4.4) that no cache keeps and that tells the next site nothing of this address.
pub fn see_other(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}
