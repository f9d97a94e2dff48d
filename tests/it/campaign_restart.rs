//! Campaign restarts once a day: logons fail for a while, but no person has to sign in again.

use std::time::Duration;

use http::StatusCode;

use crate::support::{World, eventually};

#[tokio::test]
async fn a_logon_during_a_short_restart_is_tried_again() {
    let world = World::start().await;
    world.campaign.faults().restarting(true);
    let browser = world.browser();
    let (answer, ()) = tokio::join!(browser.sign_in("alice", "/view/home"), async {
        eventually(async || !world.campaign.requests().is_empty()).await;
        world.campaign.faults().restarting(false);
    });
    assert_eq!(answer.location(), "/view/home", "{}", answer.text());
    assert_eq!(browser.get("/view/home").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn a_long_restart_shows_a_page_and_keeps_the_sign_in() {
    let world = World::start().await;
    world.campaign.faults().restarting(true);
    let browser = world.browser();
    let (page, ()) = tokio::join!(browser.sign_in("alice", "/view/home?a=1"), async {
        eventually(async || !world.campaign.requests().is_empty()).await;
        world.clock.advance(Duration::from_secs(20));
    });
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text().contains("Campaign is restarting"), "{}", page.text());
    assert!(page.text().contains("/view/home?a=1"), "{}", page.text());
    assert!(world.ims.revoked().is_empty(), "the tokens of IMS are kept");
    assert_eq!(browser.get_json("/ims/me").await.status, StatusCode::OK, "signed in");

    world.campaign.faults().restarting(false);
    assert_eq!(browser.get("/view/home?a=1").await.status, StatusCode::OK, "without another sign-in");
    assert_eq!(world.campaign.sessions().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn without_a_campaign_session_only_public_pages_are_forwarded() {
    let world = World::start().await;
    world.campaign.faults().restarting(true);
    let browser = world.browser();
    let _ = tokio::join!(browser.sign_in("alice", "/view/home"), async {
        eventually(async || !world.campaign.requests().is_empty()).await;
        world.clock.advance(Duration::from_secs(20));
    });
    world.campaign.forget_requests();
    let (page, ()) = tokio::join!(browser.get("/view/home"), async {
        eventually(async || !world.campaign.requests().is_empty()).await;
        world.clock.advance(Duration::from_secs(20));
    });
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text().contains("Campaign does not accept your session"), "{}", page.text());
    assert!(!world.campaign.requests().iter().any(|request| request.path_and_query == "/view/home"));
    assert_eq!(browser.get("/webApp/survey").await.status, StatusCode::OK);
    assert!(world.last_request().header("x-ims-user").is_none(), "without the person's identity");
    world.stop().await;
}
