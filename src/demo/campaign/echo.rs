//! Returns the received request as JSON. The body is read as a stream.

use aws_lc_rs::digest::{Context, SHA256};
use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::demo::random::hex;
use crate::demo::wire::header_list;

/// Returns method, path, headers, and length and hash of the body. Accepts any method.
pub(super) async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some((length, sha256)) = measure(body).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    Json(json!({
        "method": parts.method.as_str(),
        "path_and_query": parts.uri.to_string(),
        "headers": header_list(&parts.headers),
        "body_len": length,
        "body_sha256": sha256,
    }))
    .into_response()
}

/// Counts and hashes a body of any size.
pub(super) async fn upload(request: Request) -> Response {
    match measure(request.into_body()).await {
        Some((length, sha256)) => Json(json!({ "bytes": length, "sha256": sha256 })).into_response(),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// Length and SHA-256; `None` if the body broke off.
pub(super) async fn measure(mut body: Body) -> Option<(u64, String)> {
    let mut hash = Context::new(&SHA256);
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame.ok()?.data_ref() {
            hash.update(data);
            length += data.len() as u64;
        }
    }
    Some((length, hex(hash.finish().as_ref())))
}
