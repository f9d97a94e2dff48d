//! What requests without a session may use: nothing that grows with their number.

use std::time::Duration;

use http::StatusCode;

use crate::support::admin::{hits, with_admin};
use crate::support::request::{self, RawRequest};
use crate::support::{Browser, OpenLogin, Redis, World};

/// Begins a login and returns with an invented code.
async fn junk_callback(browser: &Browser) {
    let to_ims = browser.get("/view/home").await;
    let state = to_ims.parameter("state").unwrap();
    browser.get(&format!("/ims/callback?code=junk&state={state}")).await;
}

#[tokio::test]
async fn junk_callbacks_leave_nothing_in_redis_and_stop_no_sign_in() {
    let Some(redis) = Redis::start() else { return };
    let world = World::builder().config(redis.keeps()).start().await;
    // Loads connections and Redis scripts.
    world.signed_in("alice").await;
    let keys = redis.number("DBSIZE");
    redis.ask(&format!("CONFIG SET maxmemory {}", redis.used_memory() + (64 << 10)));
    for _ in 0..200 {
        junk_callback(&world.browser()).await;
    }
    assert_eq!(redis.number("DBSIZE"), keys, "only logins that IMS has confirmed are remembered");
    world.signed_in("dave").await;
    world.stop().await;
}

#[tokio::test]
async fn a_login_calls_the_token_endpoint_once_whatever_codes_come_back() {
    let world = World::start().await;
    let browser = world.browser();
    let to_ims = browser.get("/view/home").await;
    let state = to_ims.parameter("state").unwrap();
    let name = format!("__Host-imsgate-login-{state}");
    let sealed = browser.cookie(&name).unwrap();
    for number in 0..20 {
        browser.plant(&name, &sealed);
        let again = browser.get(&format!("/ims/callback?code=junk{number}&state={state}")).await;
        world.assert_begins_again(&again);
    }
    assert_eq!(world.ims.token_requests().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_state_is_used_once_at_whichever_instance() {
    let Some(redis) = Redis::start() else { return };
    let world = World::builder().config(redis.keeps()).start().await;
    let browser = world.browser();
    let login = OpenLogin::begin(&browser, "/view/home").await;
    let sealed = browser.cookie(&login.cookie()).unwrap();
    assert_eq!(browser.get(&login.callback()).await.location(), "/view/home");
    let calls = world.ims.token_requests().len();
    let other = world.another().await;
    let replay = world.browser_at(&other, "AAAAAAAAAAAAAAAAAAAAAA");
    replay.plant(&login.cookie(), &sealed);
    world.assert_begins_again(&replay.get(&login.callback()).await);
    assert_eq!(world.ims.token_requests().len(), calls, "IMS is not asked");
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn sign_ins_from_one_address_are_limited_and_a_refused_one_can_go_on() {
    let world = with_admin()
        .config(|config| (config.limits.sign_ins_per_second, config.limits.sign_in_burst) = (2, 3))
        .start()
        .await;
    let browser = world.browser();
    let login = OpenLogin::begin(&browser, "/view/home").await;
    for path in ["/ims/login", "/ims/callback"] {
        let mut line = request::connect(&world).await;
        let mut statuses = Vec::new();
        for _ in 0..20 {
            line.send(RawRequest::get(path).keep_alive(request::host(&world))).await;
            let answer = line.answer(false).await.unwrap();
            if answer.status() == 429 {
                assert_eq!(answer.json()["error"], "too_many_requests");
                assert_eq!(answer.field("retry-after"), Some("5"));
            }
            statuses.push(answer.status());
        }
        assert!(statuses[..3].iter().all(|status| *status != 429), "{path}: {statuses:?}");
        assert!(statuses[3..].contains(&429), "{path}: {statuses:?}");
    }
    assert!(hits(&world, "sign_ins").await >= 2);
    // Other paths still work, and the refused login can be continued.
    assert_eq!(browser.get("/ims/health/live").await.status, StatusCode::OK);
    let begun = std::time::Instant::now();
    loop {
        let answer = browser.get(&login.callback()).await;
        if answer.status != StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.location(), "/view/home", "{}", answer.text());
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn sign_ins_through_trusted_proxies_are_not_limited() {
    let world = World::builder()
        .config(|config| {
            (config.limits.sign_ins_per_second, config.limits.sign_in_burst) = (1, 1);
            config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        })
        .start()
        .await;
    for _ in 0..10 {
        assert_eq!(RawRequest::get("/ims/login").send_to(&world).await.status(), 303);
    }
    world.stop().await;
}

#[tokio::test]
async fn many_people_behind_one_address_can_sign_in_at_the_same_time() {
    let world = World::start().await;
    // Hundreds of people press the button in the same second.
    let mut line = request::connect(&world).await;
    for _ in 0..500 {
        line.send(RawRequest::get("/ims/login").keep_alive(request::host(&world))).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 303);
    }
    world.signed_in("alice").await;
    world.stop().await;
}
