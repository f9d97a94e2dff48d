//! Connections to one upstream, kept by one worker: a bounded number in use, those used last first.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;

use super::ProxyError;
use super::fleet::{Limits, Member};
use super::lease::{Connection, Failed, Lease, Patience};
use super::spare::Spare;
use super::upload::{Progress, Upload, UploadError};
use crate::http_client::{Endpoint, chain};

/// One worker's connections to one upstream.
#[derive(Debug)]
pub struct Pool {
    member: Member,
    limits: Limits,
    upload_idle: Duration,
    kept: Arc<Kept>,
}

/// What leases share with their pool.
#[derive(Debug)]
pub(super) struct Kept {
    pub name: Arc<str>,
    pub body_idle: Duration,
    idle: Mutex<Resting>,
    slots: Semaphore,
    idle_timeout: Duration,
    /// True while a task closes connections that nobody uses.
    swept: AtomicBool,
}

/// Boxed, for they go to leases and back many times a second.
type Resting = Vec<Box<Connection>>;

/// An error, and the request when it may go out again: nothing of it was sent, or repeating it is safe.
pub(super) struct Failure {
    pub error: ProxyError,
    pub again: Option<Box<Request<Upload>>>,
}

impl Pool {
    /// A pool without connections.
    pub(super) fn new(member: Member, limits: Limits, upload_idle: Duration) -> Self {
        let kept = Kept {
            name: member.endpoint.name().clone(),
            body_idle: limits.body_idle,
            idle: Mutex::default(),
            slots: Semaphore::new(limits.pool.max_connections),
            idle_timeout: limits.pool.idle_timeout,
            swept: AtomicBool::new(false),
        };
        Self { member, limits, upload_idle, kept: Arc::new(kept) }
    }

