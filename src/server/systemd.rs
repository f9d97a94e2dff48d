//! What systemd hands over and wants to hear: socket activation (`sd_listen_fds(3)`) and readiness (`sd_notify(3)`).

use std::io;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use super::listener::Listening;

/// Sockets handed over, each with the `FileDescriptorName=` of its unit.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(String, Listening)>);

impl Inherited {
    /// Takes every socket that the environment names; to be called once.
    ///
    /// # Errors
    /// When one of them is no listening stream socket.
    pub fn from_env() -> io::Result<Self> {
        let mut handed = ListenFd::from_env();
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut sockets = Vec::new();
        for index in 0..handed.len() {
            let name = names.next().unwrap_or_default().to_owned();
            let socket = match handed.take_tcp_listener(index) {
                Ok(listener) => listener.map(Listening::Tcp),
                Err(_) => handed.take_unix_listener(index)?.map(Listening::Unix),
            };
            sockets.extend(socket.map(|socket| (name, socket)));
        }
        Ok(Self(sockets))
    }

    /// Takes those of this name; all that are left without one.
    ///
    /// # Errors
    /// When there is none.
    pub fn take(&mut self, name: Option<&str>) -> io::Result<Vec<Listening>> {
        let (taken, left) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(known, _)| name.is_none_or(|name| known == name));
        self.0 = left;
        let taken: Vec<_> = taken.into_iter().map(|(_, socket): (String, _)| socket).collect();
        if taken.is_empty() {
            let which = name.map_or_else(|| "a socket".to_owned(), |name| format!("a socket named {name}"));
            return Err(io::Error::other(format!("cannot listen: systemd did not hand over {which}")));
        }
        Ok(taken)
    }
}

/// Tells the service manager, when there is one, that requests are answered.
pub fn tell_ready() {
    tell(&[NotifyState::Ready]);
}

/// Tells it that the end has begun.
pub fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
