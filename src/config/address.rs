//! Where to listen: an address, a Unix socket, or sockets that systemd opened.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// One entry of `listen.https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IP address and a port; port 0 takes any free one.
    Tcp(SocketAddr),
    /// `unix:` and the absolute path of a socket, which is made at the start and removed at the end.
    Unix(PathBuf),
    /// `systemd`: every socket handed over by socket activation (`sd_listen_fds(3)`); `systemd:NAME`: those with this
    /// `FileDescriptorName=`.
    Systemd(Option<String>),
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(None) => f.write_str("systemd"),
            Self::Systemd(Some(name)) => write!(f, "systemd:{name}"),
        }
    }
}
