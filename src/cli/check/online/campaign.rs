//! Campaign: whether each upstream is Campaign, and how it sees a request that comes through the gateway.

mod origin;
mod probe;

use http::StatusCode;

use self::probe::{Probe, is_soap};
use super::super::report::{CheckedKey, Item};
use super::external_account::{self, Callers};
use crate::app::TechnicalCaller;
use crate::campaign::fault;
use crate::config::{Campaign, Instance, Places, SessionMode};
use crate::policy::campaign_version::{BearerSupport, bearer_support};
use crate::wire::health_page::HealthPage;

/// Findings about every Campaign server.
pub(super) async fn check(instance: &Instance, callers: &Callers, places: &Places) -> Vec<Item> {
    let upstream = CheckedKey::new(places, UPSTREAM);
    let endpoints = match crate::app::endpoints(&instance.campaign) {
        Ok(endpoints) => endpoints,
        Err(error) => {
            let fix = "correct campaign.ca_file, campaign.client_certificate or campaign.client_key";
            return vec![upstream.named("campaign.health").error(error.to_string(), fix)];
        }
    };
    let mut servers = Vec::new();
    for endpoint in &endpoints {
        servers.push(CheckedServer::ask(instance, Probe::new(instance, endpoint)).await);
    }
    let all_down = servers.iter().all(|server| server.health.is_err());
    let mut items = Vec::new();
    for server in &servers {
        let caller =
            external_account::accepted(callers).find(|caller| caller.server() == server.probe.name());
        items.extend(server.findings(places, all_down, caller).await);
        items.extend(server.other_hosts(places).await);
    }
    items.extend(origin::other_servers(servers.iter().filter_map(CheckedServer::instance), upstream));
    items
}

/// One Campaign server and its answers.
struct CheckedServer<'a> {
    campaign: &'a Campaign,
    probe: Probe,
    /// The answer to `/r/test`.
    health: Result<(StatusCode, Option<HealthPage>), String>,
}

impl<'a> CheckedServer<'a> {
    async fn ask(instance: &'a Instance, probe: Probe) -> Self {
        let answer = probe.get(HEALTH).await;
        let health = answer.map(|answer| (answer.status(), HealthPage::parse(answer.body())));
        Self { campaign: &instance.campaign, probe, health }
    }

    async fn findings(&self, places: &Places, all_down: bool, caller: Option<&TechnicalCaller>) -> Vec<Item> {
        let upstream = CheckedKey::new(places, UPSTREAM);
        let name = self.probe.name();
        let (status, page) = match &self.health {
            Ok((status, page)) => (*status, page),
            Err(error) => {
                let message = format!("cannot reach {name}{HEALTH}: {error}");
                let fix =
                    "check that Campaign runs at this address and that its firewall allows this machine";
                let health = upstream.named("campaign.health");
                let item = if all_down { health.error(message, fix) } else { health.warning(message, fix) };
                return vec![item];
            }
        };
        let soap = self.soap(upstream).await;
        let is_campaign = page.is_some() || soap.fix.is_empty();
        let mut items = vec![self.health(upstream, status, page.as_ref())];
        match page {
            Some(page) => {
                items.push(origin::proxy(&self.probe, upstream, page));
                items.push(origin::host(&self.probe, upstream, page));
                items.push(self.build(places, page));
            }
            None if is_campaign => {
                let reason = format!("{name}{HEALTH} says it, and this server has no such page");
                for id in ["campaign.proxy", "campaign.host", "campaign.build"] {
                    items.push(upstream.named(id).not_checked(&*reason, ""));
                }
            }
            None => items.extend(origin::other_host(&self.probe, upstream).await),
        }
        items.push(soap);
        if is_campaign {
            items.push(origin::zone(&self.probe, caller, upstream).await);
        }
        items
    }

    /// The name of the server, and of the instance that it selects for the public host.
    fn instance(&self) -> Option<(&str, &str)> {
        let (_, page) = self.health.as_ref().ok()?;
        Some((self.probe.name(), page.as_ref()?.instance.as_deref()?))
    }

