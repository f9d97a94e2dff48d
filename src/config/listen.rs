//! `[listen]`: where the gateway listens.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::acme::Acme;
use super::address::ListenAddress;
use super::formats::{self, OneOrMany};

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
    /// Further certificates. A client gets one that has the name it asks for (SNI) and that it can verify: an ECDSA
    /// and an RSA certificate may have the same names.
    pub certificates: Vec<ListenCertificate>,
    /// Certificates from an ACME server, in place of `certificate` and `private_key`.
    pub acme: Acme,
    /// Address of a plain-HTTP listener that redirects to https, or a list.
    #[serde(default)]
    #[schemars(with = "Option<OneOrMany<formats::SocketAddress>>", !default)]
    pub http_redirect: Vec<SocketAddr>,
    /// Address of the admin listener for metrics, sessions and health. Never use a public address.
    #[schemars(with = "Option<formats::SocketAddress>")]
    pub admin: Option<SocketAddr>,
    /// Secret of at least 16 characters that opens the admin page, and that programs send as `Authorization: Bearer`
    /// to the admin listener. Without it the page is off, and everybody who reaches the listener can list and end sessions.
    #[schemars(with = "Option<formats::HeaderSecret>", extend("writeOnly" = true))]
    pub admin_token: Option<SecretString>,
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

/// One `[[listen.certificates]]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ListenCertificate {
    /// PEM file with the certificate chain, the gateway's own certificate first.
    #[schemars(with = "formats::File", extend("add" = "certificate = \"certs/other.pem\""))]
    pub certificate: PathBuf,
    /// PEM file with the private key of `certificate`.
    #[schemars(with = "formats::PrivateFile", extend("add" = "private_key = \"certs/other.key\""))]
    pub private_key: PathBuf,
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

impl Listen {
    /// Files of certificate and key: the first pair is for clients that name no known host.
    pub fn certificate_files(&self) -> impl Iterator<Item = (&Path, &Path)> {
        let first = (self.certificate.as_path(), self.private_key.as_path());
        let more =
            self.certificates.iter().map(|pair| (pair.certificate.as_path(), pair.private_key.as_path()));
        std::iter::once(first).chain(more)
    }
}
