//! Addresses: where the gateway listens, and where a Campaign server is.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::value_error::ValueError;
use super::values;

/// One entry of `listen.https`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ListenAddress {
    /// An IP address and a port; port 0 takes any free one.
    Tcp(SocketAddr),
    /// `unix:` and the absolute path of a socket, which is created at the start and removed at the end.
    Unix(PathBuf),
    /// `systemd`: all sockets from socket activation (`sd_listen_fds(3)`); `systemd:NAME`: those with this `FileDescriptorName=`.
    Systemd(Option<String>),
}

impl TryFrom<String> for ListenAddress {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        if let Some(path) = text.strip_prefix(UNIX) {
            let usable =
                Path::new(path).is_absolute() && !path.ends_with('/') && path.len() <= LONGEST_SOCKET;
            let wrong = || {
                ValueError::new(
                    "is not the absolute path of a socket",
                    "write \"unix:/run/imsgate/https.sock\"",
                )
            };
            return if usable { Ok(Self::Unix(PathBuf::from(path))) } else { Err(wrong()) };
        }
        match text.strip_prefix("systemd") {
            Some("") => Ok(Self::Systemd(None)),
            Some(name) if name.len() > 1 && name.starts_with(':') => {
                Ok(Self::Systemd(Some(name[1..].to_owned())))
            }
            _ => values::socket(&text).map(Self::Tcp),
        }
    }
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
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
            Self::Systemd(None) => f.write_str("systemd"),
            Self::Systemd(Some(name)) => write!(f, "systemd:{name}"),
        }
    }
}

/// Address of a Campaign server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum UpstreamAddress {
    /// An http or https origin, without path.
    Url(Url),
    /// The absolute path of a Unix socket; plain HTTP is spoken there.
    Unix(PathBuf),
}

impl TryFrom<String> for UpstreamAddress {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        let Some(path) = text.strip_prefix(UNIX) else {
            return values::origin(&text).map(Self::Url);
        };
        let wrong = |message: &str| Err(ValueError::new(message, "write unix:/run/campaign.sock"));
        if !path.starts_with('/') || path.starts_with("//") || path.ends_with('/') {
            return wrong("must be the absolute path of a socket");
        }
        if path.contains(char::is_control) {
            return wrong("contains a control character");
        }
        if path.len() > LONGEST_SOCKET {
            return wrong("is too long for the path of a socket");
        }
        Ok(Self::Unix(PathBuf::from(path)))
    }
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(&url.origin().ascii_serialization()),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

const UNIX: &str = "unix:";
/// `sun_path` of unix(7), without the final zero.
const LONGEST_SOCKET: usize = 107;
