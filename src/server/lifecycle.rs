//! The life of the process: its descriptors, the control runtime, and the signals that end it.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The runtime for everything that is not a request: keys, redirects, signals, the simulators of the demo.
///
/// # Errors
/// When the system gives no thread or no event queue.
pub fn control_runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).thread_name("control").enable_all().build()
}

/// Allows this process as many open files as the system lets it have, and says how many; `None`: any number. systemd and
/// shells allow 1,024 at first and many more on demand, for the sake of programs that use `select`.
pub fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current }
}

/// The signals that mean something to the gateway. To be watched from the beginning: one that nobody watches ends the process.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hang_up: Signal,
    user: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To end well: SIGTERM, SIGINT (Ctrl+C). With the name.
    Stop(&'static str),
    /// To open log files again: SIGUSR1.
    ReopenLogs,
    /// To load the configuration again, and open log files again: SIGHUP.
    Reload,
}

impl Signals {
    /// From now on they are waited for; must be called on a runtime.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn watch() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for one, also for one that has come already.
    pub async fn received(&mut self) -> Asked {
        tokio::select! {
            _ = self.term.recv() => Asked::Stop("SIGTERM"),
            _ = self.int.recv() => Asked::Stop("SIGINT"),
            _ = self.hang_up.recv() => Asked::Reload,
            _ = self.user.recv() => Asked::ReopenLogs,
        }
    }
}
