//! Compressed answers.

use std::io::Read;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::bufread::GzEncoder;
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;

use super::Campaign;

/// Compresses whole answers; what comes piece by piece stays as it is.
pub(super) async fn gzip(State(campaign): State<Arc<Campaign>>, request: Request, next: Next) -> Response {
    let asked = campaign.options.gzip && takes_gzip(request.headers());
    let response = next.run(request).await;
    if !asked || response.body().size_hint().exact().is_none_or(|length| length > MOST) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return Response::from_parts(head, Body::empty()) };
    let mut packed = Vec::new();
    // From memory to memory: nothing can fail.
    let _ = GzEncoder::new(&*body, Compression::default()).read_to_end(&mut packed);
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, packed.into())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT_ENCODING).is_some_and(|codings| codings.as_bytes().starts_with(b"gzip"))
}

const MOST: u64 = 1024 * 1024;
