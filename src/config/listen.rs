//! `[listen]`: where the gateway listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::finding::Wrong;
use super::formats::{self, OneOrMany};
use super::values;

/// `[listen]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Listen {
    /// Address of the HTTPS listener, `unix:` with the absolute path of a socket, `systemd` for sockets handed over by
    /// socket activation (`systemd:NAME` for those of that `FileDescriptorName=`), or a list of several.
    #[schemars(with = "OneOrMany<formats::ListenPlace>", extend("default" = "0.0.0.0:443"))]
    pub https: Vec<ListenAddress>,
    /// Permissions of Unix sockets, octal.
    #[schemars(with = "formats::OctalMode", extend("default" = "0660"))]
    pub unix_mode: u32,
    /// Whether every connection begins with a PROXY protocol header, version 1 or 2. Only `trusted_proxies` may connect
    /// then.
    #[schemars(extend("default" = false))]
    pub proxy_protocol: bool,
    /// PEM file with the certificate chain, the gateway's own certificate first.
    #[schemars(with = "formats::File", extend("add" = "certificate = \"certs/gateway.pem\""))]
    pub certificate: PathBuf,
    /// PEM file with the private key.
    #[schemars(with = "formats::PrivateFile", extend("add" = "private_key = \"certs/gateway.key\""))]
    pub private_key: PathBuf,
    /// Address of a plain-HTTP listener that only redirects to https, or a list of several.
    #[serde(default)]
    #[schemars(with = "Option<OneOrMany<formats::SocketAddress>>", !default)]
    pub http_redirect: Vec<SocketAddr>,
    /// Address of the admin listener (metrics, sessions, health); never a public one.
    #[schemars(with = "Option<formats::SocketAddress>")]
    pub admin: Option<SocketAddr>,
    /// Networks of peers whose forwarding headers are believed, and to whom `/ims/auth` tells who a person is.
    #[schemars(with = "Vec<formats::Network>", extend("default" = []))]
    pub trusted_proxies: Vec<IpNet>,
    /// Secret that a proxy sends to `/ims/auth` in `X-Ims-Auth-Secret` to hear who a person is. At least 16 characters.
    #[schemars(with = "Option<formats::HeaderSecret>", extend("writeOnly" = true))]
    pub forward_auth_secret: Option<SecretString>,
    /// Number of request runtimes. Default: one a core.
    #[serde(default = "cores")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 1024), !default)]
    pub workers: usize,
    /// How long requests in flight may go on after SIGTERM.
    #[schemars(with = "formats::Span", extend("default" = "30s"))]
    pub drain_timeout: Duration,
    /// How long new connections are still served after SIGTERM, while `/ims/health/ready` answers 503 already.
    #[schemars(with = "formats::Span", extend("default" = "0s"))]
    pub shutdown_delay: Duration,
    /// How long browsers use https only for this host (`Strict-Transport-Security`, RFC 6797), or `true` for a year, `false` or "0s"
    /// for no such header.
    #[serde(deserialize_with = "hsts")]
    #[schemars(with = "Hsts", extend("default" = "365d"))]
    pub hsts: Option<Duration>,
}

/// One entry of `listen.https`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ListenAddress {
    /// An IP address and a port; port 0 takes any free one.
    Tcp(SocketAddr),
    /// `unix:` and the absolute path of a socket, which is made at the start and removed at the end.
    Unix(PathBuf),
    /// `systemd`: every socket handed over by socket activation (`sd_listen_fds(3)`); `systemd:NAME`: those with this
    /// `FileDescriptorName=`.
    Systemd(Option<String>),
}

impl TryFrom<String> for ListenAddress {
    type Error = Wrong;

    fn try_from(text: String) -> Result<Self, Wrong> {
        if let Some(path) = text.strip_prefix("unix:") {
            // sun_path has room for 107 bytes and a final zero (unix(7)).
            let usable = Path::new(path).is_absolute() && !path.ends_with('/') && path.len() < 108;
            let wrong = || {
                Wrong::new("is not the absolute path of a socket", "write \"unix:/run/imsgate/https.sock\"")
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
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(None) => f.write_str("systemd"),
            Self::Systemd(Some(name)) => write!(f, "systemd:{name}"),
        }
    }
}

/// `listen.hsts`: a duration, or on or off.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Hsts {
    Duration(#[schemars(with = "formats::Span")] Duration),
    Switch(bool),
}

fn hsts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let duration = match Hsts::deserialize(deserializer)? {
        Hsts::Duration(duration) => duration,
        Hsts::Switch(true) => YEAR,
        Hsts::Switch(false) => Duration::ZERO,
    };
    Ok(Some(duration).filter(|duration| duration.as_secs() > 0))
}

/// What `hsts = true` means.
const YEAR: Duration = Duration::from_hours(365 * 24);

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
