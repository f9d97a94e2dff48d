//! An answer's body on its way to the client, never collected.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio_util::sync::CancellationToken;

use super::early::Early;
use super::error::BodyError;
use super::pooled_connection::PooledConnection;
use crate::wire::response::Framing;

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
    source: Source,
    /// Why it ends early, when that is known and not said yet.
    broken: Option<BodyError>,
}

#[derive(Debug)]
enum Source {
    /// Read here, as it is asked for.
    Connection {
        connection: Option<PooledConnection>,
        framing: Framing,
        /// True while the timer runs: since the first look that found nothing.
        waits: bool,
    },
    /// Read by a task that still sends the request.
    Early(Box<Early>),
}

impl Body {
    /// What comes over this connection next.
    pub(super) fn of_connection(connection: PooledConnection, framing: Framing) -> Self {
        let mut connection = Some(connection);
        if framing.is_over() {
            give_back(&mut connection);
        }
        Self::Campaign(Download::from(Source::Connection { connection, framing, waits: false }))
    }

    /// What came before the request was through.
    pub(super) fn early(early: Early) -> Self {
        Self::Campaign(Download::from(Source::Early(Box::new(early))))
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
pub(super) fn is_event_stream(fields: &HeaderMap) -> bool {
    let value = fields.get(header::CONTENT_TYPE);
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

impl From<Source> for Download {
    fn from(source: Source) -> Self {
        Self { source, broken: None }
    }
}

impl Download {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = self.poll_source(cx);
        if let Poll::Ready(Some(Err(error))) = polled {
            tracing::warn!(%error, "an answer of Campaign is cut");
            // In a moment: with the error everything is dropped that has not gone out, but what came before it is the client's.
            self.broken = Some(error);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        polled
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.source {
            Source::Early(early) => early.poll_frame(cx),
            Source::Connection { connection: None, .. } => Poll::Ready(None),
            Source::Connection { connection: slot @ Some(_), framing, waits } => {
                let polled = match slot {
                    Some(connection) => connection.poll_frame(cx, framing, waits),
                    None => Poll::Ready(None),
                };
                match &polled {
                    // Also behind the last piece: nobody looks for an end that is known.
                    Poll::Ready(None | Some(Ok(_))) if framing.is_over() => give_back(slot),
                    Poll::Ready(Some(Err(error))) => {
                        if let Some(connection) = slot.take() {
                            connection.broke(error);
                        }
                    }
                    _ => {}
                }
                polled
            }
        }
    }
}

fn give_back(connection: &mut Option<PooledConnection>) {
    if let Some(connection) = connection.take() {
        connection.give_back();
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
            Self::Campaign(download) => {
                download.poll(cx).map(|frame| frame.map(|frame| frame.map_err(axum::Error::new)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Campaign(Download { source: Source::Connection { framing, .. }, .. }) => framing.is_over(),
            Self::Campaign(Download { source: Source::Early(early), .. }) => early.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Campaign(Download { source: Source::Connection { framing, .. }, .. }) => {
                framing.size_hint()
            }
            Self::Campaign(Download { source: Source::Early(early), .. }) => early.size_hint(),
        }
    }
}
