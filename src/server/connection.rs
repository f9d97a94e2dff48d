//! One client connection: PROXY protocol header, TLS handshake, then HTTP/1.1 or HTTP/2 until either side is done.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::admission::AdmissionDecision;
use super::client_socket::ClientSocket;
use super::handler::Handler;
use super::http::{http1, http2};
use super::proxy_header;
use super::settings::Settings;
use super::worker_state::WorkerState;
use crate::config::Limit;
use crate::peer::Peer;

/// Serves one connection to its end. `over` is a limit that it exceeds: each of its requests is refused with it.
pub async fn serve<H: Handler>(
    socket: ClientSocket,
    address: SocketAddr,
    over: Option<Limit>,
    settings: Arc<Settings>,
    state: Arc<WorkerState<H>>,
) {
    // Boxed: the handshake needs much memory, the rest of a connection's life does not.
    let opening = tokio::time::timeout(HANDSHAKE, open(socket, address, over, &settings, &state));
    let Some(opened) = Box::pin(state.watch.closed.run_until_cancelled(opening)).await else {
        return tracing::debug!(%address, "no TLS handshake before the gateway stopped");
    };
    let (stream, peer) = match opened {
        Ok(Ok(Some(opened))) => opened,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => {
            state.counters.handshake_failed();
            return tracing::debug!(%address, %error, "TLS handshake failed");
        }
        Err(_) => {
            state.counters.handshake_failed();
            return tracing::debug!(%address, "TLS handshake not finished in time");
        }
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    state.counters.connection_protocol(is_http2);
    let outcome = if is_http2 {
        Box::pin(http2(stream, peer, settings, state)).await
    } else {
        Box::pin(http1(stream, peer, settings, state)).await
    };
    if let Err(error) = outcome {
        tracing::debug!(%address, %error, "connection ended");
    }
}

/// Finds the client's address and does the TLS handshake. `None`: the connection is refused.
async fn open<H>(
    mut socket: ClientSocket,
    address: SocketAddr,
    over: Option<Limit>,
    settings: &Settings,
    state: &WorkerState<H>,
) -> io::Result<Option<(Box<TlsStream<ClientSocket>>, Peer)>> {
    let mut peer = Peer::new(address, &settings.trusted_proxies);
    if settings.proxy_protocol {
        let named = if peer.trusted { proxy_header::read(&mut socket).await.ok() } else { None };
        let Some(named) = named else {
            state.counters.limit_reached(Limit::ProxyProtocol, Some(peer.ip));
            return Ok(None);
        };
        if let Some(client) = named {
            peer = Peer::new(client, &settings.trusted_proxies);
        }
    }
    peer.over = over;
    if !peer.trusted {
        match socket.permit.of(peer.ip, settings.limits.connections_per_ip) {
            AdmissionDecision::Served => {}
            AdmissionDecision::Refused(limit) => {
                state.counters.limit_reached(limit, Some(peer.ip));
                peer.over = Some(limit);
            }
            AdmissionDecision::Closed(limit) => {
                state.counters.limit_reached(limit, Some(peer.ip));
                return Ok(None);
            }
        }
    }
    let mut stream = Box::new(TlsAcceptor::from(settings.tls.clone()).accept(socket).await?);
    stream.get_mut().0.set_open();
    Ok(Some((stream, peer)))
}

/// Time for the PROXY protocol header and the whole TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::super::handler::tests::EmptyHandler;
    use super::*;

    /// The memory of a connection's task for its whole life.
    #[test]
    fn a_task_is_small() {
        fn size<A, B, C, D, E, F>(_: impl Fn(A, B, C, D, E) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(serve::<EmptyHandler>) <= 320, "{} bytes", size(serve::<EmptyHandler>));
    }
}
