//! One client connection: TLS handshake, then HTTP/1.1 or HTTP/2 until either side is done.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::web::{Gate, Peer};

/// Serves one connection to its end; `draining` asks it to finish what is in flight and close.
pub async fn serve(
    stream: TcpStream,
    peer: Peer,
    address: SocketAddr,
    tls: TlsAcceptor,
    gate: Arc<Gate>,
    draining: CancellationToken,
) {
    // Without this, small answers wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let stream = match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%address, %error, "TLS handshake failed"),
        Err(_) => return tracing::debug!(%address, "TLS handshake not finished in time"),
    };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let outcome = if http2 {
        serve_http2(stream, peer, gate, draining).await
    } else {
        serve_http1(stream, peer, gate, draining).await
    };
    if let Err(error) = outcome {
        tracing::debug!(%address, %error, "connection ended");
    }
}

async fn serve_http1(
    stream: TlsStream<TcpStream>,
    peer: Peer,
    gate: Arc<Gate>,
    draining: CancellationToken,
) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let (gate, peer) = (gate.clone(), peer.clone());
        async move { Ok::<_, Infallible>(gate.handle(request, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        outcome = connection.as_mut() => return outcome,
        () = draining.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

async fn serve_http2(
    stream: TlsStream<TcpStream>,
    peer: Peer,
    gate: Arc<Gate>,
    draining: CancellationToken,
) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let (gate, peer) = (gate.clone(), peer.clone());
        async move { Ok::<_, Infallible>(gate.handle(request, peer).await) }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(Some(PING))
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        outcome = connection.as_mut() => return outcome,
        () = draining.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// For the whole TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For a request's head, and for an idle connection to send its next one.
const HEADER: Duration = Duration::from_secs(75);
/// Bytes of a request's head; more is answered with 431.
const MAX_HEAD: usize = 64 * 1024;
const MAX_STREAMS: u32 = 200;
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;
const PING: Duration = Duration::from_mins(1);
