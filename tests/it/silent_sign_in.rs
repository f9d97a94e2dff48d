//! After a session has ended: silent sign-in, and the warning before the end.

use http::StatusCode;
use std::time::Duration;

use crate::support::{Browser, OpenLogin, World};

const AFTER_IDLE_TIMEOUT: Duration = Duration::from_mins(31);

#[tokio::test]
async fn a_silent_sign_in_returns_to_the_same_page() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let first = browser.session().unwrap();
    for path in ["/view/home?draft=7", "/ims/login?return_to=/view/home"] {
        world.clock.advance(AFTER_IDLE_TIMEOUT);
        let to_ims = browser.get(path).await;
        assert_eq!(to_ims.parameter("prompt").as_deref(), Some("none"), "{path}");
    }
    let page = browser.open("/view/home?draft=7").await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/view/home"));
    assert_ne!(browser.session().unwrap(), first);
    // A new person gets the sign-in page, and so does a person who wants another account.
    let asked = world.browser().get("/view/home").await;
    assert_eq!(asked.parameter("prompt"), None);
    let other = browser.click("/ims/login?prompt=login").await;
    assert_eq!(other.parameter("prompt").as_deref(), Some("login"));
    world.stop().await;
}

#[tokio::test]
async fn a_silent_sign_in_that_ims_declines_becomes_an_interactive_one() {
    let world = World::start().await;
    for error in [
        "login_required",
        "interaction_required",
        "consent_required",
        "account_selection_required",
        "access_denied",
        "temporarily_unavailable",
        "anything",
    ] {
        let browser = world.signed_in("alice").await;
        world.clock.advance(AFTER_IDLE_TIMEOUT);
        let silent = browser.get("/view/home?draft=7").await;
        let state = silent.parameter("state").unwrap();
        let ordinary = browser.get(&format!("/ims/callback?error={error}&state={state}")).await;
        world.assert_begins_again(&ordinary);
        assert_eq!(ordinary.parameter("prompt"), None, "{error}");
        // The same response to an interactive sign-in ends it.
        let state = ordinary.parameter("state").unwrap();
        let page = browser.get(&format!("/ims/callback?error={error}&state={state}")).await;
        assert!(!page.status.is_redirection(), "{error}");
        let to_ims = browser.get("/view/home?draft=7").await;
        let to_callback = browser.at_ims(&to_ims, "alice").await;
        assert_eq!(browser.follow(&to_callback).await.location(), "/view/home?draft=7");
    }
    world.stop().await;
}

#[tokio::test]
async fn no_silent_sign_in_after_a_sign_out_or_a_refusal() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let planted = browser.cookie("__Host-imsgate-was").unwrap();
    let signed_out = browser.post_form("/ims/logout", &[]).await;
    assert!(signed_out.set_cookies().iter().any(|cookie| {
        cookie.starts_with("__Host-imsgate-was=;")
            && cookie.contains("Secure")
            && cookie.contains("Max-Age=0")
    }));
    assert_eq!(browser.get("/view/home").await.parameter("prompt"), None);

    // Signs out with a session that had ended already.
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    browser.post_form("/ims/logout", &[]).await;
    assert_eq!(browser.cookie("__Host-imsgate-was"), None);

    // A person without access returns.
    browser.plant("__Host-imsgate-was", &planted);
    let to_ims = browser.get("/ims/login?prompt=login").await;
    let to_callback = browser.at_ims(&to_ims, "bob").await;
    assert_eq!(browser.follow(&to_callback).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.cookie("__Host-imsgate-was"), None);
    world.stop().await;
}

#[tokio::test]
async fn the_last_user_cookie_is_sealed_expires_and_signs_nobody_in() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let was = browser.cookie("__Host-imsgate-was").unwrap();
    let thief = world.browser();
    thief.plant("__Host-imsgate-was", &was);
    assert_eq!(thief.get_json("/view/home").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(thief.get("/view/home").await.parameter("prompt").as_deref(), Some("none"));
    let mut changed = was.clone().into_bytes();
    changed[20] ^= 1;
    for junk in ["", "x", &String::from_utf8(changed).unwrap(), &browser.session().unwrap()] {
        thief.plant("__Host-imsgate-was", junk);
        assert_eq!(thief.get("/view/home").await.parameter("prompt"), None, "{junk}");
    }
    // The cookie of an open login is sealed with the same key, but is not accepted here.
    let login = OpenLogin::begin(&thief, "/view/home").await;
    thief.plant("__Host-imsgate-was", &thief.cookie(&login.cookie()).unwrap());
    assert_eq!(thief.get("/view/home").await.parameter("prompt"), None);
    world.clock.advance(Duration::from_hours(23));
    assert_eq!(browser.get("/view/home").await.parameter("prompt").as_deref(), Some("none"));
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(browser.get("/view/home").await.parameter("prompt"), None);
    world.stop().await;
}

#[tokio::test]
async fn responses_of_the_last_five_minutes_have_the_remaining_time() {
    let world = World::builder()
        .config(|config| config.session.absolute_timeout = Duration::from_mins(10))
        .start()
        .await;
    let browser = world.signed_in("alice").await;
    assert_eq!(expires_in(&browser, "/view/home").await, None);
    world.clock.advance(Duration::from_secs(280));
    assert_eq!(expires_in(&browser, "/view/home").await, None);
    world.clock.advance(Duration::from_secs(30));
    for path in ["/view/home", "/res/10", "/ims/auth"] {
        let left = expires_in(&browser, path).await.unwrap();
        // A second may pass while the test runs.
        assert!((270..=290).contains(&left), "{path}: {left}");
    }
    assert_eq!(expires_in(&world.browser(), "/res/10").await, None);
    world.clock.advance(Duration::from_mins(5));
    assert_eq!(browser.get_json("/view/home").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test]
async fn asking_for_the_remaining_time_does_not_extend_the_session() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    for minutes in [0_u64, 10, 10, 9] {
        world.clock.advance(Duration::from_mins(minutes));
        let me = browser.get_json("/ims/me").await;
        assert_eq!(me.status, StatusCode::OK, "{}", me.text());
    }
    let me = browser.get_json("/ims/me").await.json();
    let (idle, all) = (me["idle_expires_in"].as_u64().unwrap(), me["expires_in"].as_u64().unwrap());
    assert!((50..=60).contains(&idle), "{me}");
    assert!((11 * 3600..12 * 3600).contains(&all), "{me}");
    let at = |field: &str| me[field].as_str().unwrap().to_owned();
    assert!(at("idle_expires_at") < at("expires_at") && at("expires_at").ends_with('Z'), "{me}");
    // The page is for people: opening it counts as use.
    browser.get("/ims/me").await;
    let me = browser.get_json("/ims/me").await.json();
    assert!(me["idle_expires_in"].as_u64().unwrap() > 29 * 60, "{me}");
    world.clock.advance(Duration::from_mins(29));
    browser.get_json("/ims/me").await;
    world.clock.advance(Duration::from_mins(2));
    assert_eq!(browser.get_json("/ims/me").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

async fn expires_in(browser: &Browser, path: &str) -> Option<u32> {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.headers.get("x-ims-session-expires-in").map(|value| value.to_str().unwrap().parse().unwrap())
}
