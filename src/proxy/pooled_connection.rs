//! A connection taken from the pool for one exchange. Then it returns to the pool or is closed.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Frame;

use super::anonymous_quota::AnonymousSlot;
use super::connection::{Connection, ExchangeFailure};
use super::error::BodyError;
use super::http1::{RequestWriter, SendError};
use super::outgoing::Outgoing;
use super::pool_state::PoolState;
use super::upload::Upload;
use super::upload_error::UploadError;
use crate::config::Limit;
use crate::http_client::DialedStream;
use crate::wire::response::{Framing, ResponseHead};

/// A slot of the pool and its connection. Dropping it closes the connection and frees the slot.
#[derive(Debug)]
pub struct PooledConnection {
    connection: Option<Box<Connection>>,
    /// False when the connection cannot be used again.
    persists: bool,
    /// Bytes of the response's body received so far.
    received: u64,
    /// True for a response without an end, such as an event stream. How it ends says nothing about the server.
    endless: bool,
    /// For a caller without a session.
    _anonymous: Option<AnonymousSlot>,
    pool: Arc<PoolState>,
}

/// Timeouts of an exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// For the response, from the last byte of the request that was sent.
    pub response: Duration,
    /// For the next piece of the request's body.
    pub upload: Duration,
}

impl PooledConnection {
    /// Holds a slot that was already acquired.
    pub(super) fn new(pool: Arc<PoolState>, anonymous: Option<AnonymousSlot>) -> Self {
        Self { connection: None, persists: false, received: 0, endless: false, _anonymous: anonymous, pool }
    }

    /// The server's name in logs.
    pub(super) fn upstream(&self) -> &Arc<str> {
        &self.pool.name
    }

    /// Sends a request over `connection` and waits for the head of the response.
    ///
    /// It waits at most `timeouts.response` after the last progress of the request, so that a long upload is possible, and at most
    /// `timeouts.upload` for the next piece of the client's body. Returns the unsent rest of the request if the response came early.
    pub(super) async fn exchange(
        &mut self,
        mut connection: Box<Connection>,
        outgoing: &mut Outgoing,
        timeouts: Timeouts,
        now: Instant,
    ) -> Result<(ResponseHead, Option<Box<RequestWriter>>), ExchangeFailure> {
        let mut writer = RequestWriter::new(outgoing.head.clone(), outgoing.length);
        let mut unsendable = None;
        let (mut armed, mut progressed) = (None, None);
        let response = poll_fn(|cx| {
            if let Poll::Ready(outcome) = connection.poll_exchange(cx, outgoing, &mut writer, &mut unsendable)
            {
                return Poll::Ready(outcome);
            }
            let waits_for_client = writer.waits_for_client() && unsendable.is_none();
            let state = (writer.progress(), waits_for_client);
            if armed != Some(state) {
                // At the first poll the caller has just read the clock.
                let now = if armed.is_none() { now } else { *progressed.insert(Instant::now()) };
                let limit = if waits_for_client { timeouts.upload } else { timeouts.response };
                connection.deadline.arm_at(now.into(), limit);
                armed = Some(state);
            }
            connection.deadline.poll(cx).map(|()| {
                Err(if waits_for_client { ExchangeFailure::Stalled } else { ExchangeFailure::Deadline })
            })
        })
        .await;
        outgoing.times.sent = progressed;
        let response = response?;
        self.persists = response.persists && unsendable.is_none();
        self.connection = Some(connection);
        let rest = (!writer.is_over()).then(|| Box::new(writer));
        Ok((response, rest))
    }

    /// The next piece of the response's body. `waits` is true while the timer runs.
    ///
    /// # Errors
    /// The connection broke, or the pause was too long.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        framing: &mut Framing,
        waits: &mut bool,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(connection) = self.connection.as_mut() else { return Poll::Ready(None) };
        let pool = &*self.pool;
        let upstream = || pool.name.clone();
        if let Poll::Ready(frame) = connection.stream.poll_frame(cx, framing) {
            *waits = false;
            if let Some(Ok(frame)) = &frame {
                self.received += frame.data_ref().map_or(0, |piece| piece.len() as u64);
            }
            let broken = |error| pool.count_broken(BodyError::Broken { upstream: upstream(), error });
            return Poll::Ready(frame.map(|frame| frame.map_err(broken)));
        }
        let limit = pool.body_idle;
        if !std::mem::replace(waits, true) {
            connection.deadline.arm(limit);
        }
        let stalled = || pool.count_broken(BodyError::Stalled { upstream: upstream(), limit });
        connection.deadline.poll(cx).map(|()| Some(Err(stalled())))
    }

    /// Sends more of a request whose response has begun.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut RequestWriter,
        upload: &mut Upload,
    ) -> Poll<Result<(), SendError>> {
        match self.connection.as_mut() {
            Some(connection) => {
                let sent = connection.stream.poll_send(cx, writer, upload);
                if let Poll::Ready(Err(SendError::Upload(error))) = &sent {
                    // The response has begun: nothing else reports this.
                    let limit = match error {
                        UploadError::TooLarge(_) => Some(Limit::Body),
                        UploadError::Stalled(_) => Some(Limit::Upload),
                        UploadError::TooSlow(_) => Some(Limit::MinRate),
                        _ => None,
                    };
                    if let Some(limit) = limit {
                        self.pool.counters.limit_reached(limit, None);
                    }
                }
                sent
            }
            None => Poll::Ready(Ok(())),
        }
    }

    /// Records that the response has no end: neither its head nor its end counts for the health of the server.
    pub(super) fn set_endless(&mut self) {
        self.endless = true;
    }

    /// Reports a response that broke off as a failure of the server. Only failures that the server itself caused count: Campaign may have
    /// given up a client that reads slowly, but not before the buffers in between were full.
    pub(super) fn report_broken(&self, error: &BodyError) {
        // A silent response may be intended.
        let broken = matches!(error, BodyError::Broken { .. });
        if broken && !self.endless && self.received < BUFFERED {
            self.pool.health.failed(error);
        }
    }

    /// Makes the connection available for the next request. Call it when request and response are complete.
    pub(super) fn return_to_pool(mut self) {
        if !self.endless {
            self.pool.health.answered();
        }
        if let Some(mut connection) = self.connection.take()
            && self.persists
            && connection.end_exchange()
        {
            PoolState::put(&self.pool, connection);
        }
    }

    /// Frees the slot. The connection goes on without HTTP.
    pub(super) fn detach(mut self) -> Option<(DialedStream, Vec<u8>)> {
        self.pool.health.answered();
        self.connection.take().map(|connection| connection.stream.into_parts())
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        self.pool.free();
    }
}

/// Bytes of a response that fit into the socket buffers between Campaign and a gateway that does not read. On Linux a connection begins
/// with a window of 64 kB, and the head needs a part of it.
const BUFFERED: u64 = 32 * 1024;
