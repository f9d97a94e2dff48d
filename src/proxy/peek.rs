//! Reads the beginning of a body, and passes the whole body on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;

use super::body::Body;

/// A body whose beginning has been read.
#[derive(Debug)]
struct Peeked {
    front: VecDeque<Result<Frame<Bytes>, axum::Error>>,
    rest: Body,
}

impl Body {
    /// The beginning of the body, and the whole body. Reads until `is_enough` is true for the bytes so far, until about `limit` bytes, or until
    /// the end. `is_enough` is called at most `LOOKS` times, however small the pieces are.
    pub async fn peek(mut self, limit: usize, is_enough: impl Fn(&[u8]) -> bool) -> (Vec<u8>, Self) {
        let (mut seen, mut front) = (Vec::new(), VecDeque::new());
        let mut looks = 0;
        while seen.len() < limit {
            let Some(frame) = self.frame().await else { break };
            let goes_on = match &frame {
                Ok(frame) => {
                    seen.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                    !frame.is_trailers()
                }
                Err(_) => false,
            };
            front.push_back(frame);
            looks += 1;
            if !goes_on || (looks <= LOOKS && is_enough(&seen)) {
                break;
            }
        }
        (seen, Self::Own(axum::body::Body::new(Peeked { front, rest: self })))
    }
}

/// More calls for a body in small pieces would cost more than they save.
pub const LOOKS: usize = 16;

impl HttpBody for Peeked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.front.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.front.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let frames = self.front.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref());
        let front: u64 = frames.map(|data| data.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + front);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + front);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn body(pieces: &'static [&'static str]) -> Body {
        let pieces = pieces.iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes())));
        Body::Own(axum::body::Body::from_stream(stream::iter(pieces)))
    }

    #[tokio::test]
    async fn what_was_looked_at_is_given_on_whole() {
        for wanted in [0, 1, 3, 4, 100] {
            let (seen, whole) = body(&["abc", "def", "g"]).peek(wanted, |_| false).await;
            assert!(seen.len() >= wanted.min(7) && b"abcdefg".starts_with(&seen), "{wanted}");
            assert_eq!(whole.collect().await.unwrap().to_bytes(), "abcdefg", "{wanted}");
        }
    }

    #[tokio::test]
    async fn enough_is_enough() {
        let (seen, whole) = body(&["abc", "def", "g"]).peek(100, |seen| seen.len() > 3).await;
        assert_eq!(seen, b"abcdef");
        assert_eq!(whole.collect().await.unwrap().to_bytes(), "abcdefg");
    }

    #[tokio::test]
    async fn small_pieces_cost_no_more_looks() {
        let looks = std::cell::Cell::new(0);
        let never = |_: &[u8]| {
            looks.set(looks.get() + 1);
            false
        };
        let (seen, _) = body(&["a"; 1000]).peek(500, never).await;
        assert_eq!((seen.len(), looks.get()), (500, LOOKS));
    }

    #[tokio::test]
    async fn the_size_stays_what_it_was() {
        let (_, whole) = Body::Own("abcdef".into()).peek(2, |_| false).await;
        assert_eq!(whole.size_hint().exact(), Some(6));
        assert!(!whole.is_end_stream());
    }

    #[tokio::test]
    async fn a_break_stays_a_break() {
        let pieces = [Ok(Bytes::from_static(b"ab")), Err(std::io::Error::other("broken"))];
        let broken = Body::Own(axum::body::Body::from_stream(stream::iter(pieces)));
        let (seen, whole) = broken.peek(100, |_| false).await;
        assert_eq!(seen, b"ab");
        assert!(whole.collect().await.is_err());
    }
}
