//! HTTP over one connection: requests to the gate, answers back, buffers let go while nobody speaks.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::server::TlsStream;

use super::activity::{Activity, Exchange, Through, Word};
use super::connection::Host;
use super::memory::detach;
use super::socket::Socket;
use super::stream::Stream;
use crate::web::{Body, Hold, Peer};

/// Serves HTTP/1.1. A connection that nobody uses keeps its TLS state and nothing else: hyper's buffers and the place of
/// the next request are made anew when the client speaks again.
pub async fn http1(tls: Box<TlsStream<Socket>>, peer: Peer, host: Arc<Host>) -> hyper::Result<()> {
    let activity = host.watch.enter();
    let head = host.limits.head;
    let mut stream = Stream::new(tls, activity.clone()).with_heads();
    loop {
        let mut builder = conn::http1::Builder::new();
        builder.max_buf_size((head.bytes + ROOM).max(BUFFER));
        if head.fields > FREE_FIELDS {
            builder.max_headers(head.fields);
        }
        let service = service(host.clone(), peer.clone(), activity.clone());
        let mut connection =
            Box::new(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
        loop {
            tokio::select! {
                biased;
                outcome = &mut connection => return outcome,
                word = activity.heard() => match word {
                    Word::Cut => return Ok(()),
                    Word::Finish => Pin::new(&mut *connection).graceful_shutdown(),
                    Word::Rest if activity.may_rest() => break,
                    Word::Rest => {}
                }
            }
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
pub async fn http2(tls: Box<TlsStream<Socket>>, peer: Peer, host: Arc<Host>) -> hyper::Result<()> {
    let activity = host.watch.enter();
    activity.speaks_http2();
    let limits = host.limits;
    let stream = Stream::new(tls, activity.clone());
    let connection = conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(u32::try_from(limits.head.bytes + ROOM).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(Some(PING))
        // WebSockets (RFC 8441 §3); the gate lets no other protocol through.
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(stream), service(host, peer, activity.clone()));
    let mut connection = std::pin::pin!(connection);
    loop {
        tokio::select! {
            biased;
            outcome = connection.as_mut() => return outcome,
            word = activity.heard() => match word {
                Word::Cut => return Ok(()),
                Word::Finish => connection.as_mut().graceful_shutdown(),
                Word::Rest => {}
            }
        }
    }
}

fn service(
    host: Arc<Host>,
    peer: Peer,
    activity: Arc<Activity>,
) -> impl Service<Request<Incoming>, Response = Response<Through<Body>>, Error = Infallible, Future: Send + 'static>
{
    service_fn(move |mut request: Request<Incoming>| {
        let exchange = Exchange::begin(&activity, !request.body().is_end_stream());
        let (host, mut peer, activity) = (host.clone(), peer.clone(), activity.clone());
        peer.flaw = activity.flaw();
        async move {
            let is_http1 = request.version() != Version::HTTP_2;
            if !is_http1 && request.method() == Method::CONNECT {
                request.extensions_mut().insert(Hold::new(Exchange::tunnel(&activity)));
            }
            let over = peer.over.is_some();
            let mut response = host.gate.handle(request, peer).await;
            if !is_http1 {
                detach(response.headers_mut());
            }
            if over {
                activity.tell(Word::Finish);
            }
            if host.watch.is_draining() && is_http1 && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                // RFC 9112 §9.6: so the client sends its next request elsewhere, instead of into a closing connection.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| exchange.through(body)))
        }
    })
}

/// Bytes of a head beyond the limit that are read, so that the answer is the gate's own.
const ROOM: usize = 16 * 1024;
/// hyper's buffer for reading and writing grows to this at least.
const BUFFER: usize = 64 * 1024;
/// Fields for which hyper needs no allocation.
const FREE_FIELDS: usize = 100;
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;
const PING: Duration = Duration::from_mins(1);
/// For the last TLS record.
const GOODBYE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// What an HTTP/1.1 connection carries while it rests.
    #[test]
    fn a_connection_at_rest_is_small() {
        fn size<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(http1) <= 1024, "{} bytes", size(http1));
    }
}
