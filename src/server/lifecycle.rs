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

/// SIGTERM and SIGINT (Ctrl+C), which ask the process to end well. To be had before the first connection is taken: one that
/// comes before would end the process in the middle of whatever it does.
#[derive(Debug)]
pub struct StopSignals {
    term: Signal,
    int: Signal,
}

impl StopSignals {
    /// From now on they are waited for.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn watch() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for one, also for one that has come already; gives its name.
    pub async fn received(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}
