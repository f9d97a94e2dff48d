//! The connections of one worker to one server: a limited number in use, the most recently used first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ProxyError;
use super::anonymous_quota::{AnonymousQuota, AnonymousSlot, QuotaUser};
use super::connection::{Connection, ExchangeFailure};
use super::http1::RequestWriter;
use super::outgoing::Outgoing;
use super::pool_state::PoolState;
use super::pooled_connection::{PooledConnection, Timeouts};
use super::pools::InUse as _;
use super::upstreams::{PoolSettings, UpstreamServer};
use crate::config::Limit;
use crate::http_client::{Endpoint, chain};
use crate::net::AddressGroup;
use crate::telemetry::Counters;
use crate::wire::response::ResponseHead;

/// One worker's connections to one server.
#[derive(Debug)]
pub struct Pool {
    upstream: UpstreamServer,
    limits: PoolSettings,
    upload_idle: Duration,
    state: Arc<PoolState>,
}

/// Why a request got no response.
pub(super) struct SendFailure {
    pub error: ProxyError,
    /// True when the request may be sent again: nothing of it was sent, or repeating it is safe.
    pub may_repeat: bool,
    /// True when it counts against the health of the server.
    pub blamed: bool,
}

/// A response's head, the connection of its body, and the unsent rest of the request, if any. Boxed: it is rare.
pub(super) type Started = (ResponseHead, PooledConnection, Option<Box<RequestWriter>>);

impl Pool {
    /// A pool without connections.
    pub(super) fn new(
        upstream: UpstreamServer,
        limits: PoolSettings,
        upload_idle: Duration,
        counters: Arc<Counters>,
    ) -> Self {
        let state = Arc::new(PoolState::new(&upstream, limits, counters));
        upstream.pools.add(&state);
        Self { upstream, limits, upload_idle, state }
    }

    /// Takes over the connections of a pool to the same server, if its limits are the same.
    pub(super) fn take_over(&mut self, known: &Self) -> bool {
        let is_same =
            Arc::ptr_eq(&self.upstream.health, &known.upstream.health) && self.limits == known.limits;
        if is_same {
            self.state = known.state.clone();
        }
        is_same
    }

    /// Connections in use.
    pub(super) fn in_use(&self) -> usize {
        self.state.in_use()
    }

    /// Sends a request and waits for the head of the response.
    ///
    /// Campaign may close an idle connection at the moment it is taken. If nothing of the request was sent, it is sent over a new
    /// connection. If something was sent, this happens only if repeating is safe (RFC 9110 §9.2.2), for a GET or HEAD without a body, and
    /// only once, which `outgoing` remembers.
    pub(super) async fn send(&self, outgoing: &mut Outgoing) -> Result<Started, SendFailure> {
        let outcome = self.exchange(outgoing).await;
        // A response that has begun is not complete: the connection reports its end.
        if let Err(failure) = &outcome
            && failure.blamed
        {
            self.upstream.health.failed(&failure.error);
        }
        outcome
    }

    async fn exchange(&self, outgoing: &mut Outgoing) -> Result<Started, SendFailure> {
        let anonymous = match outgoing.quota_user {
            QuotaUser::SignedIn => None,
            QuotaUser::Anonymous(group) => {
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
        outgoing.times.began.get_or_insert(now);
        let mut pooled = PooledConnection::new(self.state.clone(), anonymous);
        // If one idle connection was closed, the next may be closed too: the second try opens a new one.
        let mut idle = self.state.take(now);
        loop {
            let idle = idle.take();
            let is_new = idle.is_none();
            let connection = if let Some(connection) = idle {
                connection
            } else {
                // Boxed: rare.
                let connected = Box::pin(self.connect()).await;
                now = Instant::now();
                connected.map_err(|error| SendFailure { error, may_repeat: true, blamed: true })?
            };
            match pooled.exchange(connection, outgoing, self.timeouts(), now).await {
                Ok((response, rest)) => return Ok((response, pooled, rest)),
                Err(failed) => {
                    let failure = self.judge(failed, outgoing, is_new);
                    if is_new || !failure.may_repeat {
                        return Err(failure);
                    }
                    now = Instant::now();
                }
            }
        }
    }

    fn timeouts(&self) -> Timeouts {
        Timeouts { response: self.limits.response, upload: self.upload_idle }
    }

    /// What a failed exchange means, over a new or an idle connection.
    fn judge(&self, failed: ExchangeFailure, outgoing: &mut Outgoing, is_new: bool) -> SendFailure {
        let (upstream, limit) = (self.state.name.clone(), self.limits.response);
        let by_client = |error| SendFailure { error, may_repeat: false, blamed: false };
        match failed {
            ExchangeFailure::Deadline => SendFailure {
                error: ProxyError::Deadline { upstream, limit },
                may_repeat: false,
                blamed: true,
            },
            ExchangeFailure::Stalled => {
                let reason = format!("nothing came for {:?}", self.upload_idle);
                by_client(ProxyError::Client { reason, stalled: true })
            }
            ExchangeFailure::Upload(error) => by_client(error.into()),
            ExchangeFailure::Broken { error, unsent, waits_for_client } => {
                // A response that cannot be parsed is a response: repeating the request would bring the same.
                let is_response = error.is_response();
                let may_repeat = unsent || (!is_response && std::mem::take(&mut outgoing.repeatable));
                // A healthy server may close an idle connection, or give up a client that sends nothing.
                let blamed = is_response || (is_new && !waits_for_client);
                SendFailure {
                    error: ProxyError::Broken { upstream, reason: chain(&error) },
                    may_repeat,
                    blamed,
                }
            }
        }
    }

    /// Waits for a slot for a caller without a session.
    async fn wait_for_anonymous_slot(
        &self,
        group: Option<AddressGroup>,
    ) -> Result<AnonymousSlot, SendFailure> {
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
            SendFailure { error, may_repeat: false, blamed: false }
        })
    }

    /// Waits for a slot, in line, for a limited time.
    async fn wait_for_slot(&self) -> Result<(), SendFailure> {
        let limit = self.limits.pool.queue_timeout;
        if let Ok(Ok(permit)) = tokio::time::timeout(limit, self.state.slots.acquire()).await {
            permit.forget();
            return Ok(());
        }
        let (upstream, connections) = (self.state.name.clone(), self.limits.pool.max_connections);
        Err(SendFailure {
            error: ProxyError::Busy { upstream, connections, limit },
            may_repeat: true,
            blamed: false,
        })
    }

    async fn connect(&self) -> Result<Box<Connection>, ProxyError> {
        let failed = |reason| ProxyError::Connect { upstream: self.state.name.clone(), reason };
        let endpoint: &Endpoint = &self.upstream.endpoint;
        let stream = endpoint.dialer().dial().await.map_err(|e| failed(chain(&e)))?;
        Ok(Box::new(Connection::new(stream, self.limits.response)))
    }
}
