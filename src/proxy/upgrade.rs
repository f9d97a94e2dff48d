//! WebSockets: two upgraded connections joined (RFC 6455 §4, RFC 9110 §7.8).
//!
//! Only `websocket` is let through. Another protocol inside the connection (`h2c`) would carry requests past the gate.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio_util::sync::CancellationToken;

use super::body::Body;
use super::lease::Lease;

/// True for a WebSocket handshake over HTTP/1.1.
pub fn is_websocket<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && asks_for_websocket(request.headers())
}

/// What [`strip`](crate::policy::headers::strip_request) took away and a WebSocket needs is put back by the caller through
/// this mark in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct WebSocketWanted;

/// Restores the upgrade fields of a marked request; true when it is one.
pub fn take(request: &mut Request<Incoming>) -> bool {
    if request.extensions_mut().remove::<WebSocketWanted>().is_none() || !request.body().is_end_stream() {
        return false;
    }
    let headers = request.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    true
}

/// Joins both sides after a 101 that is what was asked for.
pub fn join(
    mut response: Response<Incoming>,
    lease: Lease,
    client: OnUpgrade,
    ended: Option<Arc<CancellationToken>>,
) -> Response<Body> {
    let upstream = hyper::upgrade::on(&mut response);
    // The tunnel is none of the pool's connections any more.
    let connection = lease.detach();
    tokio::spawn(async move {
        let joined = tokio::join!(client, upstream);
        // Closed with its HTTP side unless it was handed over just now.
        drop(connection);
        let (Ok(client), Ok(upstream)) = joined else { return };
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        let tunnel = copy_bidirectional(&mut client, &mut upstream);
        match ended {
            // The session's end closes both sides at once.
            Some(ended) => drop(ended.run_until_cancelled(tunnel).await),
            None => drop(tunnel.await),
        }
    });
    let (mut head, _) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.remove(header::TRANSFER_ENCODING);
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    Response::from_parts(head, Body::empty())
}

/// True when these fields, of a request or its answer, switch to WebSocket and to nothing else.
pub fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let lists = |name, token: &str| {
        let fields = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        fields.flat_map(|field| field.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    };
    let only_websocket = headers.get_all(header::UPGRADE).iter().count() == 1
        && headers
            .get(header::UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    only_websocket && lists(header::CONNECTION, "upgrade")
}
