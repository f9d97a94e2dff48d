//! How Campaign sees a request: the client's address, the host and instance, the security zone.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Response, StatusCode};

use super::super::super::report::{CheckedKey, Item};
use super::probe::{Probe, SENTINEL};
use super::{HEALTH, UPSTREAM};
use crate::app::TechnicalCaller;
use crate::config::Places;
use crate::wire::health_page::HealthPage;

/// Whether Campaign takes the client's address from the gateway (`proxy=` in serverConf.xml).
pub(super) fn proxy(probe: &Probe, upstream: CheckedKey<'_>, page: &HealthPage) -> Item {
    let key = upstream.named("campaign.proxy");
    let name = probe.name();
    let address = page.source_ip.as_deref().map(|text| text.trim_matches(['[', ']']));
    let address = address.and_then(|text| text.parse::<IpAddr>().ok()).map(|address| address.to_canonical());
    match address {
        None => key.not_checked(format!("{name}{HEALTH} has no sourceIP"), ""),
        Some(SENTINEL) => key.ok(format!("{name} takes the client's address from this gateway")),
        Some(address) => {
            let whose = if probe.own_address == Some(address) {
                "this gateway's own address"
            } else {
                "the address of a machine between"
            };
            key.error(
                format!(
                    "{name} takes {address}, {whose}, for the address of every client: everybody gets its security zone"
                ),
                format!(
                    "add {address} to proxy= of the matching subNetwork and of <subNetwork name=\"all\"> in serverConf.xml, and restart Campaign"
                ),
            )
        }
    }
}

/// Whether Campaign receives the public host and selects an instance by it.
pub(super) fn host(probe: &Probe, upstream: CheckedKey<'_>, page: &HealthPage) -> Item {
    let key = upstream.named("campaign.host");
    let name = probe.name();
    let public = &probe.host;
    match (&page.host, &page.instance) {
        (None, _) => key.not_checked(
            format!("{name}{HEALTH} shows neither host nor instance (allowDebug is off in this zone)"),
            "",
        ),
        (Some(host), _) if !without_port(host).eq_ignore_ascii_case(without_port(public)) => key.error(
            format!("{name} receives the host {host} instead of {public}: something between changes it"),
            "let the machine between pass the Host header unchanged (nginx: proxy_set_header Host $host; Apache: ProxyPreserveHost On)",
        ),
        (Some(_), None) => no_instance(probe, upstream),
        (Some(_), Some(instance)) if instance == "default" => no_instance(probe, upstream),
        (Some(_), Some(instance)) => key.ok(format!("{name} chooses the instance {instance} for {public}")),
    }
}

/// Whether a server that shows no health page for the public host shows one for its own host name.
pub(super) async fn other_host(probe: &Probe, upstream: CheckedKey<'_>) -> Option<Item> {
    let answer = probe.get_inside(HEALTH).await.ok()?;
    HealthPage::parse(answer.body())?;
    Some(no_instance(probe, upstream))
}

/// Whether another host of this gateway leads to the same instance as the public host.
pub(super) fn other_instance(probe: &Probe, places: &Places, page: &HealthPage, other: &HealthPage) -> Item {
    match (&page.instance, &other.instance) {
        (Some(instance), Some(other)) if instance != other && other != "default" => {
            let message = format!(
                "{} chooses the instance {other} for {}, but {instance} for the public host",
                probe.name(),
                probe.host
            );
            let fix = "name only hosts of this instance in campaign.hosts, or correct the DNS masks of the instances";
            CheckedKey::new(places, "campaign.hosts").named("campaign.host").warning(message, fix)
        }
        _ => host(probe, CheckedKey::new(places, UPSTREAM), other),
    }
}

