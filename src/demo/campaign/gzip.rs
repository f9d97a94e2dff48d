//! Compresses responses.

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

use super::CampaignState;

/// Compresses responses of known length. Streams stay uncompressed.
pub(super) async fn gzip(
    State(campaign): State<Arc<CampaignState>>,
    request: Request,
    next: Next,
) -> Response {
    let is_accepted = campaign.options.gzip && accepts_gzip(request.headers());
    let response = next.run(request).await;
    if !is_accepted || response.body().size_hint().exact().is_none_or(|length| length > MAX_LENGTH) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return Response::from_parts(head, Body::empty()) };
    let mut compressed = Vec::new();
    // Compression in memory cannot fail.
    let _ = GzEncoder::new(&*body, Compression::default()).read_to_end(&mut compressed);
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, compressed.into())
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT_ENCODING).is_some_and(|codings| codings.as_bytes().starts_with(b"gzip"))
}

const MAX_LENGTH: u64 = 1024 * 1024;
