//! Plain HTTP/1.1 on the control runtime, for a few connections at a time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::guard::AdminPeer;

/// Binds the address.
///
/// # Errors
/// When the address cannot be bound. The message names it.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}"));
    TcpListener::bind(address).await.map_err(named)
}

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, router: Router) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let address = Extension(AdminPeer(peer.ip().to_canonical()));
        let service = TowerToHyperService::new(router.clone().layer(address));
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE)
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(stream), service);
            // An error affects only this client.
            let _ = connection.await;
            drop(slot);
        });
    }
}

/// Simultaneous connections. Further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 64;
const IDLE: Duration = Duration::from_secs(30);