    /// Connections in use.
    pub(super) fn in_use(&self) -> usize {
        self.limits.pool.max_connections.saturating_sub(self.kept.slots.available_permits())
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// A kept connection may have been closed by Campaign at the very moment it was taken: then the request goes out
    /// again, on a new connection, when nothing of it was sent. One that was sent goes out again only if repeating it
    /// is safe (RFC 9110 §9.2.2) — a GET or HEAD without body — and only once, which `spare` holds.
    pub(super) async fn send(
        &self,
        request: Request<Upload>,
        progress: &Progress,
        spare: &mut Spare,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        let outcome = self.exchange(request, progress, spare).await;
        match &outcome {
            Ok(_) => self.member.health.answered(),
            Err(failure) if failure.error.is_upstreams() => self.member.health.failed(&failure.error),
            Err(_) => {}
        }
        outcome
    }

    async fn exchange(
        &self,
        mut request: Request<Upload>,
        progress: &Progress,
        spare: &mut Spare,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        let mut lease = match self.slot().await {
            Ok(()) => Lease::new(self.kept.clone()),
            Err(error) => return Err(Failure { error, again: Some(Box::new(request)) }),
        };
        while let Some(connection) = self.kept.take() {
            match lease.exchange(connection, request, progress, spare, self.patience()).await {
                Ok(response) => return Ok((response, lease)),
                Err(failed) => {
                    let Failure { error, again } = self.judge(failed, spare);
                    let Some(again) = again else { return Err(Failure { error, again: None }) };
                    request = *again;
                }
            }
        }
        let connection = match self.connect().await {
            Ok(connection) => connection,
            Err(error) => return Err(Failure { error, again: Some(Box::new(request)) }),
        };
        match lease.exchange(connection, request, progress, spare, self.patience()).await {
            Ok(response) => Ok((response, lease)),
            Err(failed) => Err(self.judge(failed, spare)),
        }
    }

    fn patience(&self) -> Patience {
        Patience { answer: self.limits.response, upload: self.upload_idle }
    }

    /// What a failed exchange means, and whether the request may go out again.
    fn judge(&self, failed: Failed, spare: &mut Spare) -> Failure {
        let (upstream, limit) = (self.kept.name.clone(), self.limits.response);
        let (error, again) = match failed {
            Failed::Deadline => (ProxyError::Deadline { upstream, limit }, None),
            Failed::Stalled => {
                let reason = format!("nothing came for {:?}", self.upload_idle);
                (ProxyError::Client { reason, stalled: true }, None)
            }
            Failed::Broken(error, _) if error.is_user() => {
                if let Some(UploadError::TooLarge(limit)) = error.source().and_then(|e| e.downcast_ref()) {
                    return Failure { error: ProxyError::TooLarge { limit: *limit }, again: None };
                }
                (ProxyError::Client { reason: chain(&error), stalled: false }, None)
            }
            Failed::Broken(error, unsent) => {
                // An answer that cannot be read is an answer: asking again would bring the same.
                let again =
                    unsent.or_else(|| if error.is_parse() { None } else { spare.again().map(Box::new) });
                (ProxyError::Broken { upstream, reason: chain(&error) }, again)
            }
        };
        Failure { error, again }
    }

    /// Takes a slot, or waits for one: in order, but not for ever.
    async fn slot(&self) -> Result<(), ProxyError> {
        let slots = &self.kept.slots;
        if let Ok(permit) = slots.try_acquire() {
            permit.forget();
            return Ok(());
        }
        let limit = self.limits.pool.queue_timeout;
        if let Ok(Ok(permit)) = tokio::time::timeout(limit, slots.acquire()).await {
            permit.forget();
            return Ok(());
        }
        let connections = self.limits.pool.max_connections;
        Err(ProxyError::Busy { upstream: self.kept.name.clone(), connections, limit })
    }

    async fn connect(&self) -> Result<Box<Connection>, ProxyError> {
        let failed = |reason| ProxyError::Connect { upstream: self.kept.name.clone(), reason };
        let endpoint: &Endpoint = &self.member.endpoint;
        let wire = endpoint.dialer().dial().await.map_err(|e| failed(chain(&e)))?;
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(AT_ONCE)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|e| failed(chain(&e)))?;
        let driver = tokio::spawn(async move {
            // Its end is seen by whoever holds the sender.
            let _ = connection.with_upgrades().await;
        });
        Ok(Box::new(Connection::new(sender, driver.abort_handle(), self.limits.response)))
    }
}

/// Bytes of an answer read at once, and the longest head. Where a client reads slower than Campaign writes, a few such pieces
/// wait here for each: hyper's own limit of 400 kB was measured to cost 1.1 MB a client. Half of this would cost CPU.
const AT_ONCE: usize = 64 * 1024;

impl Kept {
    /// The idle connection used last, if it was used recently enough.
    fn take(&self) -> Option<Box<Connection>> {
        let mut idle = self.idle();
        while let Some(connection) = idle.pop() {
            if connection.is_usable(self.idle_timeout) {
                return Some(connection);
            }
        }
        None
    }

    /// Makes a connection available to the next request.
    pub fn put(this: &Arc<Self>, connection: Box<Connection>) {
        this.idle().push(connection);
        if !this.swept.load(Ordering::Relaxed) {
            Self::sweep(this);
        }
    }

    /// Frees a slot.
    pub fn free(&self) {
        self.slots.add_permits(1);
    }

    /// Closes connections that nobody uses any more: one task while there are any, and no timer for each.
    fn sweep(this: &Arc<Self>) {
        this.swept.store(true, Ordering::Relaxed);
        let (kept, pause) = (Arc::downgrade(this), this.idle_timeout / 2);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(kept) = Weak::upgrade(&kept) else { return };
                let mut idle = kept.idle();
                idle.retain(|connection| connection.is_usable(kept.idle_timeout));
                if idle.is_empty() {
                    // The next connection that comes back starts it again.
                    kept.swept.store(false, Ordering::Relaxed);
                    return;
                }
            }
        });
    }

    fn idle(&self) -> MutexGuard<'_, Resting> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
