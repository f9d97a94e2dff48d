//! Forwarding to Campaign: one request out, one answer back, both streamed.
//!
//! The caller has decided and dressed the request; here nothing is judged any more. `fleet` chooses an upstream by load
//! and by its `health`, which `check` asks for; `pool` keeps connections, of which a `lease` is one on loan; `spare` is the
//! copy of a request that may be sent twice; `upload` and `body` carry bytes; `upgrade` joins WebSockets.

mod body;
mod check;
mod deadline;
mod error;
mod fleet;
mod health;
mod lease;
mod pool;
mod spare;
mod upgrade;
mod upload;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

pub use body::{Body, Download};
pub use error::{ProxyError, Stalled};
pub use fleet::Fleet;
pub use health::Standing;
pub use upgrade::{WebSocketWanted, is_websocket};

use self::lease::Lease;
use self::pool::{Failure, Pool};
use self::spare::Spare;
use self::upload::{Progress, Upload};
use crate::config;
use crate::policy::{cookies, headers};

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
    pub async fn forward(
        &self,
        mut request: Request<Incoming>,
        ended: impl FnOnce() -> Option<Arc<CancellationToken>>,
    ) -> Result<Response<Body>, ProxyError> {
        let websocket = upgrade::take(&mut request);
        *request.version_mut() = Version::HTTP_11;
        let client = websocket.then(|| hyper::upgrade::on(&mut request));
        let (upload, progress) = Upload::watched(request, self.body_bytes);
        let (mut response, lease) = self.send(upload, &progress).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let as_asked = upgrade::asks_for_websocket(response.headers());
            let Some(client) = client.filter(|_| as_asked) else {
                return Err(ProxyError::Upgrade { upstream: lease.upstream().clone() });
            };
            clean(response.headers_mut());
            return Ok(upgrade::join(response, lease, client, ended()));
        }
        clean(response.headers_mut());
        let response = Body::leased(response, lease, progress);
        if body::is_event_stream(&response)
            && let Some(ended) = ended()
        {
            return Ok(response.map(|body| body.until(ended)));
        }
        Ok(response)
    }

    /// Tries one upstream after the other, each once, as long as the request may go out again.
    async fn send(
        &self,
        mut request: Request<Upload>,
        progress: &Progress,
    ) -> Result<(Response<Incoming>, Lease), ProxyError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut spare = Spare::default();
        let mut tried = 0_u64;
        let mut failure = None;
        while let Some(index) = self.fleet.choose(tried, turn, |index| self.pools[index].in_use()) {
            tried |= 1 << index;
            match self.pools[index].send(request, progress, &mut spare).await {
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
