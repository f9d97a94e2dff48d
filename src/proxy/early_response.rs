//! A response that began before its request was complete.
//!
//! The client's task reads the response. It may wait until the client reads, while the client waits until its own bytes are read. So a
//! separate task goes on with both.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard, PollSender};

use super::error::BodyError;
use super::http1::RequestWriter;
use super::pooled_connection::PooledConnection;
use super::upload::Upload;
use crate::wire::response::Framing;

type Piece = Result<Frame<Bytes>, BodyError>;

/// The body of an early response. Dropping it ends the exchange unless the response is complete.
#[derive(Debug)]
pub(super) struct EarlyResponse {
    pieces: mpsc::Receiver<Piece>,
    /// The known length of the rest.
    left: SizeHint,
    _exchange: DropGuard,
}

/// The exchange that the task goes on with.
struct EarlyExchange {
    connection: PooledConnection,
    framing: Framing,
    writer: Box<RequestWriter>,
    upload: Upload,
    /// The writer's progress at the last poll: while the request makes progress, the response may pause.
    progress: u64,
    /// True when the request will never be complete.
    given_up: bool,
}

impl EarlyResponse {
    pub fn new(
        connection: PooledConnection,
        framing: Framing,
        writer: Box<RequestWriter>,
        upload: Upload,
    ) -> Self {
        let (sender, pieces) = mpsc::channel(1);
        let left = framing.size_hint();
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let progress = writer.progress();
        let exchange = EarlyExchange { connection, framing, writer, upload, progress, given_up: false };
        tokio::spawn(exchange.run(PollSender::new(sender), stop));
        Self { pieces, left, _exchange: guard }
    }

    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let polled = self.pieces.poll_recv(cx);
        if let (Poll::Ready(Some(Ok(frame))), Some(left)) = (&polled, self.left.exact()) {
            let length = frame.data_ref().map_or(0, |piece| piece.len() as u64);
            self.left = SizeHint::with_exact(left.saturating_sub(length));
        }
        polled
    }

    pub fn is_over(&self) -> bool {
        self.left.exact() == Some(0)
    }

    pub fn size_hint(&self) -> SizeHint {
        self.left
    }
}

impl EarlyExchange {
    async fn run(mut self, mut pieces: PollSender<Piece>, stop: CancellationToken) {
        let (mut waits, is_complete) = (false, self.framing.is_over());
        let response = poll_fn(|cx| self.poll_response(cx, &mut pieces, &mut waits));
        // Without a body the response is complete, and the client has already dropped it.
        if !is_complete && stop.run_until_cancelled(response).await != Some(true) {
            return;
        }
        drop(pieces);
        // Campaign may still be reading. If it reads the whole rest of the request, the connection can be used again.
        while !self.given_up {
            let before = self.writer.progress();
            let rest = poll_fn(|cx| self.connection.poll_send(cx, &mut self.writer, &mut self.upload));
            match tokio::time::timeout(LINGER, rest).await {
                Ok(Ok(())) => return self.connection.return_to_pool(),
                Ok(Err(_)) => return,
                Err(_) if self.writer.progress() == before => return,
                Err(_) => {}
            }
        }
    }

    /// True when the response is complete, false when it never will be.
    fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &mut PollSender<Piece>,
        waits: &mut bool,
    ) -> Poll<bool> {
        if !self.given_up && !self.writer.is_over() {
            let sent = self.connection.poll_send(cx, &mut self.writer, &mut self.upload);
            self.given_up = matches!(sent, Poll::Ready(Err(_)));
            if std::mem::replace(&mut self.progress, self.writer.progress()) != self.writer.progress() {
                // The timeout begins again.
                *waits = false;
            }
        }
        loop {
            // The client may have dropped a body whose end it knows.
            if self.framing.is_over() {
                return Poll::Ready(true);
            }
            match pieces.poll_reserve(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
            let piece = match self.connection.poll_frame(cx, &mut self.framing, waits) {
                Poll::Ready(Some(piece)) => piece,
                Poll::Ready(None) => return Poll::Ready(true),
                Poll::Pending => return Poll::Pending,
            };
            let broken = piece.is_err();
            if pieces.send_item(piece).is_err() || broken {
                return Poll::Ready(false);
            }
        }
    }
}

/// The longest pause in the rest of a request that was answered early.
const LINGER: Duration = Duration::from_secs(5);
