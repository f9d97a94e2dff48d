//! `[listen]`: where the gateway listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::finding::ValueError;
use super::formats::{self, OneOrMany};
use super::values;

/// `[listen]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Listen {
    /// Address of the HTTPS listener, or a list: an IP address and a port, `unix:` and the absolute path of a
    /// socket, `systemd` for the sockets from socket activation, or `systemd:NAME` for those with that
    /// `FileDescriptorName=`.
    #[schemars(with = "OneOrMany<formats::ListenPlace>", extend("default" = "0.0.0.0:443"))]
    pub https: Vec<ListenAddress>,
    /// Permissions of Unix sockets, octal.
    #[schemars(with = "formats::OctalMode", extend("default" = "0660"))]
    pub unix_mode: u32,
    /// Expects a PROXY protocol header, version 1 or 2, at the start of every connection. Then only
    /// `trusted_proxies` may connect.
    #[schemars(extend("default" = false))]
    pub proxy_protocol: bool,
    /// PEM file with the certificate chain, the gateway's own certificate first.
    #[schemars(with = "formats::File", extend("add" = "certificate = \"certs/gateway.pem\""))]
    pub certificate: PathBuf,
    /// PEM file with the private key of `certificate`.
    #[schemars(with = "formats::PrivateFile", extend("add" = "private_key = \"certs/gateway.key\""))]
    pub private_key: PathBuf,
    /// Address of a plain-HTTP listener that redirects to https, or a list.
    #[serde(default)]
    #[schemars(with = "Option<OneOrMany<formats::SocketAddress>>", !default)]
    pub http_redirect: Vec<SocketAddr>,
    /// Address of the admin listener for metrics, sessions and health. Never use a public address.
    #[schemars(with = "Option<formats::SocketAddress>")]
    pub admin: Option<SocketAddr>,
    /// Networks of proxies whose `X-Forwarded-*`, `X-Request-Id` and `traceparent` are trusted, and that may
    /// ask `/ims/auth` who a person is.
    #[schemars(with = "Vec<formats::Network>", extend("default" = []))]
    pub trusted_proxies: Vec<IpNet>,
    /// Secret of at least 16 characters. A proxy that sends it in `X-Ims-Auth-Secret` may ask `/ims/auth` who
    /// a person is. Set it when that proxy has no fixed address.
    #[schemars(with = "Option<formats::HeaderSecret>", extend("writeOnly" = true))]
    pub forward_auth_secret: Option<SecretString>,
    /// Number of worker threads that serve requests. Default: one per core.
    #[serde(default = "cores")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 1024), !default)]
    pub workers: usize,
    /// Longest time that requests in flight may take to finish after SIGTERM.
    #[schemars(with = "formats::Span", extend("default" = "30s"))]
    pub drain_timeout: Duration,
    /// How long new connections are still accepted after SIGTERM, while `/ims/health/ready` answers 503. Set
    /// it behind a load balancer, to slightly more than it needs to notice.
    #[schemars(with = "formats::Span", extend("default" = "0s"))]
    pub shutdown_delay: Duration,
    /// How long browsers use only https for this host (`Strict-Transport-Security`, RFC 6797). `true` is a
    /// year; `false` or "0s" sends no header.
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
    /// `unix:` and the absolute path of a socket, which is created at the start and removed at the end.
    Unix(PathBuf),
    /// `systemd`: all sockets from socket activation (`sd_listen_fds(3)`); `systemd:NAME`: those with this `FileDescriptorName=`.
    Systemd(Option<String>),
}

impl TryFrom<String> for ListenAddress {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        if let Some(path) = text.strip_prefix("unix:") {
            // sun_path has room for 107 bytes and a final zero (unix(7)).
            let usable = Path::new(path).is_absolute() && !path.ends_with('/') && path.len() < 108;
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

/// `hsts = true`.
const YEAR: Duration = Duration::from_hours(365 * 24);

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
