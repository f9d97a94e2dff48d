//! With several Campaign servers, a person's requests go to the server of the Campaign session while it is healthy.

use std::sync::Arc;

use imsgate::config::{CheckMode, SessionMode, Upstream as Configured};
use imsgate::demo::campaign::{CampaignOptions, CampaignSimulator};

use crate::support::World;
use crate::support::request::RawRequest;

/// A gateway in front of its own simulator and another one that asks the same IMS.
async fn two_servers() -> (World, Arc<CampaignSimulator>) {
    two_servers_in(SessionMode::BearerLogon).await
}

async fn two_servers_in(mode: SessionMode) -> (World, Arc<CampaignSimulator>) {
    let second = CampaignSimulator::start(CampaignOptions::default()).await.unwrap();
    let (url, second) = (second.url(), Arc::new(second));
    let world = World::builder()
        .session_mode(mode)
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
