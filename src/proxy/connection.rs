//! A connection to Campaign, idle or in an exchange.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::deadline::Deadline;
use super::http1::{Http1Stream, RequestWriter, SendError, WireError};
use super::outgoing::Outgoing;
use super::upload_error::UploadError;
use crate::http_client::DialedStream;
use crate::wire::response::ResponseHead;

/// A connection to Campaign. Dropping it closes it at once, also during an exchange.
#[derive(Debug)]
pub(super) struct Connection {
    pub stream: Http1Stream,
    pub deadline: Deadline,
    used: Instant,
}

/// Why there was no response.
#[derive(Debug)]
pub(super) enum ExchangeFailure {
    /// Campaign did not read the request, or did not answer it, in time.
    Deadline,
    /// The client paused for too long in its body.
    Stalled,
    /// The client's body broke off.
    Upload(UploadError),
    /// The connection broke. `unsent`: nothing of the request was sent. `waits_for_client`: the gateway was waiting for the client's body.
    Broken { error: WireError, unsent: bool, waits_for_client: bool },
}

impl Connection {
    pub fn new(stream: DialedStream, limit: Duration) -> Self {
        Self { stream: Http1Stream::new(stream), deadline: Deadline::new(limit), used: Instant::now() }
    }

    /// True when it is open and silent, and was used within `limit`.
    pub fn is_usable(&mut self, now: Instant, limit: Duration) -> bool {
        now.saturating_duration_since(self.used) < limit && self.stream.is_quiet()
    }

    /// As [`is_usable`](Self::is_usable), and releases the buffer of a connection that stays idle.
    pub fn check_idle(&mut self, now: Instant, limit: Duration) -> bool {
        let usable = self.is_usable(now, limit);
        self.stream.release_buffer();
        usable
    }

    /// Ends an exchange; true when the connection may be used again because nothing follows the response.
    pub fn end_exchange(&mut self) -> bool {
        self.used = Instant::now();
        self.stream.is_clear()
    }

    /// Sends what can be sent; returns the head of the response when it has arrived.
    ///
    /// A server may answer before it has read the whole request, and stop reading. So a failure to send counts only if there is no
    /// response either.
    pub fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &mut Outgoing,
        writer: &mut RequestWriter,
        unsendable: &mut Option<std::io::Error>,
    ) -> Poll<Result<ResponseHead, ExchangeFailure>> {
        if unsendable.is_none() && !writer.is_over() {
            match self.stream.poll_send(cx, writer, &mut outgoing.upload) {
                Poll::Ready(Err(SendError::Upload(error))) => {
                    return Poll::Ready(Err(ExchangeFailure::Upload(error)));
                }
                Poll::Ready(Err(SendError::Connection(error))) => *unsendable = Some(error),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if writer.has_not_started() {
            // Bytes that arrive before the request are no response to it.
            let Some(error) = unsendable.take() else { return Poll::Pending };
            writer.return_body(&mut outgoing.upload);
            let error = error.into();
            return Poll::Ready(Err(ExchangeFailure::Broken {
                error,
                unsent: true,
                waits_for_client: false,
            }));
        }
        self.stream.poll_response(cx, outgoing.is_head).map(|response| {
            response.map_err(|error| {
                let error = match unsendable.take() {
                    Some(first) if !error.is_response() => first.into(),
                    _ => error,
                };
                ExchangeFailure::Broken { error, unsent: false, waits_for_client: writer.waits_for_client() }
            })
        })
    }
}
