//! A connection to Campaign, at rest and in an exchange.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::deadline::Deadline;
use super::http1::{Http1Stream, SendError, Sending, WireError};
use super::outgoing::Outgoing;
use super::upload_error::UploadError;
use crate::http_client::Wire;
use crate::wire::response::ResponseHead;

/// A connection to Campaign. Dropping it closes it at once, whatever is under way on it.
#[derive(Debug)]
pub(super) struct Connection {
    pub stream: Http1Stream,
    pub deadline: Deadline,
    used: Instant,
}

/// Why there was no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// Campaign took no more of the request, or did not answer it, in time.
    Deadline,
    /// The client's body stood still.
    Stalled,
    /// The client's body broke off.
    Upload(UploadError),
    /// The connection broke; `unsent` when nothing of the request had gone out, and `clients_turn` when more of its body was
    /// still to come from the client.
    Broken { error: WireError, unsent: bool, clients_turn: bool },
}

impl Connection {
    pub fn new(wire: Wire, limit: Duration) -> Self {
        Self { stream: Http1Stream::new(wire), deadline: Deadline::new(limit), used: Instant::now() }
    }

    /// True when it is open, at rest, and was used within `limit`.
    pub fn is_usable(&mut self, now: Instant, limit: Duration) -> bool {
        now.saturating_duration_since(self.used) < limit && self.stream.is_quiet()
    }

    /// As [`is_usable`](Self::is_usable), for one that goes on resting, without a buffer.
    pub fn may_stay(&mut self, now: Instant, limit: Duration) -> bool {
        let usable = self.is_usable(now, limit);
        self.stream.rest();
        usable
    }

    /// True when it may be used again: nothing came behind the last answer.
    pub fn is_through(&mut self) -> bool {
        self.used = Instant::now();
        self.stream.is_clear()
    }

    /// One look at an exchange: sends what can be sent, gives the answer's head when it has come.
    ///
    /// An upstream may answer before it has read a request, and stop reading: a failure to send counts only when there is
    /// no answer either.
    pub fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &mut Outgoing,
        sending: &mut Sending,
        unsendable: &mut Option<std::io::Error>,
    ) -> Poll<Result<ResponseHead, Failed>> {
        if unsendable.is_none() && !sending.is_over() {
            match self.stream.poll_send(cx, sending, &mut outgoing.upload) {
                Poll::Ready(Err(SendError::Upload(error))) => return Poll::Ready(Err(Failed::Upload(error))),
                Poll::Ready(Err(SendError::Wire(error))) => *unsendable = Some(error),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if sending.has_not_begun() {
            // What came before a request is no answer to it.
            let Some(error) = unsendable.take() else { return Poll::Pending };
            sending.hand_back(&mut outgoing.upload);
            let error = error.into();
            return Poll::Ready(Err(Failed::Broken { error, unsent: true, clients_turn: false }));
        }
        self.stream.poll_answer(cx, outgoing.is_head).map(|answer| {
            answer.map_err(|error| {
                let error = match unsendable.take() {
                    Some(first) if !error.is_an_answer() => first.into(),
                    _ => error,
                };
                Failed::Broken { error, unsent: false, clients_turn: sending.waits_for_client() }
            })
        })
    }
}
