//! The life of the process: its descriptors, the control runtime, and the signals that end it.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

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

/// Waits for SIGTERM or SIGINT (Ctrl+C); gives the signal's name.
///
/// # Errors
/// When the signals cannot be watched.
pub async fn stop_signal() -> io::Result<&'static str> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    })
}
