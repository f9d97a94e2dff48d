//! A connection on loan: one exchange, then back to the pool, or closed.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use tokio::task::AbortHandle;

use super::deadline::Deadline;
use super::pool::Kept;
use super::spare::{Fields, Spare};
use super::upload::{Movement, Progress, Upload};

/// A connection to Campaign. Dropping it closes it at once, whatever is under way on it.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Upload>,
    driver: AbortHandle,
    deadline: Deadline,
    spare: Fields,
    used: Instant,
}

/// A slot of the pool and the connection in it. Dropping it closes the connection and frees the slot.
#[derive(Debug)]
pub struct Lease {
    connection: Option<Box<Connection>>,
    kept: Arc<Kept>,
}

/// How long to wait in an exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For the answer, once the request is complete.
    pub answer: Duration,
    /// For the next piece of the request's body.
    pub upload: Duration,
}

/// Why there was no answer.
pub(super) enum Failed {
    /// The request was complete, the answer did not come in time.
    Deadline,
    /// The client's body stood still.
    Stalled,
    /// The connection broke, or the client's body did; with the request, when nothing of it was sent.
    Broken(hyper::Error, Option<Box<Request<Upload>>>),
}

impl Connection {
    pub fn new(sender: SendRequest<Upload>, driver: AbortHandle, limit: Duration) -> Self {
        let (deadline, spare) = (Deadline::new(limit), Fields::new());
        Self { sender, driver, deadline, spare, used: Instant::now() }
    }

    /// True when it is open, at rest, and was used within `limit`.
    pub fn is_usable(&self, limit: Duration) -> bool {
        self.sender.is_ready() && self.used.elapsed() < limit
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Lease {
    /// Holds a slot that was taken already.
    pub(super) fn new(kept: Arc<Kept>) -> Self {
        Self { connection: None, kept }
    }

    /// The upstream's name for logs.
    pub(super) fn upstream(&self) -> &Arc<str> {
        &self.kept.name
    }

    /// Sends a request over `connection` and waits for the head of the answer: at most `patience.answer` after the last
    /// movement of its body, for a long upload is no reason to give up. A client that stands still in its body has
    /// between `patience.upload` and twice as long.
    pub(super) async fn exchange(
        &mut self,
        mut connection: Box<Connection>,
        request: Request<Upload>,
        progress: &Progress,
        spare: &mut Spare,
        patience: Patience,
    ) -> Result<Response<Incoming>, Failed> {
        spare.copy(&request, std::mem::take(&mut connection.spare));
        let look = if progress.is_over() { patience.answer } else { patience.upload.min(patience.answer) };
        connection.deadline.arm(look);
        let mut left = patience.answer;
        let mut answer = pin!(connection.sender.try_send_request(request));
        let mut seen = 0;
        let outcome = poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer.map_err(|mut error| {
                    let unsent = error.take_message().map(Box::new);
                    Failed::Broken(error.into_error(), unsent)
                }));
            }
            while connection.deadline.poll(cx).is_ready() {
                match progress.since(&mut seen) {
                    Movement::Some => left = patience.answer,
                    Movement::WaitsForClient => return Poll::Ready(Err(Failed::Stalled)),
                    Movement::None if left <= look => return Poll::Ready(Err(Failed::Deadline)),
                    Movement::None => left -= look,
                }
                connection.deadline.arm(look.min(left));
            }
            Poll::Pending
        })
        .await?;
        // A refusal may be answered by another try with other credentials; the copy is kept for it.
        if outcome.status() != StatusCode::FORBIDDEN {
            connection.spare = spare.forget();
        }
        self.connection = Some(connection);
        Ok(outcome)
    }

    /// The timer of the connection, for the pauses within an answer.
    pub(super) fn deadline(&mut self) -> Option<&mut Deadline> {
        self.connection.as_mut().map(|connection| &mut connection.deadline)
    }

    /// How long a pause within an answer may be.
    pub(super) fn body_idle(&self) -> Duration {
        self.kept.body_idle
    }

    /// Makes the connection available to the next request, once the request's own body is through: Campaign may have
    /// answered before it read all of an upload.
    pub(super) fn give_back(mut self, progress: &Progress) {
        if progress.is_over() {
            return self.put();
        }
        let progress = progress.clone();
        tokio::spawn(async move {
            let mut seen = 0;
            progress.since(&mut seen);
            loop {
                tokio::time::sleep(LINGER).await;
                if progress.is_over() {
                    return self.put();
                }
                if !matches!(progress.since(&mut seen), Movement::Some) {
                    return;
                }
            }
        });
    }

    fn put(&mut self) {
        if let Some(mut connection) = self.connection.take()
            && !connection.sender.is_closed()
        {
            connection.used = Instant::now();
            Kept::put(&self.kept, connection);
        }
    }

    /// Frees the slot; the connection lives on as something else than HTTP.
    pub(super) fn detach(mut self) -> Option<Box<Connection>> {
        self.connection.take()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.kept.free();
    }
}

/// How long the rest of an upload that was answered early may stand still.
const LINGER: Duration = Duration::from_secs(5);
