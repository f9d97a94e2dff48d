//! A request's body as the client sends it: a half is never taken for a whole.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::upload_error::UploadError;

/// A client's body.
///
/// hyper ends a body in order when an HTTP/2 stream is reset with `NO_ERROR`, because that is how a server says of a request that
/// it has read enough (RFC 9113 §8.1). A client that does so has broken off its request, and Campaign must not take the half of an
/// attachment for all of it.
#[derive(Debug)]
pub struct ClientBody {
    incoming: Incoming,
    /// Over HTTP/1.1 the end of a chunked body shows in nothing else than the end itself, which hyper gives only to whole ones.
    over_http2: bool,
}

impl ClientBody {
    /// A request with its body as one of these.
    pub fn of(request: Request<Incoming>) -> Request<Self> {
        let over_http2 = request.version() == Version::HTTP_2;
        request.map(|incoming| Self { incoming, over_http2 })
    }

    /// True when only the next frame tells whether there is a body: over HTTP/2 a request may end behind its head (RFC 9113 §8.1).
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
