//! Small responses of the gateway itself: JSON, SOAP faults, redirects.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::campaign::session_expired_fault;
use crate::session::LiveSession;
use crate::unix_time::UnixTime;
use crate::wire::fields::EXPIRES_IN;

/// The methods that are forwarded.
pub const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// The response to OPTIONS with `Max-Forwards: 0` (RFC 9110 §7.6.2).
pub fn options() -> Response {
    (StatusCode::NO_CONTENT, [(header::ALLOW, HeaderValue::from_static(METHODS))]).into_response()
}

/// JSON that no cache stores.
pub fn json_response(status: StatusCode, value: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, value.to_string()).into_response()
}

/// The challenge of every 401 (RFC 9110 §11.6.1). Browsers show no dialog for `Bearer`.
pub const LOGIN_CHALLENGE: &str = "Bearer realm=\"imsgate\"";

/// 401 for XHR, fetch, WebSocket and API calls.
pub fn login_required() -> Response {
    let mut response =
        json_response(StatusCode::UNAUTHORIZED, &json!({"error": "login_required", "login": "/ims/login"}));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(LOGIN_CHALLENGE));
    response
}

/// 403 with the fault that Campaign's clients recognise and answer with a new logon.
pub fn soap_session_expired() -> Response {
    soap_response(StatusCode::FORBIDDEN, &session_expired_fault())
}

/// A SOAP envelope that no cache stores.
pub fn soap_response(status: StatusCode, envelope: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, envelope.to_owned()).into_response()
}

/// 303 (RFC 9110 §15.4.4) that no cache stores and that sends the next site no referrer.
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

/// Tells the client in how many seconds its session ends, if that is soon.
pub fn announce_end(headers: &mut HeaderMap, session: &LiveSession, now: UnixTime) {
    if let Some(seconds) = session.ends_soon(now) {
        headers.insert(EXPIRES_IN, seconds.into());
    }
}

/// Campaign's words for a logon with a wrong login or password.
pub const INVALID_LOGIN: &str = "XSV-350012 Invalid login or password. Connection denied.";
