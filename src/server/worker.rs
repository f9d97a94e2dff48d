//! Workers: one thread, one current-thread runtime, one listening socket an address, one handler with its own connections.
//!
//! Measured: a request costs a third less CPU here than on a work-stealing runtime, because nothing of it ever moves to
//! another core.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ipnet::IpNet;
use rustls::ServerConfig;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::{Admission, Verdict};
use super::client_socket::ClientSocket;
use super::connection;
use super::handler::Handler;
use super::listener::{Listening, SPARE};
use super::memory::give_back;
use super::watch::Watch;
use super::worker_state::WorkerState;
use crate::config::Limits;
use crate::net::Socket;
use crate::telemetry::Counters;

/// What one worker serves.
#[derive(Debug)]
pub struct Worker<H> {
    /// Its listening sockets.
    pub sockets: Vec<Listening>,
    /// TLS for all of them.
    pub tls: Arc<ServerConfig>,
    /// Answers requests.
    pub handler: H,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// True when every connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// What clients may ask for.
    pub limits: Limits,
    /// Connections of all workers.
    pub admission: Arc<Admission>,
    /// This worker's counters.
    pub counters: Arc<Counters>,
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
    /// When a thread or runtime cannot be made; workers already started are told to stop.
    pub fn start<H: Handler>(workers: Vec<Worker<H>>) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let unless_all_run = stop.clone().drop_guard();
        let mut running = Self { threads: Vec::new(), stop: stop.clone() };
        for (index, worker) in workers.into_iter().enumerate() {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            let stop = stop.clone();
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || runtime.block_on(worker.run(stop)))?;
            running.threads.push(thread);
        }
        unless_all_run.disarm();
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

impl<H: Handler> Worker<H> {
    async fn run(self, stop: CancellationToken) {
        let connections = TaskTracker::new();
        let state = Arc::new(WorkerState {
            handler: self.handler,
            tls: self.tls,
            trusted_proxies: self.trusted_proxies,
            proxy_protocol: self.proxy_protocol,
            watch: Watch::new(&self.limits, self.counters.clone()),
            limits: self.limits,
            counters: self.counters,
        });
        let reception =
            Reception { state: state.clone(), admission: self.admission, connections: connections.clone() };
        let mut listeners = tokio::task::JoinSet::new();
        for socket in self.sockets {
            match Listener::new(socket) {
                Ok(listener) => drop(listeners.spawn(reception.clone().receive(listener, stop.clone()))),
                Err(error) => tracing::error!(%error, "a listening socket cannot be used"),
            }
        }
        let looking = tokio::spawn(look(state.clone()));
        let flush = async {
            loop {
                tokio::time::sleep(FLUSH).await;
                state.handler.flush_log();
            }
        };
        let _ = stop.run_until_cancelled(flush).await;
        listeners.join_all().await;
        drain(&state.watch, connections, self.drain).await;
        looking.abort();
        state.handler.flush_log();
    }
}

/// Lets everybody finish. A client that is just sending a request over an idle connection must not find it closed: for
/// [`LAST_CALL`], requests are still answered, with word that each is the connection's last (HTTP/2 has that in its
/// protocol, RFC 9113 §6.8). Then idle connections are asked to close, and after [`IDLE_CALL`] they are closed, whether their
/// clients have answered or not. Requests in flight have until the drain time is over.
async fn drain(watch: &Watch, connections: TaskTracker, limit: Duration) {
    connections.close();
    watch.drain();
    watch.finish(true);
    let ended = async {
        if tokio::time::timeout(LAST_CALL, connections.wait()).await.is_err() {
            watch.finish(false);
            let mut patience = IDLE_CALL;
            while tokio::time::timeout(patience, connections.wait()).await.is_err() {
                watch.close_idle();
                patience = LAST_CALL;
            }
        }
    };
    if tokio::time::timeout(limit, ended).await.is_err() {
        tracing::warn!(left = connections.len(), "drain time is over; connections are cut");
    }
}

async fn look<H: Handler>(state: Arc<WorkerState<H>>) {
    loop {
        tokio::time::sleep(state.watch.round).await;
        state.watch.look();
        give_back();
    }
}

/// Takes connections in.
#[derive(Debug)]
struct Reception<H> {
    state: Arc<WorkerState<H>>,
    admission: Arc<Admission>,
    connections: TaskTracker,
}

impl<H> Clone for Reception<H> {
    fn clone(&self) -> Self {
        let Self { state, admission, connections } = self;
        Self { state: state.clone(), admission: admission.clone(), connections: connections.clone() }
    }
}

impl<H: Handler> Reception<H> {
    async fn receive(self, listener: Listener, stop: CancellationToken) {
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, address)) => self.take(stream, address),
                    Err(error) => {
                        // Out of descriptors, usually: wait for some to be closed instead of spinning.
                        tracing::warn!(%error, "cannot accept");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        };
        let _ = stop.run_until_cancelled(accept).await;
        // Those that the kernel took in for us already are served as well.
        let rest = async {
            while let Ok((stream, address)) = listener.accept().await {
                self.take(stream, address);
            }
        };
        let _ = tokio::time::timeout(Duration::ZERO, rest).await;
    }

    fn take(&self, stream: Socket, address: SocketAddr) {
        let token = self.connections.token();
        let (permit, verdict) = Admission::enter(&self.admission, &self.state.counters, token);
        let over = match verdict {
            Verdict::Served => None,
            Verdict::ForwardedHeaders(limit) | Verdict::Closed(limit) => {
                self.state.counters.hit(limit, Some(address.ip()));
                Some(limit)
            }
        };
        if !matches!(verdict, Verdict::Closed(_)) {
            let socket = ClientSocket::new(stream, permit, self.state.limits.download_timeout + SPARE);
            self.connections.spawn(connection::serve(socket, address, over, self.state.clone()));
        }
    }
}

/// A listening socket of this worker's runtime.
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn new(socket: Listening) -> io::Result<Self> {
        Ok(match socket {
            Listening::Tcp(socket) => Self::Tcp(TcpListener::from_std(socket)?),
            Listening::Unix(socket) => Self::Unix(UnixListener::from_std(socket)?),
        })
    }

    async fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                (Socket::Tcp(stream), address)
            }
            Self::Unix(listener) => (Socket::Unix(listener.accept().await?.0), HERE),
        })
    }
}

/// Who connects by a Unix socket is on this machine.
const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// How long a line of the access log may wait to be written with others.
const FLUSH: Duration = Duration::from_millis(100);
/// For requests on their way when the end begins.
const LAST_CALL: Duration = Duration::from_millis(250);
/// For an idle connection to be closed by both sides in good order, and for a handshake to be finished.
const IDLE_CALL: Duration = Duration::from_secs(3);
