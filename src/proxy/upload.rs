//! A request's body on its way to Campaign.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;

use super::client_body::ClientBody;
use super::client_wait::{ClientWait, UploadLimits};
use super::upload_error::UploadError;
use crate::wire::request_head::BodyLength;

/// A request's body on its way to Campaign.
#[derive(Debug)]
pub enum Upload {
    /// No body.
    Empty,
    /// A complete body.
    Whole(Option<Bytes>),
    /// A body of the client, and a piece that was put back. Boxed: rare.
    Client(Box<LimitedBody>, Option<Box<Bytes>>),
}

/// A client's body with its limits.
#[derive(Debug)]
pub struct LimitedBody {
    body: ClientBody,
    quota: ByteQuota,
    wait: ClientWait,
}

/// What can be sent to Campaign as the body of a request.
pub trait IntoUpload: HttpBody {
    /// The upload, within these limits.
    fn into_upload(self, limits: UploadLimits) -> Upload;
}

/// How many bytes may come, and how many of them have not come yet.
#[derive(Clone, Copy, Debug)]
pub struct ByteQuota {
    left: u64,
    all: u64,
}

impl IntoUpload for ClientBody {
    fn into_upload(self, limits: UploadLimits) -> Upload {
        if self.is_end_stream() {
            return Upload::Empty;
        }
        let all = limits.bytes.unwrap_or(u64::MAX);
        let wait = ClientWait::new(limits);
        Upload::Client(Box::new(LimitedBody { body: self, quota: ByteQuota { left: all, all }, wait }), None)
    }
}

/// A body that was already read.
impl IntoUpload for Full<Bytes> {
    fn into_upload(self, _limits: UploadLimits) -> Upload {
        let whole = self.into_inner().filter(|bytes| !bytes.is_empty());
        whole.map_or(Upload::Empty, |bytes| Upload::Whole(Some(bytes)))
    }
}

impl Upload {
    /// Puts a piece back. The next poll returns it first.
    pub(super) fn put_back(&mut self, piece: Bytes) {
        match self {
            Self::Empty => {}
            Self::Whole(bytes) => *bytes = Some(piece),
            Self::Client(_, back) => *back = Some(Box::new(piece)),
        }
    }

    /// Waits for a small body, or for the first bytes of a larger one, so that no connection to Campaign waits for a client that sends nothing.
    ///
    /// # Errors
    /// The client broke off, sent too much, or was too slow.
    pub(super) async fn begin(&mut self) -> Result<(), UploadError> {
        let Self::Client(from, _) = self else { return Ok(()) };
        if from.body.may_be_empty() {
            return self.settle().await;
        }
        match from.body.size_hint().exact() {
            Some(length @ ..=SMALL) => self.read_whole(length).await,
            // If the length is unknown, the client may wait for a response before it sends more.
            None => self.settle().await,
            Some(_) => {
                if let Some(bytes) = self.first_bytes().await? {
                    self.put_back(bytes);
                }
                Ok(())
            }
        }
    }

    /// Reads a body of this length to its end.
    async fn read_whole(&mut self, length: u64) -> Result<(), UploadError> {
        let mut whole = self.first_bytes().await?.unwrap_or_default();
        let mut rest = Vec::new();
        while let Some(bytes) = self.first_bytes().await? {
            if rest.is_empty() {
                rest.extend_from_slice(&whole);
            }
            rest.extend_from_slice(&bytes);
        }
        if !rest.is_empty() {
            whole = rest.into();
        }
        if whole.len() as u64 != length {
            return Err(UploadError::Length);
        }
        *self = if whole.is_empty() { Self::Empty } else { Self::Whole(Some(whole)) };
        Ok(())
    }

    /// Waits for the first bytes of the body, or for its end: a request without a body must not get an empty one. After [`SETTLE`] the request
    /// is sent with a body that may still follow.
    ///
    /// # Errors
    /// The client broke off, or sent too much.
    async fn settle(&mut self) -> Result<(), UploadError> {
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

    /// The framing that the head announces.
    pub(super) fn length(&self) -> BodyLength {
        match self {
            Self::Empty => BodyLength::None,
            Self::Whole(_) | Self::Client(..) => {
                self.size_hint().exact().map_or(BodyLength::Chunked, BodyLength::Known)
            }
        }
    }
}

impl LimitedBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.wait.received();
                Poll::Ready(frame.map(|frame| self.quota.take(frame?)))
            }
            Poll::Pending => {
                self.wait.poll(cx, self.quota.all - self.quota.left).map(|error| Some(Err(error)))
            }
        }
    }
}

impl ByteQuota {
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
            Self::Client(_, back @ Some(_)) => Poll::Ready(back.take().map(|bytes| Ok(Frame::data(*bytes)))),
            Self::Client(from, None) => from.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_none(),
            Self::Client(from, back) => back.is_none() && from.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Client(from, back) => {
                let (hint, back) =
                    (from.body.size_hint(), back.as_ref().map_or(0, |bytes| bytes.len() as u64));
                hint.exact().map_or(hint, |left| SizeHint::with_exact(left + back))
            }
        }
    }
}

/// Bytes of a body that is read before a connection to Campaign is taken.
const SMALL: u64 = 16 * 1024;
/// Time for the first bytes of a body without a length. A client without a body ends it at once, but a packet may be lost.
const SETTLE: Duration = Duration::from_secs(3);
