//! Callbacks that are late, replayed or without a login: the sign-in starts again, but not endlessly.

use http::StatusCode;
use imsgate::internal::MAX_ATTEMPTS;
use std::time::Duration;

use crate::support::{OpenLogin, World, logs};

#[tokio::test]
async fn a_late_callback_starts_the_sign_in_again_and_returns_to_the_wanted_page() {
    // IMS would still accept the code.
    let world = World::builder().ims(|ims| ims.code_lifetime = Duration::from_hours(2)).start().await;
    let browser = world.browser();
    let login = OpenLogin::begin(&browser, "/view/home?draft=7").await;
    world.clock.advance(Duration::from_mins(31));
    let again = browser.get(&login.callback()).await;
    world.assert_begins_again(&again);
    assert!(world.ims.token_requests().is_empty());
    let to_callback = browser.at_ims(&again, "alice").await;
    assert_eq!(browser.follow(&to_callback).await.location(), "/view/home?draft=7");
    assert_eq!(browser.open("/view/home").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn a_code_that_expired_at_ims_starts_the_sign_in_again() {
    let world = World::start().await;
    let browser = world.browser();
    let login = OpenLogin::begin(&browser, "/view/home?draft=7").await;
    world.clock.advance(Duration::from_mins(6));
    let again = browser.get(&login.callback()).await;
    world.assert_begins_again(&again);
    let to_callback = browser.at_ims(&again, "alice").await;
    assert_eq!(browser.follow(&to_callback).await.location(), "/view/home?draft=7");
    world.stop().await;
}

#[tokio::test]
async fn a_callback_replayed_in_a_signed_in_browser_needs_no_request_to_ims() {
    let world = World::start().await;
    let browser = world.browser();
    let login = OpenLogin::begin(&browser, "/view/home").await;
    let sealed = browser.cookie(&login.cookie()).unwrap();
    assert_eq!(browser.get(&login.callback()).await.location(), "/view/home");
    let session = browser.session();
    // The back button: the cookie of the login is gone.
    assert_eq!(browser.get(&login.callback()).await.location(), "/");
    // A double click: both requests have the cookie.
    browser.plant(&login.cookie(), &sealed);
    assert_eq!(browser.get(&login.callback()).await.location(), "/view/home");
    assert_eq!(browser.session(), session);
    assert_eq!(world.ims.token_requests().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_callback_replayed_in_another_browser_fails_even_with_its_cookie() {
    let world = World::start().await;
    let browser = world.browser();
    let login = OpenLogin::begin(&browser, "/view/home").await;
    let sealed = browser.cookie(&login.cookie()).unwrap();
    browser.get(&login.callback()).await;
    let thief = world.browser();
    thief.plant(&login.cookie(), &sealed);
    world.assert_begins_again(&thief.get(&login.callback()).await);
    assert_eq!(thief.session(), None);
    assert_eq!(browser.get_json("/ims/me").await.status, StatusCode::OK, "the first session lives on");
    world.stop().await;
}

#[tokio::test]
async fn a_browser_without_cookies_gets_a_page_and_no_redirect_loop() {
    let world = World::start().await;
    let browser = world.browser();
    let mut answer = browser.get("/view/home").await;
    for _ in 0..MAX_ATTEMPTS {
        browser.forget("");
        let to_callback = browser.at_ims(&answer, "alice").await;
        answer = browser.follow(&to_callback).await;
        world.assert_begins_again(&answer);
    }
    browser.forget("");
    let to_callback = browser.at_ims(&answer, "alice").await;
    let page = browser.follow(&to_callback).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.text().contains("cookie") && page.text().contains(&page.request_id()), "{}", page.text());
    world.stop().await;
}

#[tokio::test]
async fn a_code_that_ims_always_refuses_shows_a_page_that_does_not_mention_cookies() {
    let world = World::start().await;
    let browser = world.browser();
    let mut answer = browser.get("/view/home").await;
    for attempt in 0..=MAX_ATTEMPTS {
        let state = answer.parameter("state").unwrap();
        answer = browser.get(&format!("/ims/callback?code=junk&state={state}")).await;
        if attempt < MAX_ATTEMPTS {
            world.assert_begins_again(&answer);
        }
    }
    assert_eq!((answer.status, browser.session()), (StatusCode::BAD_REQUEST, None));
    assert!(!answer.text().contains("did not keep the sign-in cookie"), "{}", answer.text());
    assert!(answer.text().contains("/ims/login?return_to=%2Fview%2Fhome"), "{}", answer.text());
    assert!(logs::audit(&answer.request_id())[0].field("reason").contains("code"));
    world.stop().await;
}
