//! HTTP over one connection: requests to the gate, answers back, buffers let go while nobody speaks.

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

use super::activity::{Activity, Word};
use super::client_socket::ClientSocket;
use super::exchange::{CountedBody, Exchange};
use super::handler::Handler;
use super::linger::linger;
use super::memory::detach;
use super::stream::Stream;
use super::streams::Streams;
use super::worker_state::WorkerState;
use crate::peer::{Peer, TunnelGuard};
use crate::policy::windows::Windows;
use crate::telemetry::{Counters, Limit};

/// Serves HTTP/1.1. A connection that nobody uses keeps its TLS state and nothing else: hyper's buffers and the place of
/// the next request are made anew when the client speaks again.
pub async fn http1<H: Handler>(
    tls: Box<TlsStream<ClientSocket>>,
    peer: Peer,
    state: Arc<WorkerState<H>>,
) -> hyper::Result<()> {
    let activity = state.watch.enter(peer.ip);
    let head = state.limits.head();
    let longest = (head.bytes + ROOM).max(BUFFER);
    let mut stream = Stream::http1(tls, activity.clone(), longest);
    loop {
        let mut builder = conn::http1::Builder::new();
        builder.max_buf_size(longest);
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
                word = activity.heard() => match word {
                    Word::Cut => return Ok(()),
                    Word::Finish => Pin::new(&mut *connection).graceful_shutdown(),
                    Word::Rest if activity.may_rest() => break None,
                    Word::Rest => {}
                }
            }
        };
        if let Some(outcome) = ended {
            let stream = connection.into_parts().map(|parts| parts.io.into_inner());
            let may_still_send = outcome.as_ref().map_or_else(is_refused, |()| activity.had_body());
            return match stream.filter(|_| may_still_send) {
                Some(stream) => Box::pin(part(stream, outcome, &peer, &state, &activity)).await,
                None => outcome,
            };
        }
        let Some(parts) = connection.into_parts() else { return Ok(()) };
        let (io, unread) = (parts.io, parts.read_buf);
        drop(parts.service);
        stream = io.into_inner();
        if unread.is_empty() {
            // Empty it is still all of hyper's buffer.
            drop(unread);
            if !rest(&mut stream, &activity).await {
                return Ok(());
            }
        } else {
            stream.put_back(unread);
        }
    }
}

/// The end of a connection whose client may still be sending. hyper has answered a head that it cannot parse, without a body (400, 414
/// or 431): that is counted and logged, a 414 as 431. Then reads on for a while, into nothing, for a socket that is closed over
/// bytes not yet read takes back what was said last.
async fn part<H: Handler>(
    mut stream: Stream,
    outcome: hyper::Result<()>,
    peer: &Peer,
    state: &WorkerState<H>,
    activity: &Activity,
) -> hyper::Result<()> {
    if let Err(error) = &outcome
        && is_refused(error)
    {
        let status = if error.is_parse_too_large() {
            state.counters.hit(Limit::Head, Some(peer.ip));
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        } else {
            state.counters.unreadable(false);
            StatusCode::BAD_REQUEST
        };
        state.handler.parse_error(peer, status);
    }
    linger(&mut stream, activity).await;
    outcome
}

/// True for a head that hyper could not parse, and has answered. To HTTP/2 where HTTP/1.1 was agreed on it answers nothing.
fn is_refused(error: &hyper::Error) -> bool {
    error.is_parse() && !error.is_parse_version_h2()
}

/// Waits for the client to speak; false when the connection is at its end.
async fn rest(stream: &mut Stream, activity: &Activity) -> bool {
    loop {
        tokio::select! {
            biased;
            readable = stream.readable() => return readable.is_ok(),
            word = activity.heard() => if word != Word::Rest {
                // TLS says goodbye, so that the client knows nothing was cut off.
                let _ = tokio::time::timeout(GOODBYE, stream.shutdown()).await;
                return false;
            }
        }
    }
}

