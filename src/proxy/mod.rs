//! Forwards requests to Campaign: sends one request, receives one response, and streams both bodies.
//!
//! The caller has made all decisions and has written the head of the request. `upstreams` chooses a server by load and by its `health`, which
//! `check` asks for too. A `pool` keeps connections to one server, in its `pool_state`; `pools` has those of all workers; the `anonymous_quota` limits callers without a
//! session. A `pooled_connection` sends an `outgoing` request over a `connection`, which speaks `http1`. `client_body`, `upload` and `body`
//! carry bytes; `client_wait` limits the time of an upload. `early_response` handles a response that arrives before its request is
//! complete. `peek` reads the first bytes of a body. `websocket` joins two connections with a `tunnel`.

mod anonymous_quota;
mod body;
mod check;
mod client_body;
mod client_wait;
mod connection;
mod deadline;
mod early_response;
mod error;
mod health;
mod http1;
mod outgoing;
mod peek;
mod pool;
mod pool_state;
mod pooled_connection;
mod pools;
mod sent_by;
mod tunnel;
mod upload;
mod upload_error;
mod upstreams;
mod websocket;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

pub use anonymous_quota::QuotaUser;
pub use body::Body;
pub use client_body::{BodyFilter, BodyRefused, ClientBody, Front};
pub use error::{BodyError, ProxyError};
pub use health::HealthState;
pub use sent_by::{FirstServer, SentBy};
pub use upload::IntoUpload;
pub use upstreams::Upstreams;
pub use websocket::{WebSocketRequest, is_websocket};

use self::client_wait::UploadLimits;
use self::early_response::EarlyResponse;
use self::http1::RequestWriter;
use self::outgoing::Outgoing;
use self::pool::{Pool, SendFailure, Started};
use self::pooled_connection::PooledConnection;
use self::upload::Upload;
use crate::config;
use crate::policy::response_urls::ResponseUrls;
use crate::policy::{cookies, set_cookie};
use crate::telemetry::{Counters, RequestTimes};
use crate::wire::fields;
use crate::wire::request_head::RequestHead;
use crate::wire::response::{Content, ResponseHead};

/// Forwards requests to the servers of one Campaign instance. Each worker has one.
#[derive(Debug)]
pub struct Proxy {
    upstreams: Arc<Upstreams>,
    pools: Vec<Pool>,
    turn: AtomicUsize,
    urls: Arc<ResponseUrls>,
    upload: UploadLimits,
}

/// A session token that Campaign set as a cookie and that the client does not get; an extension of the response. No `Debug`: a secret.
#[derive(Clone)]
pub struct IssuedToken(pub SecretString);

/// Campaign's response.
#[derive(Debug)]
pub struct Forwarded {
    /// The response.
    pub response: Response<Body>,
    /// True when the request may be sent once more with other credentials: a GET or HEAD without a body.
    pub may_repeat: bool,
}

impl Proxy {
    /// A proxy without connections. `urls` decides which URLs in responses are rewritten.
    pub fn new(
        upstreams: &Arc<Upstreams>,
        urls: &Arc<ResponseUrls>,
        limits: &config::Limits,
        counters: &Arc<Counters>,
    ) -> Self {
        let pools = upstreams
            .servers
            .iter()
            .map(|upstream| {
                Pool::new(upstream.clone(), upstreams.limits, limits.upload_timeout, counters.clone())
            })
            .collect();
        let turn = AtomicUsize::new(upstreams.first_turn());
        let upload =
            UploadLimits { bytes: limits.body_bytes, pause: limits.upload_timeout, least: limits.min_rate() };
        Self { upstreams: upstreams.clone(), pools, turn, urls: urls.clone(), upload }
    }

    /// Takes over the connections of `previous` to servers whose health it has in common with this one.
    #[must_use]
    pub fn continuing(mut self, previous: &Self) -> Self {
        for pool in &mut self.pools {
            // The first one that fits.
            let _ = previous.pools.iter().any(|known| pool.take_over(known));
        }
        self
    }

    /// Sends a request and returns the response without hop-by-hop fields.
    ///
    /// `websocket` is set for a WebSocket handshake. `ended` returns a token that ends responses without an end of their own: WebSockets and
    /// event streams. `sent_by` decides how many connections the request may use, and which server comes first, and notes the times.
    pub async fn forward(
        &self,
        head: RequestHead,
        body: impl IntoUpload,
        websocket: Option<WebSocketRequest>,
        ended: impl FnOnce() -> Option<Arc<CancellationToken>>,
        sent_by: SentBy<'_>,
    ) -> Result<Forwarded, ProxyError> {
        let mut upload = body.into_upload(self.upload);
        if !matches!(upload, Upload::Empty) {
            // Boxed: most requests have no body.
            Box::pin(upload.begin()).await?;
        }
        let mut outgoing = Outgoing::new(head, upload, sent_by.quota_user);
        let sent = self.send(&mut outgoing, sent_by.first).await;
        sent_by.times.add_exchange(outgoing.times);
        let (mut response, connection, rest) = sent?;
        let switches = websocket.as_ref().is_some_and(|websocket| websocket.would_switch(&response));
        if response.status == StatusCode::SWITCHING_PROTOCOLS || switches {
            let Some(websocket) = websocket.filter(|websocket| websocket.is_accepted_by(&response)) else {
                return Err(ProxyError::Upgrade { upstream: connection.upstream().clone() });
            };
            clean(&mut response, &self.urls, outgoing.client_host.as_ref());
            return Ok(Forwarded {
                response: websocket::join(response, connection, websocket, ended()),
                may_repeat: false,
            });
        }
        let may_repeat = websocket.is_none() && outgoing.repeatable;
        let issued = issued_token(&response);
        clean(&mut response, &self.urls, outgoing.client_host.as_ref());
        let mut response = streamed(response, connection, rest, outgoing.upload, ended);
        if let Some(issued) = issued {
            response.extensions_mut().insert(issued);
        }
        Ok(Forwarded { response, may_repeat })
    }

