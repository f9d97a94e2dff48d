//! An answer that began before its request was through. Whoever reads the answer is the client's connection, which may wait
//! for the client to take bytes while the client waits for its own to be taken: so a task of its own goes on with both.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard, PollSender};

use super::error::BodyError;
use super::http1::Sending;
use super::pooled_connection::PooledConnection;
use super::upload::Upload;
use crate::wire::response::Framing;

type Piece = Result<Frame<Bytes>, BodyError>;

/// The body of such an answer. Dropping it ends the exchange, unless the answer is through.
#[derive(Debug)]
pub(super) struct Early {
    pieces: mpsc::Receiver<Piece>,
    /// What is known of the rest's length.
    left: SizeHint,
    _exchange: DropGuard,
}

/// What the task goes on with.
struct Exchange {
    connection: PooledConnection,
    framing: Framing,
    sending: Sending,
    upload: Upload,
    /// [`Sending::moved`] when it was last looked at: while the request goes on, the answer may pause.
    moved: u64,
    /// True when the request will never be whole.
    given_up: bool,
}

impl Early {
    pub fn new(connection: PooledConnection, framing: Framing, sending: Sending, upload: Upload) -> Self {
        let (sender, pieces) = mpsc::channel(1);
        let left = framing.size_hint();
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let moved = sending.moved();
        let exchange = Exchange { connection, framing, sending, upload, moved, given_up: false };
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

impl Exchange {
    async fn run(mut self, mut pieces: PollSender<Piece>, stop: CancellationToken) {
        let (mut waits, is_through) = (false, self.framing.is_over());
        let answer = poll_fn(|cx| self.poll_answer(cx, &mut pieces, &mut waits));
        // Without a body it is through, and the client has let go of it already.
        if !is_through && stop.run_until_cancelled(answer).await != Some(true) {
            return;
        }
        drop(pieces);
        // Campaign may still be reading: while it does, the rest goes out, and then the connection is as good as before.
        while !self.given_up {
            let before = self.sending.moved();
            let rest = poll_fn(|cx| self.connection.poll_send(cx, &mut self.sending, &mut self.upload));
            match tokio::time::timeout(LINGER, rest).await {
                Ok(Ok(())) => return self.connection.give_back(),
                Ok(Err(_)) => return,
                Err(_) if self.sending.moved() == before => return,
                Err(_) => {}
            }
        }
    }

    /// True when the answer is through, false when it never will be.
    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &mut PollSender<Piece>,
        waits: &mut bool,
    ) -> Poll<bool> {
        if !self.given_up && !self.sending.is_over() {
            let sent = self.connection.poll_send(cx, &mut self.sending, &mut self.upload);
            self.given_up = matches!(sent, Poll::Ready(Err(_)));
            if std::mem::replace(&mut self.moved, self.sending.moved()) != self.sending.moved() {
                // The time begins anew.
                *waits = false;
            }
        }
        loop {
            // The client may have let go of a body whose end it knows.
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

/// How long the rest of an upload that was answered early may stand still.
const LINGER: Duration = Duration::from_secs(5);
