//! The body of a request as the client sends it. An incomplete body is never taken for a complete one.

use std::fmt::Debug;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
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
    /// The filter and the bytes that were read already. Boxed: most requests have neither.
    inspected: Option<Box<Inspected>>,
}

/// A body that the gateway inspects.
#[derive(Debug, Default)]
struct Inspected {
    /// Bytes that were already read, and come first.
    front: Bytes,
    filter: Option<Box<dyn BodyFilter>>,
}

/// Checks, and may change, a body while it passes.
pub trait BodyFilter: Debug + Send + Sync {
    /// The next bytes as they are forwarded.
    ///
    /// # Errors
    /// When the body must not be forwarded.
    fn push(&mut self, bytes: Bytes) -> Result<Bytes, BodyRefused>;

    /// The rest, after the last bytes.
    ///
    /// # Errors
    /// When the body must not be forwarded.
    fn finish(&mut self) -> Result<Bytes, BodyRefused>;

    /// False when the body keeps its length.
    fn may_change_length(&self) -> bool;
}

/// A filter refuses the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyRefused;

impl ClientBody {
    /// Wraps the body of a request.
    pub fn of(request: Request<Incoming>) -> Request<Self> {
        let over_http2 = request.version() == Version::HTTP_2;
        request.map(|incoming| Self { incoming, over_http2, inspected: None })
    }

    /// True when only the next frame tells whether there is a body: an HTTP/2 request may end after its head (RFC 9113 §8.1).
    pub(super) fn may_be_empty(&self) -> bool {
        self.over_http2 && self.incoming.size_hint().exact().is_none()
    }

    /// Lets the body pass through this filter.
    pub fn filter(&mut self, filter: Box<dyn BodyFilter>) {
        self.inspected.get_or_insert_default().filter = Some(filter);
    }

    /// Reads the whole body, or its first `most` bytes. They still come first when the body is forwarded.
    ///
    /// # Errors
    /// The client broke off.
    pub async fn read_front(&mut self, most: usize) -> Result<Front, UploadError> {
        let mut front = BytesMut::from(std::mem::take(&mut self.inspected.get_or_insert_default().front));
        let is_complete = loop {
            let is_complete = self.incoming.is_end_stream();
            if is_complete || front.len() >= most {
                break is_complete;
            }
            match poll_fn(|cx| self.poll_incoming(cx)).await {
                Some(frame) => front.extend_from_slice(&frame?.into_data().unwrap_or_default()),
                None => break true,
            }
        };
        let bytes = front.freeze();
        self.set_front(bytes.clone());
        Ok(Front { bytes, is_complete })
    }

    /// Replaces the bytes that were already read.
    pub fn set_front(&mut self, front: Bytes) {
        self.inspected.get_or_insert_default().front = front;
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        Pin::new(&mut self.incoming).poll_frame(cx).map(|frame| match frame {
            Some(frame) => Some(frame.map_err(UploadError::Client)),
            None if self.over_http2 && !self.incoming.is_end_stream() => Some(Err(UploadError::Reset)),
            None => None,
        })
    }

    /// The next frame of a body that the gateway looks into.
    fn poll_inspected(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        loop {
            let front = self.inspected.as_mut().map(|inspected| std::mem::take(&mut inspected.front));
            let frame = match front.filter(|front| !front.is_empty()) {
                Some(front) => Some(Ok(Frame::data(front))),
                None => ready!(self.poll_incoming(cx)),
            };
            // A chunked body tells its end only by `None` or trailers.
            let is_last = !matches!(&frame, Some(Ok(frame)) if frame.is_data())
                || self.incoming.is_end_stream()
                || self.incoming.size_hint().exact() == Some(0);
            let Some(inspected) = &mut self.inspected else { return Poll::Ready(frame) };
            let Some(filter) = &mut inspected.filter else { return Poll::Ready(frame) };
            let passed = match frame {
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => filter.finish().map(Frame::data),
                Some(Ok(frame)) => match frame.into_data() {
                    // The last bytes are judged before they are forwarded: with them, the body would be complete.
                    Ok(bytes) => filter.push(bytes).and_then(|bytes| {
                        let rest = if is_last { filter.finish()? } else { Bytes::new() };
                        Ok(Frame::data(joined(bytes, rest)))
                    }),
                    // If the filter still holds bytes, they are forwarded in place of the trailers.
                    Err(trailers) => {
                        filter.finish().map(|rest| if rest.is_empty() { trailers } else { Frame::data(rest) })
                    }
                },
            };
            if is_last {
                inspected.filter = None;
            }
            match passed {
                Err(BodyRefused) => return Poll::Ready(Some(Err(UploadError::Refused))),
                Ok(frame) if !frame.data_ref().is_some_and(Bytes::is_empty) => {
                    return Poll::Ready(Some(Ok(frame)));
                }
                Ok(_) if is_last => return Poll::Ready(None),
                Ok(_) => {}
            }
        }
    }
}

/// The beginning of a body.
#[derive(Clone, Debug)]
pub struct Front {
    /// Its first bytes.
    pub bytes: Bytes,
    /// True when they are all.
    pub is_complete: bool,
}

fn joined(bytes: Bytes, rest: Bytes) -> Bytes {
    if rest.is_empty() { bytes } else { [bytes, rest].concat().into() }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        if self.inspected.is_some() { self.poll_inspected(cx) } else { self.poll_incoming(cx) }
    }

    fn is_end_stream(&self) -> bool {
        let is_inspected = self
            .inspected
            .as_ref()
            .is_some_and(|inspected| !inspected.front.is_empty() || inspected.filter.is_some());
        !is_inspected && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let Some(inspected) = &self.inspected else { return self.incoming.size_hint() };
        if inspected.filter.as_ref().is_some_and(|filter| filter.may_change_length()) {
            return SizeHint::new();
        }
        let front = inspected.front.len() as u64;
        let hint = self.incoming.size_hint();
        hint.exact().map_or(hint, |left| SizeHint::with_exact(left + front))
    }
}
