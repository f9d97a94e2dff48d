//! `imsgate check` reports how Campaign sees a request that comes through the gateway.

use std::net::{IpAddr, Ipv4Addr};

use imsgate::demo::campaign::{CampaignOptions, CampaignSimulator, Zone};
use imsgate::demo::faults::{FaultFrequency, InjectedResponse};

use crate::support::Checked;

#[tokio::test]
async fn a_good_server_takes_address_host_and_instance_from_the_gateway() {
    let world = Checked::good().await;
    for id in ["campaign.health", "campaign.soap", "campaign.proxy", "campaign.host", "campaign.build"] {
        world.finding(id, "ok").await;
    }
    let proxy = world.finding("campaign.proxy", "ok").await;
    assert!(proxy.message().contains("takes the client's address from this gateway"), "{proxy:?}");
    // It asks as somebody from the internet, with the public host, and opens no session.
    let request =
        world.campaign.requests().into_iter().find(|request| request.path_and_query == "/r/test").unwrap();
    assert_eq!(request.header("x-forwarded-for"), Some("192.0.2.1"));
    assert_eq!(request.header("host"), Some(&*format!("localhost:{}", world.port)));
    assert!(world.campaign.sessions().is_empty());
}

#[tokio::test]
async fn a_gateway_that_is_not_in_proxy_is_recognised_by_its_own_address() {
    let world = Checked::start(|_| {}, |campaign| campaign.proxies.clear()).await;
    let finding = world.finding("campaign.proxy", "error").await;
    assert!(finding.message().contains("takes 127.0.0.1, this gateway's own address"), "{finding:?}");
    assert!(finding.fix().contains("add 127.0.0.1 to proxy="), "{finding:?}");
}

#[tokio::test]
async fn a_campaign_on_the_wrong_host_is_named() {
    let world = Checked::start(|_| {}, |campaign| campaign.dns_mask = "127.0.0.1*".to_owned()).await;
    let finding = world.finding("campaign.host", "error").await;
    assert!(finding.message().contains("no instance for the host localhost"), "{finding:?}");
    assert!(finding.fix().contains("add localhost to the DNS masks"), "{finding:?}");
}

#[tokio::test]
async fn an_upstream_that_is_not_campaign_is_named() {
    let world = Checked::good().await;
    world.campaign.faults().answer(FaultFrequency::Always, InjectedResponse::Html);
    let finding = world.finding("campaign.soap", "error").await;
    assert!(finding.message().contains("is not Campaign"), "{finding:?}");
    assert!(finding.fix().contains("campaign.upstream"), "{finding:?}");
}

#[tokio::test]
async fn a_campaign_that_is_away_is_named() {
    let world = Checked::good().await;
    world.campaign.stop().await;
    let finding = world.finding("campaign.health", "error").await;
    assert!(finding.message().contains("cannot reach http://127.0.0.1"), "{finding:?}");
}

#[tokio::test]
async fn an_old_build_does_not_fit_the_mode_bearer() {
    let world = Checked::good().await;
    world.replace("[session]", "session = \"bearer\"\n[session]");
    let finding = world.finding("campaign.build", "error").await;
    assert!(finding.message().contains("build 9219 is too old"), "{finding:?}");
    assert!(finding.fix().contains("bearer-logon"), "{finding:?}");
}

#[tokio::test]
async fn tomcat_without_the_redirection_module_is_campaign_but_leaves_questions() {
    let world = Checked::start(|_| {}, |campaign| campaign.redirection_module = false).await;
    world.finding("campaign.soap", "ok").await;
    for id in ["campaign.health", "campaign.proxy", "campaign.host", "campaign.build"] {
        world.finding(id, "not-checked").await;
    }
}

#[tokio::test]
async fn a_zone_that_hides_details_or_refuses_the_internet_is_said_so() {
    let hides = |zone: &mut Zone| zone.allow_debug = false;
    let world = Checked::start(|_| {}, move |campaign| hides(&mut campaign.zones[0])).await;
    world.finding("campaign.proxy", "ok").await;
    world.finding("campaign.host", "not-checked").await;
    let world = Checked::start(
        |_| {},
        |campaign| campaign.zones[0].networks = vec![IpAddr::from(Ipv4Addr::LOCALHOST).into()],
    )
    .await;
    let finding = world.finding("campaign.soap", "warning").await;
    assert!(finding.message().contains("XSV-350014"), "{finding:?}");
    assert!(finding.message().contains(&world.campaign.url()), "{finding:?}");
}

