//! Workers: each has one thread, one current-thread runtime, one listening socket for each address, and one handler with its own
//! connections.
//!
//! Measured: a request costs a third less CPU time than on a work-stealing runtime, because nothing of it moves to another core.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::{Admission, AdmissionDecision};
use super::client_socket::ClientSocket;
use super::connection;
use super::handler::Handler;
use super::listener::{Listening, SPARE};
use super::memory::release_free_pages;
use super::pulse::{Pulse, Responder};
use super::settings::SharedSettings;
use super::watch::Watch;
use super::worker_state::WorkerState;
use crate::net::Socket;
use crate::telemetry::Counters;

/// One worker before it starts.
#[derive(Debug)]
pub struct Worker<H> {
    /// Its listening sockets.
    pub sockets: Vec<Listening>,
    /// TLS, trusted proxies and limits of its next connections.
    pub settings: SharedSettings,
    /// Answers requests.
    pub handler: H,
    /// Counts the connections of all workers.
    pub admission: Arc<Admission>,
    /// This worker's counters.
    pub counters: Arc<Counters>,
    /// How long requests in progress may go on after the stop.
    pub drain: Duration,
}

/// Running workers.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    stop: CancellationToken,
    /// Until somebody takes it.
    pulse: Option<Pulse>,
}

impl Workers {
    /// Starts every worker on its own thread.
    ///
    /// # Errors
    /// A thread or runtime cannot be created. Workers that were started already stop.
    pub fn start<H: Handler>(workers: Vec<Worker<H>>) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let unless_all_run = stop.clone().drop_guard();
        let mut pulse = Pulse::new();
        let mut running = Self { threads: Vec::new(), stop: stop.clone(), pulse: None };
        for (index, worker) in workers.into_iter().enumerate() {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            let (stop, responder) = (stop.clone(), pulse.responder());
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || runtime.block_on(worker.run(stop, responder)))?;
            running.threads.push(thread);
        }
        unless_all_run.disarm();
        running.pulse = Some(pulse);
        Ok(running)
    }

    /// Asks whether the workers respond; `None` the second time.
    pub fn take_pulse(&mut self) -> Option<Pulse> {
        self.pulse.take()
    }

    /// Stops listening, lets requests in progress finish within the drain time, and waits for all threads.
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
    async fn run(self, stop: CancellationToken, mut responder: Responder) {
        let connections = TaskTracker::new();
        let state = Arc::new(WorkerState {
            handler: self.handler,
            watch: Watch::new(&self.settings.load().limits, self.counters.clone()),
            settings: self.settings,
            counters: self.counters,
        });
        let acceptor =
            Acceptor { state: state.clone(), admission: self.admission, connections: connections.clone() };
        let mut listeners = tokio::task::JoinSet::new();
        for socket in self.sockets {
            match Listener::new(socket) {
                Ok(listener) => drop(listeners.spawn(acceptor.clone().accept(listener, stop.clone()))),
                Err(error) => tracing::error!(%error, "a listening socket cannot be used"),
            }
        }
        let watching = tokio::spawn(watch(state.clone()));
        let flush = async {
            loop {
                tokio::time::sleep(FLUSH).await;
                state.handler.flush_log();
            }
        };
        let serve = async {
            let _ = stop.run_until_cancelled(flush).await;
            listeners.join_all().await;
            drain(&state.watch, connections, self.drain).await;
        };
        tokio::select! {
            () = serve => {}
            // It ends only when nobody asks any more.
            () = async { responder.answer().await; std::future::pending().await } => {}
        }
        responder.retire();
        watching.abort();
        state.handler.flush_log();
    }
}

/// Lets connections finish.
///
/// A client that is just sending a request over an idle connection must not find it closed. So for [`LAST_REQUESTS`], requests are still
/// answered, and each response says that it is the last of its connection (HTTP/2: RFC 9113 §6.8). Then idle connections are asked to
/// close, and after [`CLOSE_TIMEOUT`] they are closed. Requests in progress may go on until the drain time is over.
async fn drain(watch: &Watch, connections: TaskTracker, limit: Duration) {
    connections.close();
    watch.drain();
    watch.finish(true);
    let ended = async {
        if tokio::time::timeout(LAST_REQUESTS, connections.wait()).await.is_err() {
            watch.finish(false);
            let mut wait = CLOSE_TIMEOUT;
            while tokio::time::timeout(wait, connections.wait()).await.is_err() {
                watch.close_idle();
                wait = LAST_REQUESTS;
            }
        }
    };
    if tokio::time::timeout(limit, ended).await.is_err() {
        tracing::warn!(left = connections.len(), "drain time is over; open connections are closed");
    }
}

async fn watch<H: Handler>(state: Arc<WorkerState<H>>) {
    let mut settings = state.settings.load_full();
    loop {
        tokio::time::sleep(state.watch.round()).await;
        let latest = state.settings.load_full();
        if !Arc::ptr_eq(&settings, &latest) {
            state.watch.apply(&latest.limits);
            settings = latest;
        }
        state.watch.check();
        release_free_pages();
    }
}

/// Accepts connections.
#[derive(Debug)]
struct Acceptor<H> {
    state: Arc<WorkerState<H>>,
    admission: Arc<Admission>,
    connections: TaskTracker,
}

impl<H> Clone for Acceptor<H> {
    fn clone(&self) -> Self {
        let Self { state, admission, connections } = self;
        Self { state: state.clone(), admission: admission.clone(), connections: connections.clone() }
    }
}

impl<H: Handler> Acceptor<H> {
    async fn accept(self, listener: Listener, stop: CancellationToken) {
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, address)) => self.serve(stream, address),
                    Err(error) => {
                        // Usually no descriptor is free: wait until one is, instead of spinning.
                        tracing::warn!(%error, "cannot accept");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        };
        let _ = stop.run_until_cancelled(accept).await;
        // Connections that the kernel has already accepted are served too.
        let rest = async {
            while let Ok((stream, address)) = listener.accept().await {
                self.serve(stream, address);
            }
        };
        let _ = tokio::time::timeout(Duration::ZERO, rest).await;
    }

    fn serve(&self, stream: Socket, address: SocketAddr) {
        let token = self.connections.token();
        let settings = self.state.settings.load_full();
        let limits = &settings.limits;
        let (permit, verdict) =
            Admission::enter(&self.admission, &self.state.counters, limits.connections, token);
        let over = match verdict {
            AdmissionDecision::Served => None,
            AdmissionDecision::Refused(limit) | AdmissionDecision::Closed(limit) => {
                self.state.counters.limit_reached(limit, Some(address.ip()));
                Some(limit)
            }
        };
        if !matches!(verdict, AdmissionDecision::Closed(_)) {
            let socket = ClientSocket::new(stream, permit, limits.download_timeout + SPARE);
            self.connections.spawn(connection::serve(socket, address, over, settings, self.state.clone()));
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
            Self::Unix(listener) => (Socket::Unix(listener.accept().await?.0), LOOPBACK),
        })
    }
}

/// The address of clients that connect through a Unix socket.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// How long a line of the access log may wait so that several are written at once.
const FLUSH: Duration = Duration::from_millis(100);
/// Time for requests that are on their way when the stop begins.
const LAST_REQUESTS: Duration = Duration::from_millis(250);
/// Time for both sides to close an idle connection, and for a TLS handshake to finish.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
