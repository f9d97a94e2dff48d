//! Cross-origin requests with a Bearer token (CORS): the answer to a preflight, and the fields of other responses.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};

use super::call::Call;
use super::responses::METHODS;
use super::site::Site;
use crate::policy::cors::{self, Preflight};

/// The answer to a preflight of a listed origin; `None` for every other request.
pub fn preflight<B>(call: Call<'_>, request: &Request<B>) -> Option<Response> {
    let origins = &call.site.campaign.cors_origins;
    if origins.is_empty() || !call.auth.has_accounts() {
        return None;
    }
    let Preflight { origin, headers } = cors::preflight(request.method(), request.headers(), origins)?;
    let fields = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS)),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, headers),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE)),
        (
            header::VARY,
            HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers"),
        ),
    ];
    Some((StatusCode::NO_CONTENT, fields).into_response())
}

/// Lets a page of a listed origin read the response to its request with a Bearer token. Cookies are never part of it: there is no
/// `Access-Control-Allow-Credentials`.
pub fn allow(site: &Site, request: &HeaderMap, response: &mut HeaderMap) {
    let origins = &site.campaign.cors_origins;
    if origins.is_empty() {
        return;
    }
    response.append(header::VARY, HeaderValue::from_static("origin"));
    response.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
    if let Some(origin) = cors::listed(request, origins) {
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

/// How long a browser may remember the answer to a preflight, in seconds.
const MAX_AGE: &str = "600";
