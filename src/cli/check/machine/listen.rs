//! Whether the gateway's addresses are free, or used by the gateway itself.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use rustls::pki_types::ServerName;

use super::super::account::{Account, Wish};
use super::super::report::{CheckedKey, Item};
use super::super::running::Running;
use crate::config::{Config, ListenAddress, Places};
use crate::http_client::{Dialer, Endpoint, Target, tls_config};
use crate::server::control_runtime;

/// Findings about every address of `[listen]`.
pub(super) fn check(
    config: &Config,
    places: &Places,
    user: &Account,
    running: Option<&Running>,
) -> Vec<Item> {
    let about = |key| CheckedKey::new(places, key);
    let listens = |key: &str| running.is_some_and(|running| running.listens(key));
    let mut items = Vec::new();
    // The program that holds the HTTPS port holds the others too.
    let mut is_running = false;
    for address in &config.listen.https {
        items.push(match address {
            ListenAddress::Tcp(address) => {
                let is_ours = |address| {
                    is_running |= answers(config, address);
                    is_running || listens("listen.https")
                };
                port(about("listen.https"), *address, user, is_ours)
            }
            ListenAddress::Unix(path) => socket(about("listen.https"), path, user),
            ListenAddress::Systemd(_) => about("listen.https").not_checked("systemd opens this socket", ""),
        });
    }
    for address in &config.listen.http_redirect {
        items.push(port(about("listen.http_redirect"), *address, user, |_| {
            is_running || listens("listen.http_redirect")
        }));
    }
    if let Some(address) = config.listen.admin {
        items.push(port(about("listen.admin"), address, user, |_| is_running || listens("listen.admin")));
    }
    items
}

fn port(
    key: CheckedKey<'_>,
    address: SocketAddr,
    user: &Account,
    is_ours: impl FnOnce(SocketAddr) -> bool,
) -> Item {
    let privileged = format!(
        "add AmbientCapabilities=CAP_NET_BIND_SERVICE to the unit of the service, or use a port from {} on",
        first_free_port()
    );
    let error = match TcpListener::bind(address) {
        Ok(_) if address.port() != 0 && address.port() < first_free_port() && !user.is_root() => {
            if let Some(unit) = UNITS.iter().find(|unit| unit_allows(unit, &user.name)) {
                return key.ok(format!("{address} is free; {unit} lets {} use it", user.name));
            }
            let message = format!("{address} is free, but user {} needs a capability for it", user.name);
            return key.warning(message, privileged);
        }
        Ok(_) => return key.ok(format!("{address} is free")),
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::AddrInUse if is_ours(address) => {
            key.ok(format!("{address} is in use by a running imsgate"))
        }
        io::ErrorKind::AddrInUse => key.error(
            format!("{address} is in use by another program"),
            format!(
                "stop that program (`ss -ltnp 'sport = :{}'` names it), or write another address",
                address.port()
            ),
        ),
        io::ErrorKind::AddrNotAvailable => key.error(
            format!("this machine has no address {}", address.ip()),
            "write an address of this machine, or 0.0.0.0 for all",
        ),
        io::ErrorKind::PermissionDenied => {
            key.error(format!("user {} may not listen on {address}", user.name), privileged)
        }
        _ => key.error(format!("cannot listen on {address}: {error}"), "write another address"),
    }
}

/// True if this file is a unit of systemd that runs as this user and may use every port.
fn unit_allows(unit: &str, user: &str) -> bool {
    std::fs::read_to_string(unit).is_ok_and(|text| gives_capability(&text, user))
}

fn gives_capability(unit: &str, user: &str) -> bool {
    let has = |key: &str, wanted: &str| {
        let values = unit.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        values.flat_map(str::split_whitespace).any(|value| value == wanted)
    };
    has("User", user) && has("AmbientCapabilities", "CAP_NET_BIND_SERVICE")
}

fn socket(key: CheckedKey<'_>, path: &Path, user: &Account) -> Item {
    let folder = path.parent().unwrap_or(path);
    match user.check(folder, &[Wish::Write, Wish::Search]) {
        Ok(()) => key.ok(format!("{} can be made", path.display())),
        Err((at, why)) => key.error(
            format!("the socket {} cannot be made: {}: {why}", path.display(), at.display()),
            "write RuntimeDirectory= in the unit of the service, or name another folder",
        ),
    }
}

/// The lowest port that needs no capability.
fn first_free_port() -> u16 {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1024)
}

/// True if the gateway of this configuration answers there.
fn answers(config: &Config, address: SocketAddr) -> bool {
    let ask = async {
        let of_signed_in =
            config.instances.iter().filter_map(|instance| instance.ims.callback_server.host_str());
        let of_public = config.public_instances.iter().flat_map(|instance| &instance.campaign.hosts);
        let host = of_signed_in.chain(of_public.map(String::as_str)).next()?.to_owned();
        let here = match address.ip() {
            ip if !ip.is_unspecified() => ip,
            ip if ip.is_ipv4() => std::net::Ipv4Addr::LOCALHOST.into(),
            _ => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        // The gateway's own certificate is trusted, whoever issued it.
        let tls = Arc::new(tls_config(Some(&config.listen.certificate), None).ok()?);
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok()?;
        let dialer = Dialer::new(Target::Tcp(here.to_string(), address.port()), WAIT).with_tls(tls, name);
        let endpoint = Endpoint::new("the gateway", HeaderValue::from_str(&host).ok()?, dialer);
        let request = Request::get("/ims/health/live").body(Bytes::new()).ok()?;
        let answer = endpoint.send(request, WAIT).await.ok()?;
        Some(answer.status() == StatusCode::OK && answer.body().as_ref() == b"ok\n")
    };
    control_runtime().is_ok_and(|runtime| runtime.block_on(ask) == Some(true))
}

const WAIT: Duration = Duration::from_secs(3);

/// Where the unit of the service can be; systemd takes the first.
const UNITS: [&str; 3] = [
    "/etc/systemd/system/imsgate.service",
    "/usr/lib/systemd/system/imsgate.service",
    "/lib/systemd/system/imsgate.service",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_the_package_allows_its_user_every_port_and_nobody_else() {
        let unit = include_str!("../../../../packaging/systemd/imsgate.service");
        assert!(gives_capability(unit, "imsgate"));
        assert!(!gives_capability(unit, "nobody"));
        assert!(!gives_capability(&unit.replace("AmbientCapabilities", "CapabilityBoundingSet"), "imsgate"));
        assert!(!gives_capability(&unit.replace("User=", "# User="), "imsgate"));
    }
}
