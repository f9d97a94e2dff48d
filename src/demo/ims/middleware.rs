//! The middleware of every endpoint: counts and records the request, applies faults, adds `x-debug-id` to the response.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode};

use super::ImsState;
use super::faults::ImsEndpoint;
use super::recorded::RecordedRequest;
use crate::demo::random::{bytes, hex};
use crate::demo::wire::Form;

/// Counts and records the request, and applies faults. Adds the `x-debug-id` that Adobe support asks for.
pub(super) async fn intercept(State(ims): State<Arc<ImsState>>, request: Request, next: Next) -> Response {
    let mut response = respond(&ims, request, next).await;
    if let Ok(id) = HeaderValue::from_str(&hex(&bytes::<8>())) {
        response.headers_mut().insert("x-debug-id", id);
    }
    response
}

async fn respond(ims: &ImsState, mut request: Request, next: Next) -> Response {
    let Some(endpoint) = endpoint(request.uri().path()) else {
        return next.run(request).await;
    };
    ims.faults.count(endpoint);
    if endpoint == ImsEndpoint::Token {
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, MAX_FORM).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let form = Form::parse(&body).into_pairs();
        ims.faults.record_token_request(RecordedRequest { headers: parts.headers.clone(), form });
        request = Request::from_parts(parts, Body::from(body));
    }
    if ims.faults.is_down() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match ims.faults.take_answer(endpoint) {
        Some(answer) => answer.respond().await,
        None => next.run(request).await,
    }
}

fn endpoint(path: &str) -> Option<ImsEndpoint> {
    Some(match path {
        "/.well-known/openid-configuration" | "/ims/.well-known/openid-configuration" => {
            ImsEndpoint::Discovery
        }
        "/ims/keys" => ImsEndpoint::Keys,
        "/ims/authorize/v2" | "/ims/sign-in" => ImsEndpoint::Authorize,
        "/ims/token/v3" => ImsEndpoint::Token,
        "/ims/userinfo/v2" => ImsEndpoint::UserInfo,
        "/ims/organizations/v6" | "/ims/organizations/v5" => ImsEndpoint::Organizations,
        "/ims/profile/v1" => ImsEndpoint::Profile,
        "/ims/validate_token/v1" => ImsEndpoint::ValidateToken,
        "/ims/revoke" => ImsEndpoint::Revoke,
        "/ims/logout/v1" => ImsEndpoint::Logout,
        _ => return None,
    })
}

const MAX_FORM: usize = 64 << 10;