/// Servers that choose another instance for the public host than the first one. People would see two databases in turn.
pub(super) fn other_servers<'s>(
    mut servers: impl Iterator<Item = (&'s str, &'s str)>,
    upstream: CheckedKey<'_>,
) -> Vec<Item> {
    let key = upstream.named("campaign.host");
    let Some((first, instance)) = servers.next() else { return Vec::new() };
    let others = servers.filter(|(_, other)| *other != instance);
    let item = |(name, other): (&str, &str)| {
        let message = format!(
            "{name} chooses the instance {other} for the public host, but {first} chooses {instance}"
        );
        let fix = "name only servers of one Campaign instance in campaign.upstream, or correct the DNS masks of this server";
        key.error(message, fix)
    };
    others.map(item).collect()
}

/// The host is in no DNS mask.
pub(super) fn no_instance(probe: &Probe, upstream: CheckedKey<'_>) -> Item {
    let (name, host) = (probe.name(), without_port(&probe.host));
    upstream.named("campaign.host").error(
        format!("{name} has no instance for the host {host}"),
        format!(
            "add {host} to the DNS masks of the instance, or name the server of that instance in campaign.upstream"
        ),
    )
}

/// The security zone of a client from the internet. Campaign shows it only to a session, so the technical account asks for it.
pub(super) async fn zone(probe: &Probe, caller: Option<&TechnicalCaller>, upstream: CheckedKey<'_>) -> Item {
    let key = upstream.named("campaign.zone");
    let name = probe.name();
    let mut answer = probe.get(ZONES).await;
    if let (Some(caller), false) = (caller, answer.as_ref().is_ok_and(shows_flags)) {
        answer = caller.page(ZONES, SENTINEL).await;
    }
    let (why, fix) = if caller.is_some() {
        ("does not show the zone to the technical account", "")
    } else {
        ("needs a session", "add [[campaign.technical_account]] with client_id and client_secret_file")
    };
    match answer {
        Ok(answer) if shows_flags(&answer) => {
            let flags = flags(answer.body());
            let open: Vec<&str> = flags
                .iter()
                .filter(|(name, on)| *on && RISKY.contains(&&**name))
                .map(|(name, _)| &**name)
                .collect();
            if open.is_empty() {
                key.ok(format!("{name}: the security zone of the internet has no risky switch on"))
            } else {
                let open = open.join(", ");
                key.warning(
                    format!("{name}: the security zone of the internet has {open} on"),
                    "turn it off in serverConf.xml for zones that hold addresses of the internet",
                )
            }
        }
        Ok(answer) => {
            key.not_checked(format!("{name}{ZONES} {why} (status {})", answer.status().as_u16()), fix)
        }
        Err(error) => key.not_checked(format!("{name}{ZONES}: {error}"), ""),
    }
}

fn shows_flags(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::OK && !flags(answer.body()).is_empty()
}

/// The switches `name=true` or `name="false"` in a text.
fn flags(body: &[u8]) -> Vec<(String, bool)> {
    let text = String::from_utf8_lossy(body);
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '/' | ',' | ';'));
    words
        .filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            let value = value.trim_matches(['"', '\'']).parse().ok()?;
            Some((name.to_owned(), value))
        })
        .collect()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

const ZONES: &str = "/nl/jsp/ping.jsp?zones=true";
/// Switches that a zone with internet addresses should not have on.
const RISKY: [&str; 5] = ["allowHTTP", "allowDebug", "allowEmptyPassword", "sessionTokenOnly", "showErrors"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switches_of_a_zone_are_read_from_text_and_from_xml() {
        let on = ("allowHTTP".to_owned(), true);
        let off = ("sessionTokenOnly".to_owned(), false);
        assert_eq!(
            flags(b"OK\nsourceIP=192.0.2.1 zone=public allowHTTP=true sessionTokenOnly=false\n"),
            [on.clone(), off.clone()]
        );
        assert_eq!(flags(b"<zone name='public' allowHTTP=\"true\" sessionTokenOnly='false'/>"), [on, off]);
        assert!(flags(b"<html>no</html>").is_empty());
    }

    #[test]
    fn a_port_is_no_part_of_the_host() {
        for (host, name) in
            [("a.example:443", "a.example"), ("a.example", "a.example"), ("[::1]:8443", "[::1]")]
        {
            assert_eq!(without_port(host), name);
        }
    }
}
