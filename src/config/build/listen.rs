//! `[listen]`: where the gateway listens.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Check, Wrong, values};
use crate::config::address::ListenAddress;
use crate::config::checked::Listen;
use crate::config::raw::{DurationOrSwitch, RawListen};

pub(super) fn listen(check: &mut Check<'_>, raw: RawListen) -> Option<Listen> {
    let https = check.items("listen.https", raw.https.as_slice(), place);
    if https.as_ref().is_some_and(Vec::is_empty) {
        check.error(
            "listen.https",
            Wrong::new("is an empty list", "name at least one address, such as \"0.0.0.0:443\""),
        );
    }
    let certificate = check.required("listen.certificate", raw.certificate, "\"certs/gateway.pem\"");
    let certificate = check.path("listen.certificate", certificate);
    let private_key = check.required("listen.private_key", raw.private_key, "\"certs/gateway.key\"");
    let private_key = check.private_path("listen.private_key", private_key);
    let redirects = raw.http_redirect.as_ref().map_or(&[][..], |redirects| redirects.as_slice());
    let http_redirect = check.items("listen.http_redirect", redirects, socket);
    let admin = raw.admin.map(|text| check.value("listen.admin", &text, socket));
    if let Some(Some(admin)) = admin
        && !admin.ip().is_loopback()
    {
        check.warn(
            "listen.admin",
            "is not a loopback address: metrics and sessions are there for everybody who can reach it",
            "write \"127.0.0.1:9090\", unless a firewall closes it",
        );
    }
    let tcp: Vec<SocketAddr> = https.iter().flatten().filter_map(tcp).collect();
    let taken = tcp.iter().chain(http_redirect.iter().flatten());
    if let Some(Some(admin)) = admin
        && taken.into_iter().any(|public| collides(*public, admin))
    {
        check.error("listen.admin", Wrong::new("is also a public address", "give it a port of its own"));
    }
    if let Some(redirects) = &http_redirect
        && redirects.iter().any(|redirect| tcp.iter().any(|https| collides(*https, *redirect)))
    {
        check.error(
            "listen.http_redirect",
            Wrong::new("is also an address of listen.https", "give it another port"),
        );
    }
    let trusted_proxies = check.items("listen.trusted_proxies", &raw.trusted_proxies, network);
    if trusted_proxies.iter().flatten().any(|network| network.prefix_len() == 0) {
        check.warn(
            "listen.trusted_proxies",
            "believes everybody: any client could choose its address and with it its security zone",
            "name the addresses of your proxies alone",
        );
    }
    let forward_auth_secret =
        forward_auth_secret(check, raw.forward_auth_secret, raw.forward_auth_secret_file);
    let unix_mode = check.value("listen.unix_mode", &raw.unix_mode, mode);
    if raw.proxy_protocol && trusted_proxies.as_ref().is_some_and(Vec::is_empty) {
        check.error(
            "listen.proxy_protocol",
            Wrong::new(
                "lets nobody in: only trusted proxies may send a PROXY protocol header",
                "name them in listen.trusted_proxies",
            ),
        );
    }
    let drain_timeout = check.value("listen.drain_timeout", &raw.drain_timeout, values::duration);
    let shutdown_delay = check.value("listen.shutdown_delay", &raw.shutdown_delay, values::duration);
    let hsts = match &raw.hsts {
        DurationOrSwitch::Switch(true) => Some(YEAR),
        DurationOrSwitch::Switch(false) => Some(Duration::ZERO),
        DurationOrSwitch::Duration(text) => check.value("listen.hsts", text, values::duration),
    };
    Some(Listen {
        https: https?,
        unix_mode: unix_mode?,
        proxy_protocol: raw.proxy_protocol,
        certificate: certificate?,
        private_key: private_key?,
        http_redirect: http_redirect?,
        admin: match admin {
            Some(admin) => Some(admin?),
            None => None,
        },
        trusted_proxies: trusted_proxies?,
        forward_auth_secret,
        workers: raw.workers.map_or_else(cores, |workers| usize::try_from(workers).unwrap_or(1)),
        drain_timeout: drain_timeout?,
        shutdown_delay: shutdown_delay?,
        hsts: Some(hsts?).filter(|hsts| hsts.as_secs() > 0),
    })
}

/// A secret that fits into a header and cannot be guessed by trying.
fn forward_auth_secret(
    check: &mut Check<'_>,
    value: Option<SecretString>,
    file: Option<PathBuf>,
) -> Option<SecretString> {
    const KEY: &str = "listen.forward_auth_secret";
    let key = if value.is_some() { KEY } else { "listen.forward_auth_secret_file" };
    let secret = check.secret(KEY, value, file)?;
    let text = secret.expose_secret();
    if text.len() >= SHORTEST_SECRET && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(secret);
    }
    check.error(
        key,
        Wrong::new(
            format!("is shorter than {SHORTEST_SECRET} characters, or holds a space or another character than visible ASCII"),
            "make one with: openssl rand -hex 32",
        ),
    );
    None
}

/// What `hsts = true` means.
const YEAR: Duration = Duration::from_hours(365 * 24);

/// An address, a Unix socket, or systemd's.
fn place(text: &str) -> Result<ListenAddress, Wrong> {
    if let Some(path) = text.strip_prefix("unix:") {
        // sun_path has room for 107 bytes and a final zero (unix(7)).
        let usable = Path::new(path).is_absolute() && !path.ends_with('/') && path.len() < 108;
        let wrong =
            || Wrong::new("is not the absolute path of a socket", "write \"unix:/run/imsgate/https.sock\"");
        return if usable { Ok(ListenAddress::Unix(PathBuf::from(path))) } else { Err(wrong()) };
    }
    match text.strip_prefix("systemd") {
        Some("") => Ok(ListenAddress::Systemd(None)),
        Some(name) if name.len() > 1 && name.starts_with(':') => {
            Ok(ListenAddress::Systemd(Some(name[1..].to_owned())))
        }
        _ => socket(text).map(ListenAddress::Tcp),
    }
}

fn tcp(place: &ListenAddress) -> Option<SocketAddr> {
    match place {
        ListenAddress::Tcp(address) => Some(*address),
        _ => None,
    }
}

/// Permissions as `chmod` takes them.
fn mode(text: &str) -> Result<u32, Wrong> {
    let wrong = || Wrong::new("is not a mode", "write octal permissions such as \"0660\"");
    let octal = matches!(text.len(), 3 | 4) && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| octal && *mode <= 0o777);
    mode.ok_or_else(wrong)
}

fn socket(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(
            "is not an address with a port",
            "write an IP address and a port, such as \"0.0.0.0:443\" or \"[::]:443\"",
        )
    })
}

/// A network, or a single address as the smallest one.
fn network(text: &str) -> Result<IpNet, Wrong> {
    let single = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address)).ok();
    text.parse().ok().or_else(single).ok_or_else(|| {
        Wrong::new("is not a network", "write it as CIDR, such as \"10.0.0.0/8\", or as one address")
    })
}

/// True when both cannot be bound. Port 0 asks for any free one.
fn collides(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0
        && a.port() == b.port()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Characters of `listen.forward_auth_secret`.
const SHORTEST_SECRET: usize = 16;
