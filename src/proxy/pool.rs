//! Connections to one upstream, kept by one worker: a bounded number in use, those used last first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ProxyError;
use super::anonymous_quota::{AnonymousQuota, AnonymousSlot, Caller};
use super::connection::{Connection, Failed};
use super::http1::Sending;
use super::outgoing::Outgoing;
use super::pool_state::PoolState;
use super::pooled_connection::{Patience, PooledConnection};
use super::upstreams::{Limits, Upstream};
use crate::http_client::{Endpoint, chain};
use crate::net::AddressGroup;
use crate::telemetry::{Counters, Limit};
use crate::wire::response::ResponseHead;

/// One worker's connections to one upstream.
#[derive(Debug)]
pub struct Pool {
    upstream: Upstream,
    limits: Limits,
    upload_idle: Duration,
    state: Arc<PoolState>,
}

/// Why a request got no answer.
pub(super) struct Failure {
    pub error: ProxyError,
    /// True when it may go out again: nothing of it was sent, or repeating it is safe.
    pub again: bool,
    /// True when it speaks against the upstream's health.
    pub blamed: bool,
}

/// An answer's head, the connection that its body will come over, and what of the request has not gone out yet.
pub(super) type Answered = (ResponseHead, PooledConnection, Sending);

impl Pool {
    /// A pool without connections.
    pub(super) fn new(
        upstream: Upstream,
        limits: Limits,
        upload_idle: Duration,
        counters: Arc<Counters>,
    ) -> Self {
        let state = Arc::new(PoolState::new(&upstream, limits, counters));
        Self { upstream, limits, upload_idle, state }
    }

    /// Connections in use.
    pub(super) fn in_use(&self) -> usize {
        self.limits.pool.max_connections.saturating_sub(self.state.slots.available_permits())
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// A kept connection may have been closed by Campaign at the very moment it was taken: then the request goes out
    /// again, on a new connection, when nothing of it was sent. One that was sent goes out again only if repeating it
    /// is safe (RFC 9110 §9.2.2) — a GET or HEAD without body — and only once, which `outgoing` remembers.
    pub(super) async fn send(&self, outgoing: &mut Outgoing) -> Result<Answered, Failure> {
        let outcome = self.exchange(outgoing).await;
        // An answer that has begun is none yet: the pooled tells of its end.
        if let Err(failure) = &outcome
            && failure.blamed
        {
            self.upstream.health.failed(&failure.error);
        }
        outcome
    }

    async fn exchange(&self, outgoing: &mut Outgoing) -> Result<Answered, Failure> {
        let anonymous = match outgoing.caller {
            Caller::SignedIn => None,
            Caller::Anonymous(group) => {
                Some(match AnonymousQuota::try_acquire(&self.state.anonymous, group) {
                    Some(slot) => slot,
                    // Boxed like the wait below: it is rare, and its timer is large.
                    None => Box::pin(self.wait_for_anonymous_slot(group)).await?,
                })
            }
        };
        if let Ok(permit) = self.state.slots.try_acquire() {
            permit.forget();
        } else {
            Box::pin(self.wait_for_slot()).await?;
        }
        let mut now = Instant::now();
        let mut pooled = PooledConnection::new(self.state.clone(), anonymous);
        // Where one kept connection was closed, the next may be as well: a second try is worth a new one.
        let mut kept = self.state.take(now);
        loop {
            let kept = kept.take();
            let is_new = kept.is_none();
            let connection = if let Some(connection) = kept {
                connection
            } else {
                // Boxed: rare.
                let connected = Box::pin(self.connect()).await;
                now = Instant::now();
                connected.map_err(|error| Failure { error, again: true, blamed: true })?
            };
            match pooled.exchange(connection, outgoing, self.patience(), now).await {
                Ok((answer, sending)) => return Ok((answer, pooled, sending)),
                Err(failed) => {
                    let failure = self.judge(failed, outgoing, is_new);
                    if is_new || !failure.again {
                        return Err(failure);
                    }
                    now = Instant::now();
                }
            }
        }
    }

    fn patience(&self) -> Patience {
        Patience { answer: self.limits.response, upload: self.upload_idle }
    }

    /// What a failed exchange means, over a connection that `is_new` or was kept.
    fn judge(&self, failed: Failed, outgoing: &mut Outgoing, is_new: bool) -> Failure {
        let (upstream, limit) = (self.state.name.clone(), self.limits.response);
        let clients = |error| Failure { error, again: false, blamed: false };
        match failed {
            Failed::Deadline => {
                Failure { error: ProxyError::Deadline { upstream, limit }, again: false, blamed: true }
            }
            Failed::Stalled => {
                let reason = format!("nothing came for {:?}", self.upload_idle);
                clients(ProxyError::Client { reason, stalled: true })
            }
            Failed::Upload(error) => clients(error.into()),
            Failed::Broken { error, unsent, clients_turn } => {
                // An answer that cannot be read is an answer: asking again would bring the same.
                let is_an_answer = error.is_an_answer();
                let again = unsent || (!is_an_answer && std::mem::take(&mut outgoing.repeatable));
                // A kept connection may be closed, and a client that stands still given up, by a server that is well.
                let blamed = is_an_answer || (is_new && !clients_turn);
                Failure { error: ProxyError::Broken { upstream, reason: chain(&error) }, again, blamed }
            }
        }
    }

    /// Waits for a slot of those for callers without a session.
    async fn wait_for_anonymous_slot(&self, group: Option<AddressGroup>) -> Result<AnonymousSlot, Failure> {
        let quota = &self.state.anonymous;
        let slot = AnonymousQuota::acquire(quota, group, self.limits.pool.queue_timeout).await;
        slot.map_err(|(limit, connections)| {
            let (upstream, pool) = (self.state.name.clone(), self.limits.pool);
            let error = if limit == Limit::AnonymousShare && connections >= pool.max_connections {
                // Anonymous callers may use every connection: the pool itself is full.
                ProxyError::Busy { upstream, connections, limit: pool.queue_timeout }
            } else {
                ProxyError::Share { upstream, limit, connections }
            };
            Failure { error, again: false, blamed: false }
        })
    }

    /// Waits for a slot: in order, but not for ever.
    async fn wait_for_slot(&self) -> Result<(), Failure> {
        let limit = self.limits.pool.queue_timeout;
        if let Ok(Ok(permit)) = tokio::time::timeout(limit, self.state.slots.acquire()).await {
            permit.forget();
            return Ok(());
        }
        let (upstream, connections) = (self.state.name.clone(), self.limits.pool.max_connections);
        Err(Failure { error: ProxyError::Busy { upstream, connections, limit }, again: true, blamed: false })
    }

    async fn connect(&self) -> Result<Box<Connection>, ProxyError> {
        let failed = |reason| ProxyError::Connect { upstream: self.state.name.clone(), reason };
        let endpoint: &Endpoint = &self.upstream.endpoint;
        let wire = endpoint.dialer().dial().await.map_err(|e| failed(chain(&e)))?;
        Ok(Box::new(Connection::new(wire, self.limits.response)))
    }
}
