//! `/ims/brand/logo`: the image at the top of the pages.

use axum::extract::Extension;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};

use crate::pages::{Problem, Text};
use crate::web::call::OwnedCall;

/// `GET /ims/brand/logo`
pub async fn logo(Extension(call): Extension<OwnedCall>) -> Response {
    let call = call.get();
    let Some(logo) = call.site.brand.logo().cloned() else {
        return Problem::new(StatusCode::NOT_FOUND, Text::NotFound).page(call.page()).into_response();
    };
    let headers = [
        (CONTENT_TYPE, logo.media_type),
        // The address changes with the image.
        (CACHE_CONTROL, "public, max-age=86400"),
        // An SVG that is opened by itself runs no script.
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, logo.bytes).into_response()
}
