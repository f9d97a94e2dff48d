//! HTTP over one connection: passes requests to the handler, and releases buffers while the connection is idle.

use std::convert::Infallible;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use h2::Reason;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::server::TlsStream;

use super::activity::{Activity, ConnectionCommand};
use super::client_socket::ClientSocket;
use super::client_stream::ClientStream;
use super::exchange::{CountedBody, Exchange};
use super::handler::Handler;
use super::http2_streams::StreamExecutor;
use super::linger::linger;
use super::memory::copy_values;
use super::settings::Settings;
use super::worker_state::WorkerState;
use crate::config::Limit;
use crate::peer::{Peer, TunnelGuard};
use crate::policy::windows::Windows;
use crate::telemetry::Counters;

/// Serves HTTP/1.1. An idle connection keeps only its TLS state: hyper's buffers are dropped, and made again when the client sends.
pub async fn http1<H: Handler>(
    tls: Box<TlsStream<ClientSocket>>,
    peer: Peer,
    settings: Arc<Settings>,
    state: Arc<WorkerState<H>>,
) -> hyper::Result<()> {
    let activity = state.watch.add(peer.ip);
    let head = settings.limits.head();
    // A connection may last for days. It must not keep the TLS settings of its beginning in memory.
    drop(settings);
    let longest_head = (head.bytes + HEAD_MARGIN).max(BUFFER);
    let mut stream = ClientStream::http1(tls, activity.clone(), longest_head);
    loop {
        let mut builder = conn::http1::Builder::new();
        builder.max_buf_size(longest_head);
        if head.fields > FREE_FIELDS {
            builder.max_headers(head.fields);
        }
        let service = service(state.clone(), peer.clone(), activity.clone());
        let mut connection =
            Box::new(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
        let ended = loop {
            tokio::select! {
                biased;
                outcome = &mut connection => break Some(outcome),
                command = activity.next_command() => match command {
                    ConnectionCommand::Close => return Ok(()),
                    ConnectionCommand::Finish => Pin::new(&mut *connection).graceful_shutdown(),
                    ConnectionCommand::ReleaseBuffers if activity.may_release_buffers() => break None,
                    ConnectionCommand::ReleaseBuffers => {}
                }
            }
        };
        if let Some(outcome) = ended {
            let stream = connection.into_parts().map(|parts| parts.io.into_inner());
            let may_still_send = outcome.as_ref().map_or_else(is_refused, |()| activity.had_body());
            return match stream.filter(|_| may_still_send) {
                Some(stream) => Box::pin(finish(stream, outcome, &peer, &state, &activity)).await,
                None => outcome,
            };
        }
        let Some(parts) = connection.into_parts() else { return Ok(()) };
        let (io, unread) = (parts.io, parts.read_buf);
        drop(parts.service);
        stream = io.into_inner();
        if unread.is_empty() {
            // Although empty, it holds all of hyper's buffer.
            drop(unread);
            if !wait_for_client(&mut stream, &activity).await {
                return Ok(());
            }
        } else {
            stream.put_back(unread);
        }
    }
}

/// Ends a connection whose client may still be sending.
///
/// hyper has answered a head that it cannot parse with a bare 400, 414 or 431. This counts and logs it, a 414 as 431. Then it reads on for
/// a while: closing a socket with unread bytes can discard the last response.
async fn finish<H: Handler>(
    mut stream: ClientStream,
    outcome: hyper::Result<()>,
    peer: &Peer,
    state: &WorkerState<H>,
    activity: &Activity,
) -> hyper::Result<()> {
    if let Err(error) = &outcome
        && is_refused(error)
    {
        let status = if error.is_parse_too_large() {
            state.counters.limit_reached(Limit::Head, Some(peer.ip));
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        } else {
            state.counters.invalid_request(false);
            StatusCode::BAD_REQUEST
        };
        state.handler.parse_error(peer, status);
    }
    linger(&mut stream, activity).await;
    outcome
}

/// True when hyper could not parse a head and has answered it. It does not answer HTTP/2 on a connection that agreed on HTTP/1.1.
fn is_refused(error: &hyper::Error) -> bool {
    error.is_parse() && !error.is_parse_version_h2()
}

/// Waits until the client sends; false when the connection has ended.
async fn wait_for_client(stream: &mut ClientStream, activity: &Activity) -> bool {
    loop {
        tokio::select! {
            biased;
            readable = stream.readable() => return readable.is_ok(),
            command = activity.next_command() => if command != ConnectionCommand::ReleaseBuffers {
                // A close_notify of TLS tells the client that nothing is missing (RFC 8446 §6.1).
                let _ = tokio::time::timeout(CLOSE_NOTIFY, stream.shutdown()).await;
                return false;
            }
        }
    }
}

/// Serves HTTP/2.
pub async fn http2<H: Handler>(
    tls: Box<TlsStream<ClientSocket>>,
    peer: Peer,
    settings: Arc<Settings>,
    state: Arc<WorkerState<H>>,
) -> hyper::Result<()> {
    let activity = state.watch.add(peer.ip);
    activity.set_http2();
    let limits = &settings.limits;
    let windows = Windows::of(limits.http2_streams);
    let stream = ClientStream::http2(tls, activity.clone());
    let (ip, counters) = (peer.ip, state.counters.clone());
    let service = service(state, peer, activity.clone());
    // Boxed: hyper moves the future several times before it becomes a task.
    let service = service_fn(move |request| Box::pin(service.call(request)));
    let connection = conn::http2::Builder::new(StreamExecutor)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(u32::try_from(limits.head_bytes + HEAD_MARGIN).unwrap_or(u32::MAX))
        .initial_stream_window_size(windows.stream)
        .initial_connection_window_size(windows.connection)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(Some(limits.idle_timeout.clamp(SHORTEST_PING_INTERVAL, PING_INTERVAL)))
        .keep_alive_timeout(PING_TIMEOUT)
        // WebSockets (RFC 8441 §3). The handler accepts no other protocol.
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(stream), service);
    drop(settings);
    let mut connection = std::pin::pin!(connection);
    loop {
        tokio::select! {
            biased;
            outcome = connection.as_mut() => return outcome.inspect_err(|error| count_ended(error, ip, &counters)),
            command = activity.next_command() => match command {
                ConnectionCommand::Close => return Ok(()),
                ConnectionCommand::Finish => connection.as_mut().graceful_shutdown(),
                ConnectionCommand::ReleaseBuffers => {}
            }
        }
    }
}