/// Serves HTTP/2.
pub async fn http2<H: Handler>(
    tls: Box<TlsStream<ClientSocket>>,
    peer: Peer,
    state: Arc<WorkerState<H>>,
) -> hyper::Result<()> {
    let activity = state.watch.enter(peer.ip);
    activity.speaks_http2();
    let limits = state.limits;
    let windows = Windows::of(limits.http2_streams);
    let stream = Stream::http2(tls, activity.clone());
    let (ip, counters) = (peer.ip, state.counters.clone());
    let service = service(state, peer, activity.clone());
    // Boxed: hyper moves it from place to place until it is a task.
    let service = service_fn(move |request| Box::pin(service.call(request)));
    let connection = conn::http2::Builder::new(Streams)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(u32::try_from(limits.head_bytes + ROOM).unwrap_or(u32::MAX))
        .initial_stream_window_size(windows.stream)
        .initial_connection_window_size(windows.connection)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(Some(limits.idle_timeout.clamp(SHORTEST_PING, PING)))
        .keep_alive_timeout(PONG)
        // WebSockets (RFC 8441 §3); the gate lets no other protocol through.
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    loop {
        tokio::select! {
            biased;
            outcome = connection.as_mut() => return outcome.inspect_err(|error| ended(error, ip, &counters)),
            word = activity.heard() => match word {
                Word::Cut => return Ok(()),
                Word::Finish => connection.as_mut().graceful_shutdown(),
                Word::Rest => {}
            }
        }
    }
}

/// Counts a connection that h2 ended: a flood, or a break of its rules.
fn ended(error: &hyper::Error, peer: IpAddr, counters: &Counters) {
    let error = error.source().and_then(<dyn Error>::downcast_ref::<h2::Error>);
    let Some(error) = error.filter(|error| error.is_go_away() && error.is_library()) else { return };
    match error.reason() {
        Some(Reason::ENHANCE_YOUR_CALM) => counters.hit(Limit::Flood, Some(peer)),
        Some(Reason::NO_ERROR | Reason::INTERNAL_ERROR) | None => {}
        Some(_) => counters.unreadable(true),
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
        let (state, mut peer, activity) = (state.clone(), peer.clone(), activity.clone());
        peer.flaw = activity.flaw();
        async move {
            let is_http1 = request.version() != Version::HTTP_2;
            if !is_http1 && request.method() == Method::CONNECT {
                request.extensions_mut().insert(TunnelGuard::new(Exchange::tunnel(&activity)));
            }
            let over = peer.over.is_some();
            let mut response = state.handler.handle(request, peer).await;
            if !is_http1 {
                detach(response.headers_mut());
            }
            if over {
                activity.tell(Word::Finish);
            }
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                activity.becomes_tunnel();
            } else if state.watch.is_draining() && is_http1 {
                // RFC 9112 §9.6: so the client sends its next request elsewhere, instead of into a closing connection.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| exchange.with_body(body)))
        }
    })
}

/// Bytes of a head beyond the limit that are read, so that the answer is the gate's own.
const ROOM: usize = 16 * 1024;
/// hyper's buffer for reading and writing grows to this at least.
const BUFFER: usize = 64 * 1024;
/// Fields for which hyper needs no allocation.
const FREE_FIELDS: usize = 100;
/// Bytes of one stream that wait to be sent, about; [`Held`](super::buffers::Held) bounds those of all of them.
const SEND_BUFFER: usize = 128 * 1024;
/// After this time without a word, a client of HTTP/2 is asked whether it is there; sooner where connections without a request end sooner.
const PING: Duration = Duration::from_secs(40);
const SHORTEST_PING: Duration = Duration::from_secs(1);
/// For its answer. One that vanished is found after a minute.
const PONG: Duration = Duration::from_secs(20);
/// For the last TLS record.
const GOODBYE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::super::handler::tests::EmptyHandler;
    use super::*;

    /// What an HTTP/1.1 connection carries while it rests.
    #[test]
    fn a_connection_at_rest_is_small() {
        fn size<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(http1::<EmptyHandler>) <= 1024, "{} bytes", size(http1::<EmptyHandler>));
    }
}
