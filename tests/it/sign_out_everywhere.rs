//! Several browsers of one person: sign out everywhere, and the limit of sessions for each person.

use bytes::Bytes;
use http::{Request, StatusCode};

use crate::support::{Browser, World, logs};

#[tokio::test]
async fn signing_out_everywhere_ends_all_sessions_of_this_person_only() {
    let world = World::start().await;
    let browsers =
        [world.signed_in("alice").await, world.signed_in("alice").await, world.signed_in("alice").await];
    let erin = world.signed_in("erin").await;
    let answer = browsers[1].post_form("/ims/sign-out-everywhere", &[]).await;
    assert!(
        answer.location().starts_with(&format!("{}/ims/logout/v1?", world.ims.url())),
        "{}",
        answer.location()
    );
    assert!(answer.session_cookie().unwrap().contains("Max-Age=0"));
    for browser in &browsers {
        assert_eq!(browser.get_json("/view/home").await.status, StatusCode::UNAUTHORIZED);
    }
    assert!(is_alive(&erin).await);
    world.eventually(|| world.campaign.logoffs().len() == 3 && world.ims.revoked().len() == 3).await;
    let audit = logs::audit(&answer.request_id());
    let events: Vec<&str> = audit.iter().map(|line| line.field("event")).collect();
    assert_eq!(events, ["sign_out_everywhere", "logout"]);
    assert_eq!(audit[0].field("ended"), "2");
    world.stop().await;
}

#[tokio::test]
async fn a_page_of_another_site_cannot_sign_anybody_out_everywhere_nor_can_a_link() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    for (name, value) in [("origin", "https://evil.example.com"), ("sec-fetch-site", "cross-site")] {
        let request =
            Request::post("/ims/sign-out-everywhere").header(name, value).body(Bytes::new()).unwrap();
        assert_eq!(alice.request(request).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(alice.get("/ims/sign-out-everywhere").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(is_alive(&alice).await);
    assert_eq!(
        world.browser().post_form("/ims/sign-out-everywhere", &[]).await.location(),
        "/ims/signed-out"
    );
    world.stop().await;
}

#[tokio::test]
async fn the_session_page_lists_own_sessions_and_marks_the_current_one() {
    let world = World::start().await;
    let (alice, _elsewhere) = (world.signed_in("alice").await, world.signed_in("alice").await);
    world.signed_in("erin").await;
    let page = alice.get("/ims/me").await.text();
    assert_eq!(page.matches("(this browser)").count(), 1, "{page}");
    assert_eq!(page.matches("Firefox on Linux").count(), 2, "{page}");
    assert!(page.contains("method=\"post\" action=\"/ims/sign-out-everywhere\""), "{page}");
    world.stop().await;
}

#[tokio::test]
async fn with_more_sessions_than_allowed_the_oldest_ends() {
    let world = World::builder().config(|config| config.session.max_per_user = Some(2)).start().await;
    let erin = world.signed_in("erin").await;
    let mut browsers = Vec::new();
    for _ in 0..4 {
        browsers.push(world.signed_in("alice").await);
        world.clock.advance(std::time::Duration::from_secs(1));
    }
    let mut alive = Vec::new();
    for browser in &browsers {
        alive.push(is_alive(browser).await);
    }
    assert_eq!(alive, [false, false, true, true]);
    assert!(is_alive(&erin).await);
    world.eventually(|| world.campaign.logoffs().len() == 2 && world.ims.revoked().len() == 2).await;
    assert!(logs::say("too_many_sessions"));
    world.stop().await;
}

async fn is_alive(browser: &Browser) -> bool {
    browser.get_json("/view/home").await.status == StatusCode::OK
}
