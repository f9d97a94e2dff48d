//! `/ims/backchannel-logout` (OpenID Connect Back-Channel Logout 1.0 §2.5, §2.8).

use axum::extract::Extension;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::auth::BackchannelError;
use crate::web::call::{Call, OwnedCall};
use crate::web::responses::json_response;

/// `POST /ims/backchannel-logout`: 200 when all sessions of the token have ended, 400 for an invalid token, 503 when IMS should try again.
pub async fn handler(Extension(call): Extension<OwnedCall>, headers: HeaderMap, body: Bytes) -> Response {
    let call = call.get();
    let Some(token) = logout_token(&headers, &body) else {
        return refused(call, "a form with one logout_token is expected");
    };
    match call.auth.backchannel_logout(call.auth_request(&headers), &token).await {
        Ok(()) => (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response(),
        Err(BackchannelError::Refused(why)) => refused(call, &why),
        Err(BackchannelError::Unavailable(error)) => {
            tracing::warn!(request = %call.context.id, error, "back-channel logout has to be tried again");
            let value = json!({"error": "temporarily_unavailable"});
            let mut response = json_response(StatusCode::SERVICE_UNAVAILABLE, &value);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
    }
}

/// The one `logout_token` of a form (§2.5).
fn logout_token(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    let mut tokens = url::form_urlencoded::parse(body).filter(|(name, _)| name == "logout_token");
    let token = tokens.next()?.1.into_owned();
    (tokens.next().is_none() && token.len() <= MAX_TOKEN).then_some(token)
}

fn refused(call: Call<'_>, why: &str) -> Response {
    tracing::warn!(request = %call.context.id, why, "back-channel logout refused");
    json_response(StatusCode::BAD_REQUEST, &json!({"error": "invalid_request", "error_description": why}))
}

/// Bytes of a logout token.
const MAX_TOKEN: usize = 16 * 1024;
