//! Responses of any length and speed: assets of any size, event streams, slow and broken responses.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{StatusCode, header};

use crate::demo::faults::then_close;

/// `/res/{n}`: n bytes, where n may end in k, m or g (powers of 1024). Streamed, so memory use does not depend on the size.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let Some(length) = size(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let chunk = Bytes::from_static(&FILLING);
    let chunks = stream::unfold(length, move |left| {
        let next = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let part = chunk.slice(..next);
        async move { (next > 0).then(|| (Ok::<_, io::Error>(part), left - next as u64)) }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

/// Endless server-sent events, four each second.
pub(super) async fn events() -> Response {
    let ticks = stream::unfold(0_u64, |count| async move {
        if count > 0 {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        let event = format!("id: {count}\nevent: tick\ndata: {{\"count\":{count}}}\n\n");
        Some((Ok::<_, io::Error>(Bytes::from(event)), count + 1))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(ticks)).into_response()
}

/// Answers after this number of milliseconds, at most ten minutes.
pub(super) async fn slow(Path(milliseconds): Path<u64>) -> String {
    let milliseconds = milliseconds.min(600_000);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    format!("after {milliseconds} ms\n")
}

/// Announces 1,000 bytes, sends 500 and closes.
pub(super) async fn half_then_close() -> Response {
    let half = Bytes::from_static(&[b'h'; 500]);
    ([(header::CONTENT_LENGTH, "1000")], Body::from_stream(then_close(half))).into_response()
}

fn size(name: &str) -> Option<u64> {
    let (digits, unit) = match name.as_bytes().last()? {
        b'k' => (&name[..name.len() - 1], 1 << 10),
        b'm' => (&name[..name.len() - 1], 1 << 20),
        b'g' => (&name[..name.len() - 1], 1 << 30),
        _ => (name, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

const CHUNK: usize = 64 << 10;
static FILLING: [u8; CHUNK] = [b'c'; CHUNK];

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_take_a_unit() {
        let sizes =
            ["1k", "0", "10", "2g", "3m", "k", "x", "99999999999999999999", "9999999999999999g"].map(size);
        let none = None;
        assert_eq!(
            sizes,
            [Some(1024), Some(0), Some(10), Some(2 << 30), Some(3 << 20), none, none, none, none]
        );
    }
}
