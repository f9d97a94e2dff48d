//! Forwarding to Campaign: one request out, one answer back, both streamed.
//!
//! The caller has decided and dressed the request; here nothing is judged any more. `fleet` chooses an upstream by load
//! and by its `health`, which `check` asks for; `pool` keeps connections, of which a `lease` is one on loan; `spare` is the
//! copy of a request that may be sent twice, `again` the caller's hold on it; `upload` and `body` carry bytes, `peek` looks at the
//! first of them; `upgrade` joins WebSockets in a `tunnel`.

mod again;
mod body;
mod check;
mod deadline;
mod error;
mod fleet;
mod health;
mod lease;
mod peek;
mod pool;
mod spare;
mod tunnel;
mod upgrade;
mod upload;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

pub use again::{Again, Forwarded};
pub use body::{Body, Download};
pub use error::{ProxyError, Stalled};
pub use fleet::Fleet;
pub use health::Standing;
pub use upgrade::{Hold, WebSocketWanted, is_websocket};

use self::lease::Lease;
use self::pool::{Failure, Pool};
use self::spare::Spare;
use self::upload::{Progress, Sendable, Upload};
use crate::config;
use crate::policy::{cookies, framing, headers};

/// Forwards requests to the upstreams of one Campaign instance; one a worker.
#[derive(Debug)]
pub struct Proxy {
    fleet: Arc<Fleet>,
    pools: Vec<Pool>,
    turn: AtomicUsize,
    body_bytes: Option<u64>,
}

impl Proxy {
    /// A proxy with no connection yet.
    pub fn new(fleet: &Arc<Fleet>, limits: &config::Limits) -> Self {
        let pools = fleet
            .members
            .iter()
            .map(|member| Pool::new(member.clone(), fleet.limits, limits.upload_timeout))
            .collect();
        Self { fleet: fleet.clone(), pools, turn: AtomicUsize::new(0), body_bytes: limits.body_bytes }
    }

    /// Sends the request (its URI is path and query only) and hands back the answer without hop-by-hop fields.
    /// `ended` gives what cuts an answer without an end of its own: an upgraded connection, an event stream.
    pub async fn forward<B: Sendable>(
        &self,
        mut request: Request<B>,
        ended: impl FnOnce() -> Option<Arc<CancellationToken>>,
    ) -> Result<Forwarded, ProxyError> {
        let wanted = upgrade::take(&mut request);
        *request.version_mut() = Version::HTTP_11;
        let (mut upload, progress) = Upload::watched(request, self.body_bytes);
        if !upload.body().is_empty() && upload.body().size_hint().exact().is_none() {
            // hyper sends no body with a GET or HEAD that does not say so.
            upload.headers_mut().insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let mut spare = Spare::default();
        let (mut response, lease) = self.exchange(upload, &progress, &mut spare).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS
            || upgrade::would_switch(wanted.as_ref(), &response)
        {
            let Some(wanted) = wanted.filter(|wanted| wanted.is_met_by(&response)) else {
                return Err(ProxyError::Upgrade { upstream: lease.upstream().clone() });
            };
            clean(response.headers_mut());
            return Ok(Forwarded { response: upgrade::join(response, lease, wanted, ended()), again: None });
        }
        let refused = response.status() == StatusCode::FORBIDDEN && wanted.is_none();
        let again = if refused { Again::of(&mut spare) } else { None };
        Ok(Forwarded { response: streamed(response, lease, progress, ended), again })
    }

    /// Sends a refused request once more, as its fields are now.
    pub async fn repeat(
        &self,
        again: Again,
        ended: impl FnOnce() -> Option<Arc<CancellationToken>>,
    ) -> Result<Response<Body>, ProxyError> {
        let progress = Progress::none();
        let (response, lease) = self.exchange(*again.0, &progress, &mut Spare::default()).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(ProxyError::Upgrade { upstream: lease.upstream().clone() });
        }
        Ok(streamed(response, lease, progress, ended))
    }

    /// Sends a request and gives the answer, if it is clear where that ends.
    async fn exchange(
        &self,
        request: Request<Upload>,
        progress: &Progress,
        spare: &mut Spare,
    ) -> Result<(Response<Incoming>, Lease), ProxyError> {
        let (response, lease) = self.send(request, progress, spare).await?;
        match framing::check_answer(response.headers()) {
            Ok(()) => Ok((response, lease)),
            Err(why) => {
                let upstream = lease.upstream().clone();
                Err(ProxyError::Broken { upstream, reason: why.to_string() })
            }
        }
    }

    /// Tries one upstream after the other, each once, as long as the request may go out again.
    async fn send(
        &self,
        mut request: Request<Upload>,
        progress: &Progress,
        spare: &mut Spare,
    ) -> Result<(Response<Incoming>, Lease), ProxyError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut tried = 0_u64;
        let mut failure = None;
        while let Some(index) = self.fleet.choose(tried, turn, |index| self.pools[index].in_use()) {
            tried |= 1 << index;
            match self.pools[index].send(request, progress, spare).await {
                Ok(answered) => return Ok(answered),
                // Where all are full, the one waited for was the least so.
                Err(
                    Failure { error: error @ ProxyError::Busy { .. }, .. } | Failure { error, again: None },
                ) => {
                    return Err(error);
                }
                Err(Failure { error, again: Some(again) }) => {
                    failure = Some(error);
                    request = *again;
                }
            }
        }
        Err(failure.unwrap_or_else(|| ProxyError::Connect {
            upstream: "campaign.upstream".into(),
            reason: "no upstream is configured".to_owned(),
        }))
    }
}

/// An answer on its way to the client.
fn streamed(
    mut response: Response<Incoming>,
    lease: Lease,
    progress: Progress,
    ended: impl FnOnce() -> Option<Arc<CancellationToken>>,
) -> Response<Body> {
    clean(response.headers_mut());
    let response = Body::leased(response, lease, progress);
    if body::is_event_stream(&response)
        && let Some(ended) = ended()
    {
        return response.map(|body| body.until(ended));
    }
    response
}

/// Takes from an answer what must not reach the client.
fn clean(headers: &mut HeaderMap) {
    // Names the trailers to come, which go on to the client (RFC 9110 §6.6.2). Only chunks can bring any.
    let chunked = headers.contains_key(header::TRANSFER_ENCODING);
    let trailer = headers.remove(header::TRAILER).filter(|_| chunked);
    headers::strip_hop_by_hop(headers);
    if let Some(trailer) = trailer {
        headers.insert(header::TRAILER, trailer);
    }
    if headers.get_all(header::SET_COOKIE).iter().any(cookies::is_withheld) {
        let kept: Vec<_> = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter(|v| !cookies::is_withheld(v))
            .cloned()
            .collect();
        headers.remove(header::SET_COOKIE);
        for value in kept {
            headers.append(header::SET_COOKIE, value);
        }
    }
}
