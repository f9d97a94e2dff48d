//! The bytes of requests and answers on their way through, never collected.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pool::Lease;

/// A request's body on its way to Campaign.
#[derive(Debug)]
pub enum Upload {
    /// Nothing.
    Empty,
    /// The client's, counted as it goes.
    Client(Incoming, Arc<AtomicU64>),
}

impl Upload {
    /// Wraps a client's body so that its progress can be watched.
    pub fn watched(request: Request<Incoming>) -> (Request<Self>, Progress) {
        if request.body().is_end_stream() {
            return (request.map(|_| Self::Empty), Progress(None));
        }
        let frames = Arc::<AtomicU64>::default();
        let progress = Progress(Some(frames.clone()));
        (request.map(|body| Self::Client(body, frames)), progress)
    }

    /// True when there is nothing to send.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

/// Tells whether an upload still moves.
#[derive(Debug)]
pub struct Progress(Option<Arc<AtomicU64>>);

impl Progress {
    /// Waits for `head` at most `limit` after the upload's last movement: a long upload is no reason to give up.
    pub async fn deadline<F: Future>(&self, limit: Duration, head: F) -> Option<F::Output> {
        let mut head = std::pin::pin!(head);
        let Some(frames) = &self.0 else {
            return tokio::time::timeout(limit, head).await.ok();
        };
        let mut seen = frames.load(Ordering::Relaxed);
        let mut sleep = std::pin::pin!(tokio::time::sleep(limit));
        poll_fn(|cx| {
            if let Poll::Ready(output) = head.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            while sleep.as_mut().poll(cx).is_ready() {
                let now = frames.load(Ordering::Relaxed);
                if now == seen {
                    return Poll::Ready(None);
                }
                seen = now;
                sleep.as_mut().reset(Instant::now() + limit);
            }
            Poll::Pending
        })
        .await
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Client(body, frames) => {
                frames.fetch_add(1, Ordering::Relaxed);
                Pin::new(body).poll_frame(cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Client(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Client(body, _) => body.size_hint(),
        }
    }
}

/// An answer's body: Campaign's own, or one of the gateway's.
#[derive(Debug)]
pub enum Body {
    /// Streamed from Campaign; the connection goes back when it is read to the end, and is closed when it is not.
    Campaign(Incoming, Option<Lease>),
    /// Made here.
    Own(axum::body::Body),
}

impl Body {
    /// Joins Campaign's answer with its connection.
    pub fn leased(response: Response<Incoming>, lease: Lease) -> Response<Self> {
        response.map(|incoming| {
            if incoming.is_end_stream() {
                lease.give_back();
                return Self::Campaign(incoming, None);
            }
            Self::Campaign(incoming, Some(lease))
        })
    }

    /// The same bytes until `ended`, then no more.
    #[must_use]
    pub fn until(self, ended: CancellationToken) -> Self {
        let stream = self.into_data_stream().take_until(ended.cancelled_owned());
        Self::Own(axum::body::Body::from_stream(stream))
    }

    /// No bytes.
    pub fn empty() -> Self {
        Self::Own(axum::body::Body::empty())
    }
}

/// Server-sent events: an answer without an end (HTML Standard §9.2).
pub fn is_event_stream<B>(response: &Response<B>) -> bool {
    let value = response.headers().get(header::CONTENT_TYPE);
    value
        .and_then(|value| value.as_bytes().get(..EVENTS.len()))
        .is_some_and(|v| v.eq_ignore_ascii_case(EVENTS))
}

const EVENTS: &[u8] = b"text/event-stream";

impl From<axum::body::Body> for Body {
    fn from(body: axum::body::Body) -> Self {
        Self::Own(body)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx),
            Self::Campaign(body, lease) => {
                let polled = Pin::new(&mut *body).poll_frame(cx);
                match &polled {
                    Poll::Ready(None) => release(lease),
                    Poll::Ready(Some(Ok(_))) if body.is_end_stream() => release(lease),
                    Poll::Ready(Some(Err(_))) => drop(lease.take()),
                    _ => {}
                }
                polled.map(|frame| frame.map(|result| result.map_err(axum::Error::new)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Campaign(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Campaign(body, _) => body.size_hint(),
        }
    }
}

fn release(lease: &mut Option<Lease>) {
    if let Some(lease) = lease.take() {
        lease.give_back();
    }
}
