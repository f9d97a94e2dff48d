//! The body of a response, streamed to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio_util::sync::CancellationToken;

use super::early_response::EarlyResponse;
use super::error::BodyError;
use super::pooled_connection::PooledConnection;
use crate::wire::response::Framing;

/// The body of a response, of Campaign or of the gateway.
#[derive(Debug)]
pub enum Body {
    /// Streamed from Campaign.
    Campaign(Download),
    /// Created by the gateway.
    Own(axum::body::Body),
}

/// A body of Campaign. The connection returns to the pool at its end. It is closed if Campaign breaks off or stalls, or if the client goes
/// away.
#[derive(Debug)]
pub struct Download {
    source: BodySource,
    /// An error that was logged, but not returned yet.
    broken: Option<BodyError>,
}

#[derive(Debug)]
enum BodySource {
    /// Read when it is polled.
    Connection {
        connection: Option<PooledConnection>,
        framing: Framing,
        /// True while the timer runs, since the first poll without bytes.
        waits: bool,
    },
    /// Read by a task that still sends the request.
    EarlyResponse(Box<EarlyResponse>),
}

impl Body {
    /// The body that follows on this connection.
    pub(super) fn of_connection(connection: PooledConnection, framing: Framing) -> Self {
        let mut connection = Some(connection);
        if framing.is_over() {
            return_to_pool(&mut connection);
        }
        Self::Campaign(Download::from(BodySource::Connection { connection, framing, waits: false }))
    }

    /// A response that began before the request was complete.
    pub(super) fn early(early: EarlyResponse) -> Self {
        Self::Campaign(Download::from(BodySource::EarlyResponse(Box::new(early))))
    }

    /// The same bytes, until `ended`.
    #[must_use]
    pub fn until(self, ended: Arc<CancellationToken>) -> Self {
        let over = async move { ended.cancelled().await };
        let stream = self.into_data_stream().take_until(Box::pin(over));
        Self::Own(axum::body::Body::from_stream(stream))
    }

    /// An empty body.
    pub fn empty() -> Self {
        Self::Own(axum::body::Body::empty())
    }
}

impl From<axum::body::Body> for Body {
    fn from(body: axum::body::Body) -> Self {
        Self::Own(body)
    }
}

impl From<BodySource> for Download {
    fn from(source: BodySource) -> Self {
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
            tracing::warn!(%error, "Campaign's response broke off");
            // Returned at the next poll: with the error HTTP drops everything unsent, but the client should get what came before.
            self.broken = Some(error);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        polled
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.source {
            BodySource::EarlyResponse(early) => early.poll_frame(cx),
            BodySource::Connection { connection: None, .. } => Poll::Ready(None),
            BodySource::Connection { connection: slot @ Some(_), framing, waits } => {
                let polled = match slot {
                    Some(connection) => connection.poll_frame(cx, framing, waits),
                    None => Poll::Ready(None),
                };
                match &polled {
                    // Also after the last piece: a body with a known end is not polled again.
                    Poll::Ready(None | Some(Ok(_))) if framing.is_over() => return_to_pool(slot),
                    Poll::Ready(Some(Err(error))) => {
                        if let Some(connection) = slot.take() {
                            connection.report_broken(error);
                        }
                    }
                    _ => {}
                }
                polled
            }
        }
    }
}

fn return_to_pool(connection: &mut Option<PooledConnection>) {
    if let Some(connection) = connection.take() {
        connection.return_to_pool();
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
            Self::Campaign(Download { source: BodySource::Connection { framing, .. }, .. }) => {
                framing.is_over()
            }
            Self::Campaign(Download { source: BodySource::EarlyResponse(early), .. }) => early.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Campaign(Download { source: BodySource::Connection { framing, .. }, .. }) => {
                framing.size_hint()
            }
            Self::Campaign(Download { source: BodySource::EarlyResponse(early), .. }) => early.size_hint(),
        }
    }
}
