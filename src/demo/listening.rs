//! An HTTP/1.1 listener without TLS on its own tasks. It stops when dropped.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::random::lock;

/// Tells long-lived handlers (upgraded connections) that the simulator stops.
#[derive(Clone, Debug)]
pub(super) struct StopSignal(pub(super) CancellationToken);

/// The address of the peer of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerAddress(pub(super) IpAddr);

/// A running listener. Dropping it ends the listener and every connection.
#[derive(Debug)]
pub(super) struct SimulatorListener {
    addr: SocketAddr,
    stopping: CancellationToken,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl SimulatorListener {
    /// Serves `router` on `listener` from tasks of the current runtime.
    pub(super) fn start(listener: TcpListener, router: Router) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let stopping = CancellationToken::new();
        let router = router.layer(Extension(StopSignal(stopping.clone())));
        let accepting = tokio::spawn(accept(listener, router, stopping.clone()));
        Ok(Self { addr, stopping, accepting: Mutex::new(Some(accepting)) })
    }

    /// `http://ADDRESS:PORT`, without a trailing slash.
    pub(super) fn url(&self) -> String {
        url(self.addr)
    }

    /// Ends the listener and every connection; afterwards the port refuses connections.
    pub(super) async fn stop(&self) {
        self.stopping.cancel();
        let accepting = lock(&self.accepting).take();
        if let Some(accepting) = accepting {
            let _ = accepting.await;
        }
    }
}

impl Drop for SimulatorListener {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// The URL of a listener. A listener on all addresses is named by the loopback one, as people on this machine reach it.
pub(super) fn url(addr: SocketAddr) -> String {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, addr.port()))
}

async fn accept(listener: TcpListener, router: Router, stopping: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Probably no free file descriptor: wait until one is free.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let peer = PeerAddress(peer.ip());
        let service = router.clone().map_request(move |request: http::Request<Incoming>| {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            request
        });
        let service = TowerToHyperService::new(service);
        connections.spawn(async move {
            // An error affects only this client.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        });
    }
}
