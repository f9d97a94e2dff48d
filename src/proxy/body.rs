//! An answer's body on its way to the client, never collected.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use super::error::Stalled;
use super::lease::Lease;
use super::upload::Progress;

/// An answer's body: Campaign's own, or one of the gateway's.
#[derive(Debug)]
pub enum Body {
    /// Streamed from Campaign.
    Campaign(Download),
    /// Made here.
    Own(axum::body::Body),
}

/// Campaign's bytes. The connection goes back when they are read to the end, and is closed when they are not: when
/// Campaign breaks off or stands still, and when the client goes away.
#[derive(Debug)]
pub struct Download {
    incoming: Incoming,
    lease: Option<Lease>,
    progress: Progress,
    /// True while the timer runs: since the first look that found nothing.
    waits: bool,
}

impl Body {
    /// Joins Campaign's answer with its connection.
    pub(super) fn leased(response: Response<Incoming>, lease: Lease, progress: Progress) -> Response<Self> {
        response.map(|incoming| {
            let mut download = Download { incoming, lease: Some(lease), progress, waits: false };
            if download.incoming.is_end_stream() {
                download.release();
            }
            Self::Campaign(download)
        })
    }

    /// The same bytes until `ended`, then no more.
    #[must_use]
    pub fn until(self, ended: Arc<CancellationToken>) -> Self {
        let over = async move { ended.cancelled().await };
        let stream = self.into_data_stream().take_until(Box::pin(over));
        Self::Own(axum::body::Body::from_stream(stream))
    }

    /// No bytes.
    pub fn empty() -> Self {
        Self::Own(axum::body::Body::empty())
    }
}

/// Server-sent events: an answer without an end (HTML Standard §9.2).
pub(super) fn is_event_stream<B>(response: &Response<B>) -> bool {
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

impl Download {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => self.release(),
            Poll::Ready(Some(Ok(frame))) => {
                self.waits = false;
                // After trailers nobody looks for the end, for there is nothing more to come.
                if frame.is_trailers() || self.incoming.is_end_stream() {
                    self.release();
                }
            }
            Poll::Ready(Some(Err(error))) => {
                if let Some(lease) = self.lease.take() {
                    tracing::warn!(upstream = %lease.upstream(), %error, "Campaign broke off within an answer");
                }
            }
            Poll::Pending => {
                if let Some(stalled) = self.stalled(cx) {
                    return Poll::Ready(Some(Err(axum::Error::new(stalled))));
                }
            }
        }
        polled.map(|frame| frame.map(|result| result.map_err(axum::Error::new)))
    }

    /// The error of a pause that lasts too long; then the connection is closed.
    fn stalled(&mut self, cx: &mut Context<'_>) -> Option<Stalled> {
        let lease = self.lease.as_mut()?;
        let limit = lease.body_idle();
        let deadline = lease.deadline()?;
        if !self.waits {
            self.waits = true;
            deadline.arm(limit);
        }
        if deadline.poll(cx).is_pending() {
            return None;
        }
        let stalled = Stalled { upstream: lease.upstream().clone(), limit };
        tracing::warn!(upstream = %stalled.upstream, ?limit, "Campaign stood still within an answer, which is cut");
        self.lease = None;
        Some(stalled)
    }

    fn release(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back(&self.progress);
        }
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
            Self::Campaign(download) => download.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Campaign(download) => download.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Campaign(download) => download.incoming.size_hint(),
        }
    }
}
