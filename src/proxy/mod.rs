//! Forwarding to Campaign: one request out, one answer back, both streamed.
//!
//! The caller has decided and dressed the request; here nothing is judged any more. `pool` keeps connections, `body`
//! carries bytes, `upgrade` joins WebSockets.

mod body;
mod pool;
mod upgrade;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use body::{Body, Upload};
pub use pool::Pool;
pub use upgrade::{WebSocketWanted, is_websocket};

use crate::http_client::Connector;
use crate::policy::{cookies, headers};

/// Why Campaign gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No connection to any upstream.
    #[error("no connection to {upstream}: {reason}")]
    Connect {
        /// The one tried.
        upstream: Authority,
        /// What happened.
        reason: String,
    },
    /// The connection broke before an answer.
    #[error("{upstream} broke off: {reason}")]
    Broken {
        /// The one tried.
        upstream: Authority,
        /// What happened.
        reason: String,
    },
    /// No answer in time after the request was complete.
    #[error("{upstream} gave no answer within {limit:?}")]
    Deadline {
        /// The one tried.
        upstream: Authority,
        /// The limit that passed.
        limit: Duration,
    },
    /// The upstream switched protocols unasked, or to another one (RFC 9110 §7.8).
    #[error("{upstream} answered 101 to something else than was asked")]
    Upgrade {
        /// The one tried.
        upstream: Authority,
    },
}

/// Forwards requests to the upstreams of one Campaign instance; one a worker.
#[derive(Debug)]
pub struct Proxy {
    upstreams: Vec<Pool>,
    next: AtomicUsize,
    response_timeout: Duration,
    /// True when Campaign's session cookie stays in the gateway.
    holds_campaign_session: bool,
}

impl Proxy {
    /// A proxy with no connection yet.
    pub fn new(
        upstreams: &[Url],
        connector: &Connector,
        response_timeout: Duration,
        holds_campaign_session: bool,
    ) -> Self {
        let upstreams = upstreams.iter().filter_map(|url| Pool::new(url, connector.clone())).collect();
        Self { upstreams, next: AtomicUsize::new(0), response_timeout, holds_campaign_session }
    }

    /// Sends the request (its URI is path and query only) and hands back the answer without hop-by-hop fields.
    /// `ended` cuts what has no end of its own: an upgraded connection, an event stream.
    pub async fn forward(
        &self,
        mut request: Request<Incoming>,
        ended: Option<CancellationToken>,
    ) -> Result<Response<Body>, ProxyError> {
        let websocket = upgrade::take(&mut request);
        *request.version_mut() = Version::HTTP_11;
        let client = websocket.then(|| hyper::upgrade::on(&mut request));
        let (upload, progress) = Upload::watched(request);
        let (mut response, pool) = self.send(upload, progress).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let as_asked = upgrade::asks_for_websocket(response.headers());
            let Some(client) = client.filter(|_| as_asked) else {
                return Err(ProxyError::Upgrade { upstream: pool.authority().clone() });
            };
            self.clean(response.headers_mut());
            return Ok(upgrade::join(response, client, ended));
        }
        self.clean(response.headers_mut());
        match ended {
            Some(ended) if body::is_event_stream(&response) => Ok(response.map(|body| body.until(ended))),
            _ => Ok(response),
        }
    }

    /// Tries the upstreams in turn; another one only when nothing was sent to the first.
    async fn send(
        &self,
        mut request: Request<Upload>,
        progress: body::Progress,
    ) -> Result<(Response<Body>, &Pool), ProxyError> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let mut failure = None;
        for turn in 0..self.upstreams.len() {
            let pool = &self.upstreams[(start + turn) % self.upstreams.len()];
            match pool.send(request, &progress, self.response_timeout).await {
                Ok(response) => return Ok((response, pool)),
                Err((error, None)) => return Err(error),
                Err((error, Some(unsent))) => {
                    failure = Some(error);
                    request = *unsent;
                }
            }
        }
        Err(failure.unwrap_or_else(|| ProxyError::Connect {
            upstream: Authority::from_static("campaign.upstream"),
            reason: "no usable upstream is configured".to_owned(),
        }))
    }

    /// Takes from an answer what must not reach the client.
    fn clean(&self, headers: &mut http::HeaderMap) {
        headers::strip_hop_by_hop(headers);
        let withheld = |value: &http::HeaderValue| cookies::is_withheld(value, self.holds_campaign_session);
        if headers.get_all(header::SET_COOKIE).iter().any(withheld) {
            let kept: Vec<_> =
                headers.get_all(header::SET_COOKIE).iter().filter(|v| !withheld(v)).cloned().collect();
            headers.remove(header::SET_COOKIE);
            for value in kept {
                headers.append(header::SET_COOKIE, value);
            }
        }
    }
}

/// The address of an upstream, as the connector wants it.
fn base(url: &Url) -> Option<(Scheme, Authority)> {
    let uri: Uri = url.as_str().parse().ok()?;
    Some((uri.scheme()?.clone(), uri.authority()?.clone()))
}
