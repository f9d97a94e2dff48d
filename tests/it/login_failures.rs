//! Sign-ins that fail because IMS or Campaign is away, refuses, or is configured differently.

use http::StatusCode;
use imsgate::demo::campaign::BearerLogonRefusal;
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Fault};
use imsgate::demo::ims::ImsEndpoint;
use std::time::Duration;

use crate::support::{Answer, Browser, World, logs};

#[tokio::test]
async fn an_outage_of_ims_at_the_start_needs_no_restart() {
    let world = World::builder().ims_down().start().await;
    let browser = world.browser();
    assert_eq!(browser.get("/ims/health/live").await.status, StatusCode::OK);
    assert_eq!(
        browser.get("/ims/health/ready").await.status,
        StatusCode::OK,
        "live sessions and public paths work"
    );
    assert_eq!(browser.get("/ims/health/sign-in").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let page = browser.get("/view/home").await;
    assert_unavailable(&browser, &page);
    assert!(page.text().contains("/ims/login?return_to=%2Fview%2Fhome"), "{}", page.text());

    world.ims.faults().clear();
    assert_eq!(browser.sign_in("alice", "/view/home").await.location(), "/view/home");
    assert_eq!(browser.get("/ims/health/sign-in").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn an_unreachable_ims_shows_a_page() {
    let world = World::start().await;
    let browser = world.browser();
    let to_ims = browser.get("/view/home").await;
    let to_callback = browser.at_ims(&to_ims, "alice").await;
    world.ims.stop().await;
    let page = browser.follow(&to_callback).await;
    assert_unavailable(&browser, &page);
    world.stop().await;
}

#[tokio::test]
async fn sign_ins_wait_for_a_silent_ims_in_parallel() {
    let world =
        World::builder().ims_down().instance(|i| i.ims.timeout = Duration::from_millis(700)).start().await;
    let asked = || world.ims.requests_to(ImsEndpoint::Discovery);
    world.eventually(|| asked() > 0).await;
    world.ims.faults().clear();
    world.ims.faults().answer(ImsEndpoint::Discovery, FaultFrequency::Always, Fault::Never);
    let before = asked();
    let logins = (0..10).map(|_| async {
        let browser = world.browser();
        let page = browser.get("/view/home").await;
        assert_unavailable(&browser, &page);
    });
    futures_util::future::join_all(logins).await;
    // One request for all of them, perhaps one more from before, and one of the gateway's own.
    assert!(asked() - before <= 3, "{} attempts, one after the other", asked() - before);
    world.stop().await;
}

#[tokio::test]
async fn every_endpoint_of_ims_that_fails_during_a_login_ends_in_the_same_page() {
    let world = World::start().await;
    for endpoint in
        [ImsEndpoint::Token, ImsEndpoint::UserInfo, ImsEndpoint::Organizations, ImsEndpoint::Profile]
    {
        for fault in [Fault::Status(500), Fault::Status(503), Fault::HalfBody, Fault::Megabytes(50)] {
            world.ims.faults().answer(endpoint, FaultFrequency::Once, fault.clone());
            let browser = world.browser();
            let page = browser.sign_in("alice", "/view/home").await;
            println!("{endpoint:?} {fault:?}");
            assert_unavailable(&browser, &page);
        }
    }
    assert!(world.campaign.requests().is_empty());
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn retry_after_of_ims_is_passed_on() {
    let world = World::start().await;
    world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, Fault::RetryAfter(77));
    let browser = world.browser();
    let page = browser.sign_in("alice", "/view/home").await;
    assert_unavailable(&browser, &page);
    assert_eq!(page.header("retry-after"), "77");
    world.stop().await;
}

#[tokio::test]
async fn a_scope_that_is_not_provisioned_is_named_to_the_operator() {
    let world = World::builder()
        .instance(|instance| instance.ims.scopes.push("not_provisioned".to_owned()))
        .start()
        .await;
    let browser = world.browser();
    let to_ims = browser.get("/view/home").await;
    let to_callback = browser.follow(&to_ims).await;
    let page = browser.follow(&to_callback).await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY, "{}", page.text());
    let audit = logs::audit(&page.request_id());
    assert!(audit[0].field("reason").contains("invalid_scope"), "{audit:?}");
    assert_eq!(browser.session(), None);
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_client_secret_is_named_to_the_operator_and_never_shown() {
    let world = World::builder()
        .instance(|instance| instance.ims.client_secret = "wrong-secret".into())
        .start()
        .await;
    let browser = world.browser();
    let page = browser.sign_in("alice", "/view/home").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY, "{}", page.text());
    assert!(logs::audit(&page.request_id())[0].field("reason").contains("invalid_client"));
    assert!(!page.text().contains("wrong-secret") && !logs::say("wrong-secret"));
    assert_eq!(browser.session(), None);
    world.stop().await;
}

#[tokio::test]
async fn a_refused_campaign_logon_shows_a_page_and_leaves_no_session() {
    let world = World::start().await;
    for refusal in
        [BearerLogonRefusal::InvalidLogin, BearerLogonRefusal::InvalidLoginAsText, BearerLogonRefusal::Zone]
    {
        world.campaign.faults().refuse_bearer_logon(FaultFrequency::Once, refusal);
        let browser = world.browser();
        let page = browser.sign_in("alice", "/view/home").await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{refusal:?}: {}", page.text());
        assert!(page.text().contains("Adobe signed you in"), "{}", page.text());
        assert!(!page.text().contains("XSV"), "Campaign's own words are for the operator: {}", page.text());
        assert!(logs::audit(&page.request_id())[0].field("reason").contains("XSV-35001"), "{refusal:?}");
        assert_eq!(browser.session(), None);
    }
    assert_eq!(world.ims.revoked().len(), 3, "unused tokens are given back");
    assert!(world.campaign.sessions().is_empty());
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn a_failed_campaign_logon_shows_a_page_and_leaves_no_session() {
    let world = World::start().await;
    for fault in [
        Fault::Status(503),
        Fault::Html,
        Fault::HalfBody,
        Fault::Megabytes(50),
        Fault::Redirect("https://evil.com/".into()),
    ] {
        world.campaign.faults().soap_answer(FaultFrequency::Once, fault.clone());
        let browser = world.browser();
        let page = browser.sign_in("alice", "/view/home").await;
        assert_eq!(page.status, StatusCode::BAD_GATEWAY, "{fault:?}: {}", page.text());
        assert_eq!((browser.session(), page.location()), (None, ""), "{fault:?}");
        assert!(!page.text().contains("Not what you asked for"), "{}", page.text());
    }
    world.campaign.stop().await;
    let browser = world.browser();
    let page = browser.sign_in("alice", "/view/home").await;
    assert_eq!((page.status, browser.session()), (StatusCode::BAD_GATEWAY, None));
    world.stop().await;
}

/// 503 with the time for a retry and the id of this failure; no session.
fn assert_unavailable(browser: &Browser, page: &Answer) {
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.text());
    assert!(page.header("retry-after").parse::<u32>().unwrap() > 0);
    assert!(page.text().contains(&page.request_id()), "{}", page.text());
    assert_eq!((page.session_cookie(), browser.session()), (None, None));
}