    /// Sends a refused request once more, with a new head.
    pub async fn repeat(
        &self,
        head: RequestHead,
        ended: impl FnOnce() -> Option<Arc<CancellationToken>>,
        upstream: Option<&str>,
        times: &RequestTimes,
    ) -> Result<Response<Body>, ProxyError> {
        let mut outgoing = Outgoing::new(head, Upload::Empty, QuotaUser::SignedIn);
        outgoing.repeatable = false;
        let sent = self.send(&mut outgoing, upstream.map(FirstServer::Named)).await;
        times.add_exchange(outgoing.times);
        let (mut response, connection, rest) = sent?;
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(ProxyError::Upgrade { upstream: connection.upstream().clone() });
        }
        clean(&mut response, &self.urls, outgoing.client_host.as_ref());
        Ok(streamed(response, connection, rest, Upload::Empty, ended))
    }

    /// Tries one server after the other, each once, as long as the request may be sent again.
    /// The server `first` comes first while it is healthy.
    async fn send(
        &self,
        outgoing: &mut Outgoing,
        first: Option<FirstServer<'_>>,
    ) -> Result<Started, ProxyError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut tried = 0_u64;
        let mut failure = None;
        let mut first = first.and_then(|first| self.upstreams.first(first));
        let in_use = |index: usize| self.pools[index].in_use();
        while let Some(index) = first.take().or_else(|| self.upstreams.choose(tried, turn, in_use)) {
            tried |= 1 << index;
            match self.pools[index].send(outgoing).await {
                Ok(answered) => return Ok(answered),
                // If all servers are full, this was the one with the shortest wait.
                Err(
                    SendFailure {
                        error: error @ (ProxyError::Busy { .. } | ProxyError::Share { .. }), ..
                    }
                    | SendFailure { error, may_repeat: false, .. },
                ) => {
                    return Err(error);
                }
                Err(SendFailure { error, may_repeat: true, .. }) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| ProxyError::Connect {
            upstream: "campaign.upstream".into(),
            reason: "no upstream is configured".to_owned(),
        }))
    }
}

/// The response for the client, after `clean`.
fn streamed(
    response: ResponseHead,
    mut connection: PooledConnection,
    rest: Option<Box<RequestWriter>>,
    upload: Upload,
    ended: impl FnOnce() -> Option<Arc<CancellationToken>>,
) -> Response<Body> {
    let ResponseHead { status, reason, fields, content, framing, .. } = response;
    if content == Content::Events {
        connection.set_endless();
    }
    let body = match rest {
        None => Body::of_connection(connection, framing),
        Some(writer) => Body::early(EarlyResponse::new(connection, framing, writer, upload)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    if let Some(reason) = reason {
        response.extensions_mut().insert(reason);
    }
    if content == Content::Events
        && let Some(ended) = ended()
    {
        return response.map(|body| body.until(ended));
    }
    response
}

/// The session token that Campaign sets as a cookie. Nearly all responses set none.
fn issued_token(response: &ResponseHead) -> Option<IssuedToken> {
    if response.plain {
        return None;
    }
    let token = response.fields.get_all(header::SET_COOKIE).iter().find_map(cookies::campaign_token)?;
    Some(IssuedToken(token.into()))
}

/// Removes fields that must not reach the client, and rewrites URLs that would bypass the gateway.
fn clean(response: &mut ResponseHead, urls: &ResponseUrls, client: Option<&HeaderValue>) {
    if response.has_urls
        && let Some(client) = client
    {
        urls.rewrite(&mut response.fields, client);
    }
    if !response.plain {
        clean_fields(&mut response.fields, |domain| {
            client.is_some_and(|client| urls.is_inner_domain(domain, client))
        });
    }
}

/// `is_inner` tells whether the domain of a cookie is internal.
fn clean_fields(fields: &mut HeaderMap, is_inner: impl Fn(&str) -> bool) {
    // `Trailer` names the trailers that follow (RFC 9110 §6.6.2). Only chunked responses can have some.
    let chunked = fields.contains_key(header::TRANSFER_ENCODING);
    let trailer = fields.remove(header::TRAILER).filter(|_| chunked);
    fields::strip_hop_by_hop(fields);
    if let Some(trailer) = trailer {
        fields.insert(header::TRAILER, trailer);
    }
    if fields.contains_key(header::SET_COOKIE) {
        let cookies = fields.get_all(header::SET_COOKIE).iter().filter(|field| !cookies::is_withheld(field));
        let kept: Vec<_> = cookies
            .map(|field| set_cookie::secured(field, &is_inner).unwrap_or_else(|| field.clone()))
            .collect();
        fields.remove(header::SET_COOKIE);
        for value in kept {
            fields.append(header::SET_COOKIE, value);
        }
    }
}
