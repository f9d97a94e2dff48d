//! The process: its open-file limit, the control runtime, and signals.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The runtime for everything except requests: keys, redirects, signals, the simulators of the demo.
///
/// # Errors
/// The system provides no thread or no event queue.
pub fn control_runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).thread_name("control").enable_all().build()
}

/// Raises the open-file limit to the system's maximum and returns it; `None`: unlimited. For programs that use `select`, systemd and
/// shells begin with 1,024 and allow many more on demand.
pub fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current }
}

/// The signals that the gateway handles. Watch them from the beginning: a signal that nobody watches ends the process.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hang_up: Signal,
    user: Signal,
}

/// The meaning of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalRequest {
    /// Stop after draining: SIGTERM or SIGINT (Ctrl+C), by name.
    Stop(&'static str),
    /// Reopen log files: SIGUSR1.
    ReopenLogs,
    /// Reload the configuration and reopen log files: SIGHUP.
    Reload,
}

impl Signals {
    /// Watches the signals. Must be called on a runtime.
    ///
    /// # Errors
    /// The signals cannot be watched.
    pub fn watch() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for the next signal. A signal that has already arrived counts.
    pub async fn received(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.term.recv() => SignalRequest::Stop("SIGTERM"),
            _ = self.int.recv() => SignalRequest::Stop("SIGINT"),
            _ = self.hang_up.recv() => SignalRequest::Reload,
            _ = self.user.recv() => SignalRequest::ReopenLogs,
        }
    }
}
