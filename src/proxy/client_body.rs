//! The body of a request as the client sends it. An incomplete body is never taken for a complete one.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::upload_error::UploadError;

/// A client's body.
///
/// hyper ends a body without an error when an HTTP/2 stream is reset with `NO_ERROR`, because a server sends it when it has read enough of a
/// request (RFC 9113 §8.1). A client that sends it has broken off its request, and Campaign must not get a part of an attachment as the
/// whole.
#[derive(Debug)]
pub struct ClientBody {
    incoming: Incoming,
    /// Over HTTP/1.1, hyper ends a body without an error only if it is complete.
    over_http2: bool,
}

impl ClientBody {
    /// Wraps the body of a request.
    pub fn of(request: Request<Incoming>) -> Request<Self> {
        let over_http2 = request.version() == Version::HTTP_2;
        request.map(|incoming| Self { incoming, over_http2 })
    }

    /// True when only the next frame tells whether there is a body: an HTTP/2 request may end after its head (RFC 9113 §8.1).
    pub(super) fn may_be_empty(&self) -> bool {
        self.over_http2 && self.incoming.size_hint().exact().is_none()
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        Pin::new(&mut self.incoming).poll_frame(cx).map(|frame| match frame {
            Some(frame) => Some(frame.map_err(UploadError::Client)),
            None if self.over_http2 && !self.incoming.is_end_stream() => Some(Err(UploadError::Reset)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
