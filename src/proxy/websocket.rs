//! WebSockets: two upgraded connections joined (RFC 6455 §4, RFC 9110 §7.8). Over HTTP/2 the client's side is one stream,
//! opened with an extended CONNECT (RFC 8441); Campaign's side is always HTTP/1.1.
//!
//! No other protocol is allowed: with `h2c`, requests inside the connection would bypass the gateway.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

use super::body::Body;
use super::pooled_connection::PooledConnection;
use super::tunnel::copy;
use crate::crypto::websocket_key;
use crate::peer::TunnelGuard;
use crate::wire::fields::header_text;
use crate::wire::request_head::HeaderLines;
use crate::wire::response::ResponseHead;

/// True for a WebSocket handshake, over HTTP/1.1 or HTTP/2.
pub fn is_websocket<B>(request: &Request<B>) -> bool {
    match *request.method() {
        Method::GET => request.version() == Version::HTTP_11 && asks_for_websocket(request.headers()),
        Method::CONNECT => request.version() == Version::HTTP_2 && protocol(request) == Some(WEBSOCKET),
        _ => false,
    }
}

/// `:protocol` of an extended CONNECT (RFC 8441 §4).
fn protocol<B>(request: &Request<B>) -> Option<&[u8]> {
    request.extensions().get::<Protocol>().map(AsRef::as_ref)
}

/// A WebSocket handshake of a client.
#[derive(Debug)]
pub struct WebSocketRequest {
    client: OnUpgrade,
    /// Over HTTP/2: the answer of Campaign to the gateway's own key (RFC 6455 §4.1, RFC 8441 §5).
    accept: Option<String>,
    guard: Option<TunnelGuard>,
}

impl WebSocketRequest {
    /// Takes the handshake out of a request, which becomes a handshake of HTTP/1.1.
    pub fn of<B>(request: &mut Request<B>) -> Self {
        let mut accept = None;
        if *request.method() == Method::CONNECT {
            *request.method_mut() = Method::GET;
            request.extensions_mut().remove::<Protocol>();
            let key = websocket_key();
            accept = Some(accept_of(&key));
            request.headers_mut().insert(header::SEC_WEBSOCKET_KEY, header_text(&key));
        }
        let guard = request.extensions_mut().remove::<TunnelGuard>();
        Self { client: hyper::upgrade::on(request), accept, guard }
    }

    /// Adds the hop-by-hop fields of a handshake.
    pub fn add_fields(lines: &mut HeaderLines) {
        lines.add(&header::CONNECTION, &HeaderValue::from_static("upgrade"));
        lines.add(&header::UPGRADE, &HeaderValue::from_static("websocket"));
    }

    /// True when this response would open the WebSocket for the client: over HTTP/2, any success does (RFC 8441 §5).
    pub(super) fn would_switch(&self, response: &ResponseHead) -> bool {
        self.accept.is_some() && response.status.is_success()
    }

    /// True when this response accepts the handshake.
    pub(super) fn is_accepted_by(&self, response: &ResponseHead) -> bool {
        let accepted = response.fields.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        response.status == StatusCode::SWITCHING_PROTOCOLS
            && asks_for_websocket(&response.fields)
            && self.accept.as_ref().is_none_or(|accept| accepted == Some(accept.as_bytes()))
    }
}

/// Joins both connections after Campaign has accepted the handshake.
pub(super) fn join(
    head: ResponseHead,
    pooled: PooledConnection,
    websocket: WebSocketRequest,
    ended: Option<Arc<CancellationToken>>,
) -> Response<Body> {
    // The connection no longer belongs to the pool.
    let connection = pooled.detach();
    let WebSocketRequest { client, accept, guard } = websocket;
    tokio::spawn(async move {
        let _guard = guard;
        let (Ok(client), Some((mut upstream, ahead))) = (client.await, connection) else { return };
        let mut client = TokioIo::new(client);
        let tunnel = copy(&mut client, &mut upstream, ahead, HALF);
        match ended {
            // The end of the session closes both sides at once.
            Some(ended) => drop(ended.run_until_cancelled(tunnel).await),
            None => drop(tunnel.await),
        }
    });
    let mut fields = head.fields;
    let mut response = Response::new(Body::empty());
    if accept.is_some() {
        fields.remove(header::SEC_WEBSOCKET_ACCEPT);
    } else {
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    *response.headers_mut() = fields;
    response
}

/// True when these fields, of a request or its response, switch to WebSocket and to nothing else.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let lists = |name: HeaderName, token: &str| {
        let fields = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        fields.flat_map(|field| field.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    };
    // `Upgrade` first: hardly any request has it.
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(WEBSOCKET))
        && headers.get_all(header::UPGRADE).iter().count() == 1
        && lists(header::CONNECTION, "upgrade")
}

/// RFC 6455 §4.2.2.
fn accept_of(key: &str) -> String {
    let mut sha1 = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    sha1.update(key.as_bytes());
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(sha1.finish())
}

/// The longest pause of one side after the other has ended.
const HALF: Duration = Duration::from_secs(10);
const WEBSOCKET: &[u8] = b"websocket";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_answer_of_the_standards_example() {
        assert_eq!(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
