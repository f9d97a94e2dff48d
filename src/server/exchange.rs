//! One request and its response, as the connection's [activity](super::activity) counts them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::activity::Activity;
use super::buffered_piece::BufferedPiece;
use super::http2_streams::WatchedStream;

/// A request in progress, until dropped.
#[derive(Debug)]
pub struct Exchange {
    activity: Arc<Activity>,
    /// True while the client waits for the gateway or Campaign.
    client_waits: bool,
}

impl Exchange {
    /// Begins with the request's head.
    pub fn begin(activity: &Arc<Activity>, has_body: bool) -> Self {
        activity.request_begins(has_body);
        Self::tunnel(activity)
    }

    /// A WebSocket over HTTP/2, one stream among others: neither side has to send anything, and the connection is in use.
    pub fn tunnel(activity: &Arc<Activity>) -> Self {
        activity.exchange_begins();
        Self { activity: activity.clone(), client_waits: true }
    }

    /// Goes on until the response's body has ended.
    pub fn with_body<B>(mut self, body: B) -> CountedBody<B> {
        self.set_client_waits(false);
        CountedBody { body, exchange: self, stream: None }
    }

    /// The activity of the connection.
    pub fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    fn set_client_waits(&mut self, client_waits: bool) {
        if client_waits != self.client_waits {
            self.client_waits = client_waits;
            self.activity.change_unanswered(client_waits);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.set_client_waits(false);
        self.activity.exchange_ends();
    }
}

/// A response's body whose pieces count as progress.
#[derive(Debug)]
pub struct CountedBody<B> {
    body: B,
    exchange: Exchange,
    /// Over HTTP/2, from the first piece that is long or not the last.
    stream: Option<Arc<WatchedStream>>,
}

impl<B> CountedBody<B> {
    /// Nothing moves until the client has read something.
    #[cold]
    fn wait_for_client(&mut self, cx: &Context<'_>) {
        self.exchange.set_client_waits(false);
        let activity = &self.exchange.activity;
        if activity.is_http2() {
            self.stream.get_or_insert_with(|| activity.streams.watch(cx.waker())).set_waiting();
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for CountedBody<B> {
    type Data = BufferedPiece;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<BufferedPiece>, B::Error>>> {
        if self.exchange.activity.unread.admit(cx).is_err() {
            self.wait_for_client(cx);
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.exchange.set_client_waits(polled.is_pending());
        let activity = &self.exchange.activity;
        activity.progressed();
        if let Some(stream) = &self.stream {
            stream.polled(polled.is_ready());
        } else if activity.is_http2()
            && let Poll::Ready(Some(Ok(piece))) = &polled
            && (!self.body.is_end_stream() || piece.data_ref().is_some_and(|piece| piece.len() > SMALL))
        {
            self.stream = Some(activity.streams.watch(cx.waker()));
        }
        let this = &*self;
        polled.map_ok(|frame| {
            frame.map_data(|bytes| BufferedPiece::new(bytes, &this.exchange.activity, this.stream.as_ref()))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Complete HTTP/2 responses below this size, in bytes, have no stall timeout: even a hundred of them need little memory.
const SMALL: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[tokio::test]
    async fn an_exchange_lasts_until_its_response_has_ended() {
        let activity = Arc::<Activity>::default();
        assert!(activity.may_release_buffers());
        let exchange = Exchange::begin(&activity, false);
        assert!(!activity.is_idle() && !activity.waits_for_client(), "the gateway's turn");
        let mut body = exchange.with_body(Full::new(Bytes::from_static(b"x")));
        assert!(activity.waits_for_client(), "the client's turn");
        let progress = activity.progress();
        body.frame().await.unwrap().unwrap();
        assert_ne!(activity.progress(), progress);
        drop(body);
        assert!(activity.may_release_buffers());
        drop(Exchange::begin(&activity, true));
        assert!(activity.is_idle() && !activity.may_release_buffers(), "some of the body may be left");
        drop(Exchange::begin(&activity, false));
        activity.set_blocked(true);
        assert!(!activity.may_release_buffers());
    }
}
