//! Fault injection: what a simulator does instead of its normal response, and how often.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, StatusCode, header};

use super::random::lock;

/// How often a fault happens. `Once` faults queue up and come before an `Always` fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultFrequency {
    /// For the next matching request.
    Once,
    /// For every request, until cleared.
    Always,
}

/// A response in place of the normal one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InjectedResponse {
    /// This status with a small JSON body.
    Status(u16),
    /// This status with this OAuth error (RFC 6749 §5.2).
    Error(u16, &'static str),
    /// 429 with `Retry-After` in seconds (RFC 9110 §10.2.3).
    RetryAfter(u64),
    /// 302 to this location.
    Redirect(String),
    /// 200 with an HTML page, as an intermediate proxy may send.
    Html,
    /// 200 with this content type and text.
    Text(&'static str, String),
    /// 200 with this `Set-Cookie`.
    SetCookie(&'static str),
    /// 200, `application/json`, of this many MiB.
    Megabytes(usize),
    /// The head and half of a JSON body. Then the connection closes.
    HalfBody,
    /// The head and this part of a JSON body. Then the connection closes.
    BreaksOff(&'static str),
    /// No response; the connection stays open.
    Never,
}

impl InjectedResponse {
    /// The response; does not return for [`InjectedResponse::Never`].
    pub(super) async fn respond(&self) -> Response {
        match self {
            Self::Status(status) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let body = serde_json::json!({ "error": "server_error", "error_description": "on demand" });
                (status, axum::Json(body)).into_response()
            }
            Self::Error(status, error) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST);
                (status, axum::Json(serde_json::json!({ "error": error }))).into_response()
            }
            Self::RetryAfter(seconds) => {
                let body = serde_json::json!({ "error": "too_many_requests" });
                let after = [(header::RETRY_AFTER, seconds.to_string())];
                (StatusCode::TOO_MANY_REQUESTS, after, axum::Json(body)).into_response()
            }
            Self::Redirect(location) => super::wire::found(location),
            Self::Html => {
                axum::response::Html("<!doctype html><title>Proxy</title><p>Not what you asked for.</p>")
                    .into_response()
            }
            Self::Text(content_type, text) => {
                let content_type = HeaderValue::from_static(content_type);
                ([(header::CONTENT_TYPE, content_type)], text.clone()).into_response()
            }
            Self::SetCookie(cookie) => ([(header::SET_COOKIE, *cookie)], "a page").into_response(),
            Self::Megabytes(count) => {
                let blanks = Bytes::from(vec![b' '; 1 << 20]);
                let body = stream::iter((0..*count).map(move |_| Ok::<_, io::Error>(blanks.clone())));
                (json_type(), Body::from_stream(body)).into_response()
            }
            Self::HalfBody => breaks_off("{\"access_token\":\"ey"),
            Self::BreaksOff(half) => breaks_off(half),
            Self::Never => std::future::pending().await,
        }
    }
}

fn breaks_off(half: &'static str) -> Response {
    let body = Body::from_stream(then_close(Bytes::from_static(half.as_bytes())));
    (json_type(), [(header::CONTENT_LENGTH, "4096")], body).into_response()
}

/// Sends `half`, then breaks the connection.
pub(super) fn then_close(
    half: Bytes,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let close = stream::once(async {
        // Waits until the first half is sent, so that the peer receives a part of the response.
        tokio::time::sleep(Duration::from_millis(30)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    stream::once(async move { Ok(half) }).chain(close)
}

/// One fault that can be set, used up and cleared.
pub(super) struct FaultSlot<T>(Mutex<PendingFaults<T>>);

struct PendingFaults<T> {
    once: VecDeque<Arc<T>>,
    always: Option<Arc<T>>,
}

impl<T> Default for FaultSlot<T> {
    fn default() -> Self {
        Self(Mutex::new(PendingFaults { once: VecDeque::new(), always: None }))
    }
}

impl<T> FaultSlot<T> {
    pub(super) fn set(&self, frequency: FaultFrequency, value: T) {
        let mut pending = lock(&self.0);
        match frequency {
            FaultFrequency::Once => pending.once.push_back(Arc::new(value)),
            FaultFrequency::Always => pending.always = Some(Arc::new(value)),
        }
    }

    /// The fault for this request. Removes a `Once` fault.
    pub(super) fn take(&self) -> Option<Arc<T>> {
        let mut pending = lock(&self.0);
        pending.once.pop_front().or_else(|| pending.always.clone())
    }

    pub(super) fn clear(&self) {
        let mut pending = lock(&self.0);
        pending.once.clear();
        pending.always = None;
    }
}

fn json_type() -> [(header::HeaderName, &'static str); 1] {
    [(header::CONTENT_TYPE, "application/json")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_comes_before_always_and_is_removed() {
        let slot = FaultSlot::default();
        slot.set(FaultFrequency::Always, "always");
        slot.set(FaultFrequency::Once, "first");
        slot.set(FaultFrequency::Once, "second");
        let taken: Vec<_> = (0..4).filter_map(|_| slot.take()).map(|value| *value).collect();
        assert_eq!(taken, ["first", "second", "always", "always"]);
        slot.clear();
        assert!(slot.take().is_none());
    }
}
