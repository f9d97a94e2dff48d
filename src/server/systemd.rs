//! systemd: socket activation (`sd_listen_fds(3)`) and readiness (`sd_notify(3)`).

use std::io;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use super::listener::Listening;

/// Sockets passed by systemd, each with the `FileDescriptorName=` of its unit.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(String, Listening)>);

impl Inherited {
    /// Takes every socket that the environment names. Call it once.
    ///
    /// # Errors
    /// One of them is not a listening stream socket.
    pub fn from_env() -> io::Result<Self> {
        let mut passed = ListenFd::from_env();
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            let name = names.next().unwrap_or_default().to_owned();
            let socket = match passed.take_tcp_listener(index) {
                Ok(listener) => listener.map(Listening::Tcp),
                Err(_) => passed.take_unix_listener(index)?.map(Listening::Unix),
            };
            sockets.extend(socket.map(|socket| (name, socket)));
        }
        Ok(Self(sockets))
    }

    /// Takes the sockets of this name; without a name, all that are left.
    ///
    /// # Errors
    /// There is none.
    pub fn take(&mut self, name: Option<&str>) -> io::Result<Vec<Listening>> {
        let (found, rest) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(known, _)| name.is_none_or(|name| known == name));
        self.0 = rest;
        let found: Vec<_> = found.into_iter().map(|(_, socket): (String, _)| socket).collect();
        if found.is_empty() {
            let which = name.map_or_else(|| "a socket".to_owned(), |name| format!("a socket named {name}"));
            return Err(io::Error::other(format!("cannot listen: systemd did not hand over {which}")));
        }
        Ok(found)
    }
}

/// Tells the service manager, if there is one, that the gateway is ready.
pub fn notify_ready() {
    notify(&[NotifyState::Ready]);
}

/// Tells the service manager that a reload has begun; [`notify_ready`] ends it. Units with `Type=notify-reload` wait for both.
pub fn notify_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "cannot notify the service manager of a reload"),
    }
}

/// Tells the service manager that the gateway is stopping.
pub fn notify_stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Tells the service manager, if there is one.
pub(super) fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}
