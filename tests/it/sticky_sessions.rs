//! With several Campaign servers, a person's requests go to the server of the Campaign session while it is healthy.

use std::sync::Arc;

use imsgate::config::{CheckMode, SessionMode, Upstream as Configured};
use imsgate::demo::campaign::{CampaignOptions, CampaignSimulator};
use imsgate::demo::ims::TechnicalClient;

use crate::support::account::{self, bearer_logon, with_account};
use crate::support::request::RawRequest;
use crate::support::{Builder, World};

/// A gateway in front of its own simulator and another one that asks the same IMS.
async fn two_servers() -> (World, Arc<CampaignSimulator>) {
    two_servers_in(SessionMode::BearerLogon).await
}

async fn two_servers_in(mode: SessionMode) -> (World, Arc<CampaignSimulator>) {
    two_servers_with(World::builder().session_mode(mode)).await
}

async fn two_servers_with(builder: Builder) -> (World, Arc<CampaignSimulator>) {
    let second = CampaignSimulator::start(CampaignOptions::default()).await.unwrap();
    let (url, second) = (second.url(), Arc::new(second));
    let world = builder
        .instance(move |instance| {
            instance.campaign.upstreams.push(Configured { weight: 1, ..url.parse().unwrap() });
            instance.campaign.health.mode = CheckMode::Off;
        })
        .start()
        .await;
    second.ask_ims(&world.ims.url());
    (world, second)
}

fn pages(campaign: &CampaignSimulator) -> usize {
    campaign.requests().iter().filter(|request| request.path_and_query.starts_with("/view/home")).count()
}

#[tokio::test]
async fn a_session_stays_with_its_server_and_is_logged_off_there() {
    let (world, second) = two_servers().await;
    let mut people = Vec::new();
    for _ in 0..4 {
        people.push(world.signed_in("alice").await);
    }
    assert_eq!((world.campaign.sessions().len(), second.sessions().len()), (2, 2), "weights decide");
    for person in &people {
        let (here, there) = (pages(&world.campaign), pages(&second));
        for _ in 0..5 {
            let request = RawRequest::get("/view/home").session(&person.session().unwrap());
            assert_eq!(request.send_to(&world).await.status(), 200);
        }
        let spread = (pages(&world.campaign) - here, pages(&second) - there);
        assert!(spread == (5, 0) || spread == (0, 5), "{spread:?}");
    }
    for person in &people {
        let logout = http::Request::post("/ims/logout").header("origin", &world.origin);
        person.request(logout.body(bytes::Bytes::new()).unwrap()).await;
    }
    assert_eq!((world.campaign.logoffs().len(), second.logoffs().len()), (2, 2));
    world.stop().await;
}

#[tokio::test]
async fn without_a_campaign_session_a_person_stays_with_one_server_too() {
    for mode in [SessionMode::Bearer, SessionMode::Headers] {
        let (world, second) = two_servers_in(mode).await;
        let mut servers = [0, 0];
        for _ in 0..12 {
            let person = world.signed_in("alice").await.session().unwrap();
            let (here, there) = (pages(&world.campaign), pages(&second));
            for _ in 0..4 {
                RawRequest::get("/view/home").session(&person).send_to(&world).await;
            }
            let spread = (pages(&world.campaign) - here, pages(&second) - there);
            assert!(spread == (4, 0) || spread == (0, 4), "{mode:?} {spread:?}");
            servers[usize::from(spread.0 == 0)] += 1;
        }
        assert!(servers[0] > 0 && servers[1] > 0, "people are spread: {servers:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn when_its_server_is_away_a_session_goes_on_at_another() {
    let (world, second) = two_servers().await;
    let (one, two) = (world.signed_in("alice").await, world.signed_in("alice").await);
    assert_eq!(second.sessions().len(), 1);
    second.stop().await;
    for person in [&one, &two] {
        let request = RawRequest::get("/view/home").session(&person.session().unwrap()).navigation();
        assert_eq!(request.send_to(&world).await.status(), 200);
        assert_eq!(request.send_to(&world).await.status(), 200);
    }
    assert_eq!(world.campaign.sessions().len(), 2, "a new Campaign session at the server that is left");
    world.stop().await;
}

#[tokio::test]
async fn a_technical_account_stays_with_one_server_with_each_token_and_with_a_session_of_its_own() {
    let clients = ["report-robot", "robot-2", "robot-3", "robot-4", "robot-5", "robot-6"];
    let known = with_account(|_| {})
        .ims(move |ims| {
            let client = |id: &str| {
                TechnicalClient::new(id, imsgate::demo::ORGANIZATION_ID, imsgate::demo::TENANT, &["report"])
            };
            ims.technical_clients = clients.map(client).into();
        })
        .instance(move |i| i.campaign.technical_accounts = clients.map(account::account).into());
    let (world, second) = two_servers_with(known).await;
    let all = || (world.campaign.requests().len(), second.requests().len());
    let mut servers = [0, 0];
    for client in clients {
        let before = all();
        let first = world.ims.technical_token(client).unwrap();
        for _ in 0..3 {
            let request = RawRequest::get("/demo/echo").bearer(&first);
            assert_eq!(request.send_to(&world).await.status(), 200);
        }
        // Tokens differ by their times.
        world.clock.advance(std::time::Duration::from_secs(2));
        let other = world.ims.technical_token(client).unwrap();
        assert_ne!(first, other);
        assert_eq!(RawRequest::get("/demo/echo").bearer(&other).send_to(&world).await.status(), 200);
        // A session that it opens by itself is known to one server only.
        let logon = bearer_logon(&other).send_to(&world).await.text();
        let (_, session) = logon.split_once("<pstrSessionToken").unwrap();
        let session = session.split(['>', '<']).nth(1).unwrap().to_owned();
        for _ in 0..3 {
            let request = RawRequest::get("/demo/echo").with(&format!("X-Session-Token: {session}"));
            assert_eq!(request.send_to(&world).await.status(), 200);
        }
        let spread = (all().0 - before.0, all().1 - before.1);
        assert!(spread.0 == 0 || spread.1 == 0, "{client} {spread:?}");
        servers[usize::from(spread.0 == 0)] += 1;
    }
    assert!(servers[0] > 0 && servers[1] > 0, "accounts are spread: {servers:?}");
    second.stop().await;
    for client in clients {
        let token = world.ims.technical_token(client).unwrap();
        let request = RawRequest::get("/demo/echo").bearer(&token);
        assert_eq!(request.send_to(&world).await.status(), 200, "at the server that is left");
    }
    world.stop().await;
}
