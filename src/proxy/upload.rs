//! A request's body on its way to Campaign.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;

use super::client_body::ClientBody;
use crate::policy::head::BodyLength;

/// A request's body on its way to Campaign.
#[derive(Debug)]
pub enum Upload {
    /// Nothing.
    Empty,
    /// Complete already.
    Whole(Option<Bytes>),
    /// The client's, and what was taken of it and given back. Boxed: rare.
    Client(ClientBody, Room, Option<Box<Bytes>>),
}

/// What can go to Campaign as a request's body.
pub trait Sendable: HttpBody {
    /// As an upload of at most `limit` bytes.
    fn upload(self, limit: Option<u64>) -> Upload;
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
    /// The client reset its HTTP/2 stream before the end of its request.
    #[error("the client reset the stream before the end of its request")]
    Reset,
    /// Longer than allowed.
    #[error("longer than {0} bytes")]
    TooLarge(u64),
    /// Not as long as its head says.
    #[error("not as long as its Content-Length")]
    Length,
}

/// A client's body on its way.
impl Sendable for ClientBody {
    fn upload(self, limit: Option<u64>) -> Upload {
        if self.is_end_stream() {
            return Upload::Empty;
        }
        let all = limit.unwrap_or(u64::MAX);
        Upload::Client(self, Room { left: all, all }, None)
    }
}

/// A body that was read before: there is nothing to wait for.
impl Sendable for Full<Bytes> {
    fn upload(self, _limit: Option<u64>) -> Upload {
        let whole = self.into_inner().filter(|bytes| !bytes.is_empty());
        whole.map_or(Upload::Empty, |bytes| Upload::Whole(Some(bytes)))
    }
}

impl Upload {
    /// Gives a piece back, which comes first again.
    pub(super) fn put_back(&mut self, piece: Bytes) {
        match self {
            Self::Empty => {}
            Self::Whole(bytes) => *bytes = Some(piece),
            Self::Client(_, _, back) => *back = Some(Box::new(piece)),
        }
    }

    /// True when nobody knows yet whether there is a body.
    pub(super) fn may_be_empty(&self) -> bool {
        matches!(self, Self::Client(body, _, None) if body.may_be_empty())
    }

    /// Waits for the body's first bytes, or for its end: a request without a body must not get one on the way. After [`SETTLE`] it
    /// goes out as it is, with a body that may still come.
    ///
    /// # Errors
    /// The client broke off, or sent too much.
    pub(super) async fn settle(&mut self) -> Result<(), UploadError> {
        match tokio::time::timeout(SETTLE, self.first_bytes()).await {
            Ok(Ok(None)) => *self = Self::Empty,
            Ok(Ok(Some(bytes))) => self.put_back(bytes),
            Ok(Err(error)) => return Err(error),
            Err(_) => {}
        }
        Ok(())
    }

    /// The next bytes, `None` at the end.
    async fn first_bytes(&mut self) -> Result<Option<Bytes>, UploadError> {
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await {
            if let Ok(bytes) = frame?.into_data()
                && !bytes.is_empty()
            {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// What the head says of it.
    pub(super) fn length(&self) -> BodyLength {
        match self {
            Self::Empty => BodyLength::None,
            Self::Whole(_) | Self::Client(..) => {
                self.size_hint().exact().map_or(BodyLength::Chunked, BodyLength::Known)
            }
        }
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
            Self::Client(_, _, back @ Some(_)) => {
                Poll::Ready(back.take().map(|bytes| Ok(Frame::data(*bytes))))
            }
            Self::Client(body, room, None) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|frame| room.take(frame?)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_none(),
            Self::Client(body, _, back) => back.is_none() && body.is_end_stream(),
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

/// For the first bytes of a body that has no length. Who has none says so at once, but a packet may be lost.
const SETTLE: Duration = Duration::from_secs(3);
