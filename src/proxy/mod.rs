//! Forwarding to Campaign: one request out, one answer back, both streamed.
//!
//! The caller has decided and written the head; here nothing is judged any more. `upstreams` chooses an upstream by load
//! and by its `health`, which `check` asks for; `pool` keeps connections, of which a `connection` is one on loan; `http1` is what is
//! spoken over a `connection`; `client_body`, `upload` and `body` carry bytes, `early` both where an answer overtakes its request, `peek` looks at the first of
//! them; `upgrade` joins WebSockets in a `tunnel`.

mod anonymous_quota;
mod body;
mod check;
mod client_body;
mod client_wait;
mod connection;
mod deadline;
mod early;
mod error;
mod health;
mod http1;
mod outgoing;
mod peek;
mod pool;
mod pool_state;
mod pooled_connection;
mod tunnel;
mod upgrade;
mod upload;
mod upload_error;
mod upstreams;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use tokio_util::sync::CancellationToken;

pub use anonymous_quota::Caller;
pub use body::{Body, Download};
pub use client_body::ClientBody;
pub use error::{BodyError, ProxyError};
pub use health::Standing;
pub use http1::WireError;
pub use upgrade::{Wanted, is_websocket};
pub use upload::Sendable;
pub use upstreams::Upstreams;

use self::client_wait::UploadLimits;
use self::early::Early;
use self::http1::Sending;
use self::outgoing::Outgoing;
use self::pool::{Answered, Failure, Pool};
use self::pooled_connection::PooledConnection;
use self::upload::Upload;
use crate::config;
use crate::policy::response_urls::ResponseUrls;
use crate::policy::{cookies, set_cookie};
use crate::telemetry::Counters;
use crate::wire::fields;
use crate::wire::request_head::RequestHead;
use crate::wire::response::ResponseHead;

/// Forwards requests to the upstreams of one Campaign instance; one a worker.
#[derive(Debug)]
pub struct Proxy {
    upstreams: Arc<Upstreams>,
    pools: Vec<Pool>,
    turn: AtomicUsize,
    urls: Arc<ResponseUrls>,
    upload: UploadLimits,
}

/// Campaign's answer.
#[derive(Debug)]
pub struct Forwarded {
    /// The answer.
    pub response: Response<Body>,
    /// True when the request may be sent once more, with other credentials: it was a bodiless GET or HEAD that Campaign refused (403).
    pub again: bool,
}

impl Proxy {
    /// A proxy with no connection yet. `urls` says which URLs of responses are rewritten.
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

    /// Sends a request and hands back the answer without hop-by-hop fields. `wanted` is the WebSocket that it asks for,
    /// `ended` gives what cuts an answer without an end of its own: an upgraded connection, an event stream. `caller` says how many
    /// connections there are for it.
    pub async fn forward(
        &self,
        head: RequestHead,
        body: impl Sendable,
        wanted: Option<Wanted>,
        ended: impl FnOnce() -> Option<Arc<CancellationToken>>,
        caller: Caller,
    ) -> Result<Forwarded, ProxyError> {
        let mut upload = body.upload(self.upload);
        if !matches!(upload, Upload::Empty) {
            // Boxed: most requests have no body.
            Box::pin(upload.begin()).await?;
        }
        let mut outgoing = Outgoing { caller, ..Outgoing::new(head, upload) };
        let (mut answer, connection, sending) = self.send(&mut outgoing).await?;
        let switches = wanted.as_ref().is_some_and(|wanted| wanted.would_switch(&answer));
        if answer.status == StatusCode::SWITCHING_PROTOCOLS || switches {
            let Some(wanted) = wanted.filter(|wanted| wanted.is_met_by(&answer)) else {
                return Err(ProxyError::Upgrade { upstream: connection.upstream().clone() });
            };
            clean(&mut answer, &self.urls, outgoing.client_host.as_ref());
            return Ok(Forwarded {
                response: upgrade::join(answer, connection, wanted, ended()),
                again: false,
            });
        }
        let again = answer.status == StatusCode::FORBIDDEN && wanted.is_none() && outgoing.repeatable;
        clean(&mut answer, &self.urls, outgoing.client_host.as_ref());
        Ok(Forwarded { response: streamed(answer, connection, sending, outgoing.upload, ended), again })
    }

    /// Sends a refused request once more, its head written anew.
    pub async fn repeat(
        &self,
        head: RequestHead,
        ended: impl FnOnce() -> Option<Arc<CancellationToken>>,
    ) -> Result<Response<Body>, ProxyError> {
        let mut outgoing = Outgoing { repeatable: false, ..Outgoing::new(head, Upload::Empty) };
        let (mut answer, connection, sending) = self.send(&mut outgoing).await?;
        if answer.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(ProxyError::Upgrade { upstream: connection.upstream().clone() });
        }
        clean(&mut answer, &self.urls, outgoing.client_host.as_ref());
        Ok(streamed(answer, connection, sending, Upload::Empty, ended))
    }

    /// Tries one upstream after the other, each once, as long as the request may go out again.
    async fn send(&self, outgoing: &mut Outgoing) -> Result<Answered, ProxyError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut tried = 0_u64;
        let mut failure = None;
        while let Some(index) = self.upstreams.choose(tried, turn, |index| self.pools[index].in_use()) {
            tried |= 1 << index;
            match self.pools[index].send(outgoing).await {
                Ok(answered) => return Ok(answered),
                // Where all are full, the one waited for was the least so.
                Err(
                    Failure { error: error @ (ProxyError::Busy { .. } | ProxyError::Share { .. }), .. }
                    | Failure { error, again: false, .. },
                ) => {
                    return Err(error);
                }
                Err(Failure { error, again: true, .. }) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| ProxyError::Connect {
            upstream: "campaign.upstream".into(),
            reason: "no upstream is configured".to_owned(),
        }))
    }
}

/// An answer on its way to the client, its fields clean.
fn streamed(
    answer: ResponseHead,
    mut connection: PooledConnection,
    sending: Sending,
    upload: Upload,
    ended: impl FnOnce() -> Option<Arc<CancellationToken>>,
) -> Response<Body> {
    let ResponseHead { status, reason, fields, framing, .. } = answer;
    let is_event_stream = body::is_event_stream(&fields);
    if is_event_stream {
        connection.is_endless();
    }
    let body = if sending.is_over() {
        Body::of_connection(connection, framing)
    } else {
        Body::early(Early::new(connection, framing, sending, upload))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    if let Some(reason) = reason {
        response.extensions_mut().insert(reason);
    }
    if is_event_stream && let Some(ended) = ended() {
        return response.map(|body| body.until(ended));
    }
    response
}

/// Takes from an answer what must not reach the client, and rewrites what would lead it past the gateway.
fn clean(answer: &mut ResponseHead, urls: &ResponseUrls, client: Option<&HeaderValue>) {
    if answer.has_urls
        && let Some(client) = client
    {
        urls.rewrite(&mut answer.fields, client);
    }
    if !answer.plain {
        clean_fields(&mut answer.fields, |domain| {
            client.is_some_and(|client| urls.is_inner_domain(domain, client))
        });
    }
}

/// `is_inner` is asked for the domains of cookies.
fn clean_fields(fields: &mut HeaderMap, is_inner: impl Fn(&str) -> bool) {
    // Names the trailers to come, which go on to the client (RFC 9110 §6.6.2). Only chunks can bring any.
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