#[tokio::test]
async fn the_security_zone_shows_to_a_technical_account() {
    let world = Checked::good().await;
    let finding = world.finding("campaign.zone", "not-checked").await;
    assert!(finding.message().contains("needs a session"), "{finding:?}");
    assert!(finding.fix().contains("[[campaign.technical_account]]"), "{finding:?}");

    world.with_technical_account();
    let finding = world.finding("campaign.zone", "warning").await;
    assert!(finding.message().contains("allowHTTP, allowDebug on"), "{finding:?}");
    let asked = world.campaign.requests();
    let asked =
        asked.iter().rfind(|request| request.path_and_query == "/nl/jsp/ping.jsp?zones=true").unwrap();
    assert_eq!(asked.header("x-forwarded-for"), Some("192.0.2.1"));
    assert!(world.campaign.sessions().is_empty(), "the session was logged off");

    let closed = |zone: &mut Zone| (zone.allow_http, zone.allow_debug) = (false, false);
    let world = Checked::start(|_| {}, move |campaign| closed(&mut campaign.zones[0])).await;
    world.with_technical_account();
    world.finding("campaign.zone", "ok").await;
}

#[tokio::test]
async fn every_host_of_the_gateway_must_lead_to_the_instance() {
    let world = Checked::start(|_| {}, |campaign| campaign.dns_mask = "localhost*".to_owned()).await;
    world.replace("[campaign]", "[campaign]\nhosts = [\"tracking.example.com\"]");
    let finding = world.finding("campaign.host", "error").await;
    assert!(finding.message().contains("no instance for the host tracking.example.com"), "{finding:?}");
    world.finding("campaign.host", "ok").await;
}

#[tokio::test]
async fn servers_of_different_instances_are_named() {
    let world = Checked::good().await;
    let first = world.campaign.url();
    let start = async |instance: &str| {
        let options = CampaignOptions { instance: instance.to_owned(), ..CampaignOptions::default() };
        CampaignSimulator::start(options).await.unwrap()
    };
    let (same, other) = (start("acme").await, start("stage").await);
    world.replace(
        &format!("upstream = \"{first}\""),
        &format!("upstream = [\"{first}\", \"{}\", \"{}\"]", same.url(), other.url()),
    );
    let all = world.findings(&[]).await;
    let wrong: Vec<_> = all
        .iter()
        .filter(|finding| finding.id() == "campaign.host" && finding.severity() == "error")
        .map(|finding| (finding.message(), finding.fix()))
        .collect();
    assert_eq!(wrong.len(), 1, "{all:?}");
    let said =
        format!("{} chooses the instance stage for the public host, but {first} chooses acme", other.url());
    assert_eq!(wrong[0].0, said);
    assert!(wrong[0].1.contains("campaign.upstream"), "{wrong:?}");
}

#[tokio::test]
async fn every_upstream_is_asked() {
    let world = Checked::good().await;
    let options = CampaignOptions {
        ims: Some(world.ims.url()),
        groups: vec!["delivery".to_owned()],
        dns_mask: "other.example.com".to_owned(),
        ..CampaignOptions::default()
    };
    let second = CampaignSimulator::start(options.clone()).await.unwrap();
    let first = world.campaign.url();
    let both = format!("upstream = [\"{first}\", \"{}\"]", second.url());
    world.replace(&format!("upstream = \"{first}\""), &both);
    world.with_technical_account();
    let all = world.findings(&[]).await;
    let of = |id: &str, server: &str, severity: &str| {
        let mut all = all.iter().filter(|finding| finding.id() == id && finding.severity() == severity);
        assert!(all.any(|finding| finding.message().contains(server)), "{id} {severity} {server}: {all:?}");
    };
    of("campaign.technical_account", &first, "ok");
    of("campaign.technical_account", &second.url(), "warning");
    of("campaign.secure_header", &first, "ok");
    of("campaign.soap", &second.url(), "error");
    let (_, said, _) = world.run(&["groups", "--config", "imsgate.toml"]).await;
    assert!(said.contains(&format!("{} was not asked", second.url())), "{said}");
    assert!(second.sessions().is_empty() && world.campaign.sessions().is_empty());

    let third =
        CampaignSimulator::start(CampaignOptions { dns_mask: "*".to_owned(), ..options }).await.unwrap();
    world.replace(&second.url(), &third.url());
    let finding = world.finding("campaign.groups", "warning").await;
    assert!(finding.message().contains(&format!("{} has other operator groups", third.url())), "{finding:?}");
    let (_, said, _) = world.run(&["groups", "--config", "imsgate.toml"]).await;
    assert!(said.contains("has other operator groups than the first server"), "{said}");
    assert!(third.sessions().is_empty() && world.campaign.sessions().is_empty(), "sessions were logged off");
}