    /// Which instance the server selects for the other hosts of this gateway.
    async fn other_hosts(&self, places: &Places) -> Vec<Item> {
        let Ok((_, Some(page))) = &self.health else { return Vec::new() };
        let mut items = Vec::new();
        for host in &self.campaign.hosts {
            let probe = self.probe.with_host(host);
            let Ok(answer) = probe.get(HEALTH).await else { continue };
            items.push(match HealthPage::parse(answer.body()) {
                Some(of_host) => origin::other_instance(&probe, places, page, &of_host),
                None => origin::no_instance(&probe, CheckedKey::new(places, UPSTREAM)),
            });
        }
        items
    }

    fn health(&self, upstream: CheckedKey<'_>, status: StatusCode, page: Option<&HealthPage>) -> Item {
        let health = upstream.named("campaign.health");
        let url = format!("{}{HEALTH}", self.probe.name());
        match page {
            Some(page) if page.is_ok() && status == StatusCode::OK => {
                let build = page.build.as_ref().map_or_else(String::new, |build| format!(", build {build}"));
                health.ok(format!("{url} answers OK{build}"))
            }
            Some(page) => health.warning(
                format!("{url} says status='{}' (HTTP status {})", page.status, status.as_u16()),
                "look into Campaign's own logs",
            ),
            None => health.not_checked(
                format!(
                    "{url} answers with status {}, but it is not Campaign's health page",
                    status.as_u16()
                ),
                "name the port of the web server with Campaign's redirection module, not Tomcat's own port, if there is one",
            ),
        }
    }

    /// An anonymous call that changes nothing. Every Campaign answers it with SOAP, at least with a fault.
    async fn soap(&self, upstream: CheckedKey<'_>) -> Item {
        let (soap, name) = (upstream.named("campaign.soap"), self.probe.name());
        match self.probe.server_time().await {
            Err(error) => soap.error(
                format!("the SOAP router of {name} did not answer: {error}"),
                "check that Campaign runs at this address",
            ),
            Ok(answer) if !is_soap(answer.body()) => soap.error(
                format!(
                    "{name} is not Campaign: /nl/jsp/soaprouter.jsp answers a SOAP call with status {} and no SOAP",
                    answer.status().as_u16()
                ),
                "correct campaign.upstream; it names the web server of the Campaign instance",
            ),
            Ok(answer) => match fault(answer.body()) {
                Some(fault) if ZONE_CODES.iter().any(|code| fault.contains(code)) => soap.warning(
                    format!("{name} refuses people from an address of the internet: {fault}"),
                    "if people sign in from outside, add their networks to a security zone in serverConf.xml",
                ),
                _ => soap.ok(format!("the SOAP router of {name} answers")),
            },
        }
    }

    fn build(&self, places: &Places, page: &HealthPage) -> Item {
        let key = CheckedKey::new(places, "campaign.session").named("campaign.build");
        let known = match (&page.version, &page.build) {
            (Some(version), Some(build)) => format!("version {version}, build {build}"),
            (Some(version), None) => format!("version {version}"),
            (None, Some(build)) => format!("build {build}"),
            (None, None) => {
                let reason = "the health page does not show the build (allowDebug is off in this zone)";
                return key.not_checked(reason, "");
            }
        };
        match (
            self.campaign.session,
            bearer_support(page.version.as_deref(), page.build.as_deref()),
        ) {
            (SessionMode::Bearer, BearerSupport::No) => key.error(
                format!("{known} is too old for \"bearer\", which needs 8.5.1, 7.4.1 or 7.3.5"),
                "write session = \"bearer-logon\"",
            ),
            (SessionMode::Bearer, BearerSupport::Unknown) => key.not_checked(
                format!(
                    "{known} does not say whether it knows \"bearer\" (8.5.1, 7.4.1, 7.3.5, 7.3.2.IMS, 7.3.3.IMS)"
                ),
                "if Campaign refuses people after their sign-in, write session = \"bearer-logon\"",
            ),
            _ => key.ok(format!("{known} fits this mode")),
        }
    }
}

const UPSTREAM: &str = "campaign.upstream";
const HEALTH: &str = "/r/test";
/// The client's address is in no security zone, or the zone does not allow it.
const ZONE_CODES: [&str; 2] = ["XSV-350013", "XSV-350014"];
