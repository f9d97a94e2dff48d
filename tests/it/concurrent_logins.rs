//! Several logins of one browser: at the same time, and one after the other.

use http::StatusCode;
use imsgate::internal::MAX_OPEN_LOGINS;
use std::time::Duration;

use crate::support::{World, logs};

#[tokio::test]
async fn ten_tabs_at_once_all_end_signed_in() {
    let world = World::start().await;
    let browser = world.browser();
    let tabs = (0..10).map(|tab| {
        let browser = browser.clone();
        async move {
            let address = format!("/demo/echo?tab={tab}");
            let callback = browser.sign_in("alice", &address).await;
            assert_eq!(callback.location(), address);
            let page = browser.open(callback.location()).await;
            assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/demo/echo"), "tab {tab}");
        }
    });
    futures_util::future::join_all(tabs).await;
    assert_eq!(browser.open_logins(), [""; 0]);
    world.stop().await;
}

#[tokio::test]
async fn tabs_that_finish_one_after_the_other_share_the_session_of_the_first() {
    let world = World::start().await;
    let browser = world.browser();
    let mut tabs = Vec::new();
    for tab in 0..3 {
        let to_ims = browser.get(&format!("/demo/echo?tab={tab}")).await;
        tabs.push(browser.at_ims(&to_ims, "alice").await);
    }
    browser.follow(&tabs[0]).await;
    let first = browser.session().unwrap();
    for (tab, to_callback) in tabs.iter().enumerate().skip(1) {
        let callback = browser.follow(to_callback).await;
        assert_eq!(callback.location(), format!("/demo/echo?tab={tab}"));
        assert_eq!(callback.session_cookie(), None);
    }
    assert_eq!(browser.session().unwrap(), first);
    assert_eq!(browser.get_json("/ims/me").await.status, StatusCode::OK);
    assert_eq!(world.campaign.sessions().len(), 1, "the first tab's pages carry its security token");
    assert_eq!(world.ims.revoked().len(), 2, "tokens that nobody will use are given back");
    world.stop().await;
}

#[tokio::test]
async fn a_sign_in_of_another_person_replaces_the_session_of_the_browser() {
    let world = World::start().await;
    let browser = world.browser();
    let one = browser.get("/demo/echo?tab=1").await;
    let two = browser.get("/demo/echo?tab=2&").await;
    let alice = browser.at_ims(&one, "alice").await;
    browser.follow(&alice).await;
    let first = browser.session().unwrap();
    // The form of the second tab was open all the time.
    let form = format!("{}/ims/sign-in", world.ims.url());
    let request = two.target().query().unwrap().to_owned();
    let dave = browser.post_form(&form, &[("request", &request), ("username", "dave")]).await;
    browser.follow(&dave).await;
    assert_ne!(browser.session().unwrap(), first);
    assert_eq!(browser.get_json("/ims/me").await.json()["email"], "dave@example.com");
    world.stop().await;
}

#[tokio::test]
async fn open_logins_of_a_browser_are_bounded_and_the_oldest_goes_first() {
    let world = World::start().await;
    let browser = world.browser();
    let mut begun = Vec::new();
    for _ in 0..MAX_OPEN_LOGINS + 3 {
        begun.push(browser.get("/view/home").await);
        world.clock.advance(Duration::from_secs(1));
    }
    let open = browser.open_logins();
    assert_eq!(open.len(), MAX_OPEN_LOGINS);
    for (index, login) in begun.iter().enumerate() {
        let name = format!("__Host-imsgate-login-{}", login.parameter("state").unwrap());
        assert_eq!(open.contains(&name), index >= 3, "login {index}");
    }
    // A login that was dropped starts again by itself.
    let to_callback = browser.at_ims(&begun[0], "alice").await;
    let again = browser.follow(&to_callback).await;
    let arrived = browser.open(again.target().as_str()).await;
    assert_eq!(arrived.url.path(), "/view/home", "where Campaign leads from /");
    assert!(browser.session().is_some());
    world.stop().await;
}

#[tokio::test]
async fn every_login_gives_a_new_session_and_ends_the_one_before() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let first = browser.session().unwrap();
    let at_campaign = world.campaign.sessions().remove(0).session_token;
    let to_ims = browser.click("/ims/login?prompt=login&return_to=/view/home").await;
    let to_callback = browser.at_ims(&to_ims, "alice").await;
    browser.follow(&to_callback).await;
    let second = browser.session().unwrap();
    assert_ne!(first, second);
    let replay = world.browser();
    replay.plant("__Host-imsgate", &first);
    assert_eq!(replay.get_json("/ims/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.get_json("/ims/me").await.status, StatusCode::OK);
    // Nothing of the old session stays open.
    world.eventually(|| world.campaign.logoffs() == [at_campaign.clone()]).await;
    world.eventually(|| world.ims.revoked().len() == 1).await;
    world.stop().await;
}

#[tokio::test]
async fn a_session_cookie_planted_before_the_login_is_worthless_after_it() {
    let world = World::start().await;
    // An attacker's own live session, and an invented one.
    let living = world.signed_in("dave").await.session().unwrap();
    for planted in [living.as_str(), "AAAAAAAAAAAAAAAAAAAAAA"] {
        let victim = world.browser();
        victim.plant("__Host-imsgate", planted);
        let to_ims = victim.click("/ims/login?prompt=login&return_to=/view/home").await;
        let to_callback = victim.at_ims(&to_ims, "alice").await;
        victim.follow(&to_callback).await;
        assert_ne!(victim.session().unwrap(), planted);
        assert_eq!(victim.get_json("/ims/me").await.json()["email"], "alice@example.com");
        let attacker = world.browser();
        attacker.plant("__Host-imsgate", planted);
        assert_eq!(attacker.get_json("/ims/me").await.status, StatusCode::UNAUTHORIZED);
    }
    world.stop().await;
}

#[tokio::test]
async fn another_person_can_sign_in_where_ims_knows_the_browser() {
    let world = World::start().await;
    let browser = world.browser();
    let refused = browser.sign_in("bob", "/view/home").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.text().contains("/ims/login?return_to=%2Fview%2Fhome&#38;prompt=login"),
        "{}",
        refused.text()
    );
    // Without it, IMS would send bob back at once.
    let answer = browser.sign_in("alice", "/ims/login?return_to=%2Fview%2Fhome&prompt=login").await;
    assert_eq!(answer.location(), "/view/home", "{}", answer.text());
    assert_eq!(browser.get_json("/ims/me").await.json()["email"], "alice@example.com");
    assert_eq!(logs::audit(&answer.request_id())[0].field("event"), "login");
    world.stop().await;
}
