//! `imsgate check` finds out what Campaign makes of a request that comes through the gateway.

use std::net::{IpAddr, Ipv4Addr};

use imsgate::demo::campaign::Zone;
use imsgate::demo::faults::{Answer, Times};

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
    world.campaign.faults().answer(Times::Always, Answer::Html);
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
