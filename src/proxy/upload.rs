//! A request's body on its way to Campaign, and how far it has come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

/// A request's body on its way to Campaign.
#[derive(Debug)]
pub enum Upload {
    /// Nothing.
    Empty,
    /// Complete already.
    Whole(Option<Bytes>),
    /// The client's, counted as it goes.
    Client(Incoming, Arc<Counted>, Room),
}

/// What can go to Campaign as a request's body.
pub trait Sendable: HttpBody {
    /// As an upload of at most `limit` bytes, and how to watch it.
    fn watched(self, limit: Option<u64>) -> (Upload, Progress);
}

/// Bytes that may still come, of so many in all.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    left: u64,
    all: u64,
}

/// Why an upload ended early.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The client broke off.
    #[error(transparent)]
    Client(#[from] hyper::Error),
    /// Longer than allowed.
    #[error("longer than {0} bytes")]
    TooLarge(u64),
}

/// What an upload notes down.
#[derive(Debug, Default)]
pub struct Counted {
    /// Pieces that came.
    pieces: AtomicU64,
    /// True while the next piece has not come from the client.
    waits: AtomicBool,
}

/// Tells whether an upload still moves.
#[derive(Clone, Debug)]
pub struct Progress(Option<Arc<Counted>>);

/// What happened to an upload since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Movement {
    /// It moved.
    Some,
    /// It did not: the client sends nothing.
    WaitsForClient,
    /// It did not, or is over.
    None,
}

/// A client's body on its way.
impl Sendable for Incoming {
    fn watched(self, limit: Option<u64>) -> (Upload, Progress) {
        if self.is_end_stream() {
            return (Upload::Empty, Progress(None));
        }
        let counted = Arc::<Counted>::default();
        let progress = Progress(Some(counted.clone()));
        let all = limit.unwrap_or(u64::MAX);
        (Upload::Client(self, counted, Room { left: all, all }), progress)
    }
}

/// A body that was read before: there is nothing to wait for.
impl Sendable for Full<Bytes> {
    fn watched(self, _limit: Option<u64>) -> (Upload, Progress) {
        let whole = self.into_inner().filter(|bytes| !bytes.is_empty());
        (whole.map_or(Upload::Empty, |bytes| Upload::Whole(Some(bytes))), Progress(None))
    }
}

impl Upload {
    /// Wraps a body so that its progress can be watched.
    pub(super) fn watched<B: Sendable>(request: Request<B>, limit: Option<u64>) -> (Request<Self>, Progress) {
        let (head, body) = request.into_parts();
        let (upload, progress) = body.watched(limit);
        (Request::from_parts(head, upload), progress)
    }

    /// True when there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl Progress {
    /// Of a request without a body.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// What happened since `seen`, which is brought up to date.
    pub(super) fn since(&self, seen: &mut u64) -> Movement {
        let Some(counted) = &self.0 else { return Movement::None };
        let pieces = counted.pieces.load(Ordering::Relaxed);
        if pieces != *seen {
            *seen = pieces;
            return Movement::Some;
        }
        let waits = counted.waits.load(Ordering::Relaxed) && !self.is_over();
        if waits { Movement::WaitsForClient } else { Movement::None }
    }

    /// True once nobody reads the body any more: it is through, or given up.
    pub(super) fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(|counted| Arc::strong_count(counted) == 1)
    }
}

impl Room {
    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, UploadError> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.left = self.left.checked_sub(length).ok_or(UploadError::TooLarge(self.all))?;
        Ok(frame)
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Client(body, counted, room) => {
                let polled = Pin::new(body).poll_frame(cx);
                counted.waits.store(polled.is_pending(), Ordering::Relaxed);
                if polled.is_ready() {
                    counted.pieces.fetch_add(1, Ordering::Relaxed);
                }
                polled.map(|frame| frame.map(|frame| room.take(frame?)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_none(),
            Self::Client(body, ..) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Client(body, ..) => body.size_hint(),
        }
    }
}