/// Counts a connection that h2 has ended because of a flood or a broken rule.
fn count_ended(error: &hyper::Error, peer: IpAddr, counters: &Counters) {
    let error = error.source().and_then(<dyn Error>::downcast_ref::<h2::Error>);
    let Some(error) = error.filter(|error| error.is_go_away() && error.is_library()) else { return };
    match error.reason() {
        Some(Reason::ENHANCE_YOUR_CALM) => counters.limit_reached(Limit::Flood, Some(peer)),
        Some(Reason::NO_ERROR | Reason::INTERNAL_ERROR) | None => {}
        Some(_) => counters.invalid_request(true),
    }
}

fn service<H: Handler>(
    state: Arc<WorkerState<H>>,
    peer: Peer,
    activity: Arc<Activity>,
) -> impl Service<
    Request<Incoming>,
    Response = Response<CountedBody<H::Body>>,
    Error = Infallible,
    Future: Send + 'static,
> {
    service_fn(move |mut request: Request<Incoming>| {
        let exchange = Exchange::begin(&activity, !request.body().is_end_stream());
        let (state, mut peer) = (state.clone(), peer.clone());
        peer.flaw = activity.flaw();
        async move {
            let is_http1 = request.version() != Version::HTTP_2;
            if !is_http1 && request.method() == Method::CONNECT {
                let tunnel = Exchange::tunnel(exchange.activity());
                request.extensions_mut().insert(TunnelGuard::new(tunnel));
            }
            let over = peer.over.is_some();
            let mut response = state.handler.handle(request, peer).await;
            if !is_http1 {
                copy_values(response.headers_mut());
            }
            if over {
                exchange.activity().send(ConnectionCommand::Finish);
            }
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                exchange.activity().set_tunnel();
            } else if state.watch.is_draining() && is_http1 {
                // RFC 9112 §9.6: the client sends its next request over another connection, not into a closing one.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| exchange.with_body(body)))
        }
    })
}

/// Bytes that hyper accepts above the limit for heads, so that the handler can answer heads that are a little too long.
const HEAD_MARGIN: usize = 16 * 1024;
/// The least limit of hyper's buffer, in bytes.
const BUFFER: usize = 64 * 1024;
/// Header fields that hyper parses without an allocation.
const FREE_FIELDS: usize = 100;
/// Bytes of one stream that wait to be sent, approximately. [`UnreadBytes`](super::unread_bytes::UnreadBytes) limits all streams together.
const SEND_BUFFER: usize = 128 * 1024;
/// An HTTP/2 client that sends nothing for this time gets a PING; sooner if `limits.idle_timeout` is shorter.
const PING_INTERVAL: Duration = Duration::from_secs(40);
const SHORTEST_PING_INTERVAL: Duration = Duration::from_secs(1);
/// Time for the answer to a PING. A client that vanished is found after a minute.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Time to send the last TLS record.
const CLOSE_NOTIFY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::super::handler::tests::EmptyHandler;
    use super::*;

    /// The memory of an idle HTTP/1.1 connection.
    #[test]
    fn an_idle_connection_is_small() {
        fn size<A, B, C, D, F>(_: impl Fn(A, B, C, D) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(http1::<EmptyHandler>) <= 1024, "{} bytes", size(http1::<EmptyHandler>));
    }
}
