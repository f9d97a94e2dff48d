//! A connection on loan: one exchange, then back to the pool, or closed.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Frame;

use super::anonymous_quota::AnonymousSlot;
use super::connection::{Connection, Failed};
use super::error::BodyError;
use super::http1::{SendError, Sending};
use super::outgoing::Outgoing;
use super::pool_state::PoolState;
use super::upload::Upload;
use super::upload_error::UploadError;
use crate::http_client::Wire;
use crate::telemetry::Limit;
use crate::wire::response::{Framing, ResponseHead};

/// A slot of the pool and the connection in it. Dropping it closes the connection and frees the slot.
#[derive(Debug)]
pub struct PooledConnection {
    connection: Option<Box<Connection>>,
    /// False when the connection cannot be used again.
    persists: bool,
    /// Bytes of the answer's body that have come.
    came: u64,
    /// True for an answer that is not meant to end: then how it does says nothing.
    endless: bool,
    /// For a caller without a session.
    _anonymous: Option<AnonymousSlot>,
    pool: Arc<PoolState>,
}

/// How long to wait in an exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For the answer, from the last byte of the request that went out.
    pub answer: Duration,
    /// For the next piece of the request's body.
    pub upload: Duration,
}

impl PooledConnection {
    /// Holds a slot that was taken already.
    pub(super) fn new(pool: Arc<PoolState>, anonymous: Option<AnonymousSlot>) -> Self {
        Self { connection: None, persists: false, came: 0, endless: false, _anonymous: anonymous, pool }
    }

    /// The upstream's name for logs.
    pub(super) fn upstream(&self) -> &Arc<str> {
        &self.pool.name
    }

    /// Sends a request over `connection` and waits for the head of the answer: at most `patience.answer` after the last
    /// movement of its body, for a long upload is no reason to give up, and at most `patience.upload` for a client that stands
    /// still in its body. Gives what has not gone out when the answer came early.
    pub(super) async fn exchange(
        &mut self,
        mut connection: Box<Connection>,
        outgoing: &mut Outgoing,
        patience: Patience,
        now: Instant,
    ) -> Result<(ResponseHead, Sending), Failed> {
        let mut sending = Sending::new(outgoing.head.clone(), outgoing.length);
        let mut unsendable = None;
        let mut armed = None;
        let answer = poll_fn(|cx| {
            if let Poll::Ready(outcome) =
                connection.poll_exchange(cx, outgoing, &mut sending, &mut unsendable)
            {
                return Poll::Ready(outcome);
            }
            let waits_for_client = sending.waits_for_client() && unsendable.is_none();
            let state = (sending.moved(), waits_for_client);
            if armed != Some(state) {
                // At the first look the time is known.
                let now = if armed.is_none() { now } else { Instant::now() };
                let limit = if waits_for_client { patience.upload } else { patience.answer };
                connection.deadline.arm_at(now.into(), limit);
                armed = Some(state);
            }
            connection
                .deadline
                .poll(cx)
                .map(|()| Err(if waits_for_client { Failed::Stalled } else { Failed::Deadline }))
        })
        .await?;
        self.persists = answer.persists && unsendable.is_none();
        self.connection = Some(connection);
        Ok((answer, sending))
    }

    /// The next piece of the answer's body; an error for a pause that lasts too long. `waits` is true while the timer runs.
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
                self.came += frame.data_ref().map_or(0, |piece| piece.len() as u64);
            }
            let broken = |error| pool.cut(BodyError::Broken { upstream: upstream(), error });
            return Poll::Ready(frame.map(|frame| frame.map_err(broken)));
        }
        let limit = pool.body_idle;
        if !std::mem::replace(waits, true) {
            connection.deadline.arm(limit);
        }
        let stalled = || pool.cut(BodyError::Stalled { upstream: upstream(), limit });
        connection.deadline.poll(cx).map(|()| Some(Err(stalled())))
    }

    /// Goes on sending a request whose answer has begun.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        sending: &mut Sending,
        upload: &mut Upload,
    ) -> Poll<Result<(), SendError>> {
        match self.connection.as_mut() {
            Some(connection) => {
                let sent = connection.stream.poll_send(cx, sending, upload);
                if let Poll::Ready(Err(SendError::Upload(error))) = &sent {
                    // The answer is under way: there is no other sign of it.
                    let limit = match error {
                        UploadError::TooLarge(_) => Some(Limit::Body),
                        UploadError::Stalled(_) => Some(Limit::Upload),
                        UploadError::TooSlow(_) => Some(Limit::MinRate),
                        _ => None,
                    };
                    if let Some(limit) = limit {
                        self.pool.counters.hit(limit, None);
                    }
                }
                sent
            }
            None => Poll::Ready(Ok(())),
        }
    }

    /// For an answer that is not meant to end: its head makes up for nothing, and whoever ends it may have reason to.
    pub(super) fn is_endless(&mut self) {
        self.endless = true;
    }

    /// Tells the upstream's health of an answer that broke off, if nobody else can be why: a client that reads slowly may have
    /// cost Campaign its patience, but not before the buffers on the way were full.
    pub(super) fn broke(&self, error: &BodyError) {
        // Silence may be what an answer is for.
        let broken = matches!(error, BodyError::Broken { .. });
        if broken && !self.endless && self.came < BUFFERED {
            self.pool.health.failed(error);
        }
    }

    /// Makes the connection available to the next request; to be called when request and answer are through.
    pub(super) fn give_back(mut self) {
        if !self.endless {
            self.pool.health.answered();
        }
        if let Some(mut connection) = self.connection.take()
            && self.persists
            && connection.is_through()
        {
            PoolState::put(&self.pool, connection);
        }
    }

    /// Frees the slot; the connection lives on as something else than HTTP.
    pub(super) fn detach(mut self) -> Option<(Wire, Vec<u8>)> {
        self.pool.health.answered();
        self.connection.take().map(|connection| connection.stream.into_parts())
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        self.pool.free();
    }
}

/// So much of an answer fits the socket buffers between Campaign and a gateway that does not read. Linux gives a connection a window of
/// 64 kB to begin with, and the head has its part of it.
const BUFFERED: u64 = 32 * 1024;
