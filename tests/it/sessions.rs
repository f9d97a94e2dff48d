//! How long a session is valid, and what ends it.

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::json;
use std::time::Duration;

use crate::support::assertion::claims;
use crate::support::{Browser, World};

#[tokio::test]
async fn an_unused_session_ends_after_the_idle_timeout_and_a_used_one_lives_on() {
    let world = World::start().await;
    let (used, unused) = (world.signed_in("alice").await, world.signed_in("dave").await);
    for _ in 0..3 {
        world.clock.advance(Duration::from_mins(20));
        assert!(is_alive(&used).await);
    }
    assert!(!is_alive(&unused).await);
    world.clock.advance(Duration::from_mins(30));
    assert!(!is_alive(&used).await);
    world.stop().await;
}

#[tokio::test]
async fn a_session_ends_after_the_absolute_timeout_although_it_is_used() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    for _ in 0..28 {
        world.clock.advance(Duration::from_mins(25));
        assert!(is_alive(&browser).await);
    }
    world.clock.advance(Duration::from_mins(20));
    assert!(!is_alive(&browser).await);
    world.stop().await;
}

#[tokio::test]
async fn without_a_refresh_token_a_session_does_not_outlive_the_access_token() {
    let world = World::builder()
        .ims(|ims| {
            ims.token_lifetime = Duration::from_mins(10);
            ims.refresh_tokens = false;
        })
        .start()
        .await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(Duration::from_mins(9));
    assert!(is_alive(&browser).await);
    world.clock.advance(Duration::from_mins(1));
    assert!(!is_alive(&browser).await);
    world.stop().await;
}

#[tokio::test]
async fn every_worker_knows_every_session_and_every_logout() {
    let world = World::builder().config(|config| config.listen.workers = 4).start().await;
    let browser = world.signed_in("alice").await;
    let session = browser.session().unwrap();
    for _ in 0..16 {
        assert!(is_alive(&browser).await);
    }
    browser.post_form("/ims/logout", &[]).await;
    browser.plant("__Host-imsgate", &session);
    for _ in 0..16 {
        assert!(!is_alive(&browser).await);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_session_cookie_with_any_character_changed_is_no_session() {
    let world = World::start().await;
    let session = world.signed_in("alice").await.session().unwrap();
    let nobody = world.browser().get_json("/view/home").await;
    assert_eq!(nobody.json(), json!({"error": "login_required", "login": "/ims/login"}));
    let changed = (0..session.len()).map(|i| {
        let mut bytes = session.clone().into_bytes();
        bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    });
    let shaped = ["", " ", "A", "%00", "\"", &session[..21], &format!("{session}A"), &format!("{session}=")]
        .map(str::to_owned);
    for value in changed.chain(shaped) {
        let browser = world.browser();
        browser.plant("__Host-imsgate", &value);
        let answer = browser.get_json("/view/home").await;
        assert_eq!((answer.status, answer.body), (nobody.status, nobody.body.clone()), "{value}");
    }
    world.stop().await;
}

#[tokio::test]
async fn odd_cookie_headers_are_neither_a_session_nor_an_error() {
    let world = World::start().await;
    for cookie in ["", "=;;", ";", "=", "__Host-imsgate", "__Host-imsgate=", "\u{e9}=1", "a=b\x01"] {
        let request = format!(
            "GET /view/home HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        let answer = String::from_utf8_lossy(&world.raw(request).await).into_owned();
        let status = answer.split(' ').nth(1).unwrap();
        assert!(matches!(status, "401" | "400"), "{cookie:?}: {answer}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_session_is_found_among_two_hundred_cookies_and_refused_when_sent_twice() {
    let world = World::start().await;
    let session = world.signed_in("alice").await.session().unwrap();
    let many = (0..200).map(|i| format!("cookie{i}=value{i}; ")).collect::<Vec<_>>().concat();
    for (cookies, status) in [
        (format!("{many}__Host-imsgate={session}"), StatusCode::OK),
        (format!("__Host-imsgate={session}; {many}"), StatusCode::OK),
        (
            format!("__Host-imsgate={session}; __Host-imsgate=AAAAAAAAAAAAAAAAAAAAAA"),
            StatusCode::UNAUTHORIZED,
        ),
        (
            format!("__Host-imsgate=AAAAAAAAAAAAAAAAAAAAAA; __Host-imsgate={session}"),
            StatusCode::UNAUTHORIZED,
        ),
        (format!("__host-imsgate={session}"), StatusCode::UNAUTHORIZED),
        (many.clone(), StatusCode::UNAUTHORIZED),
    ] {
        let request = Request::get("/view/home").header("cookie", &cookies).body(Bytes::new()).unwrap();
        let answer = world.browser().request(request).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let reached = world.last_request();
    assert!(!format!("{:?}", reached.headers).contains("__Host-imsgate"), "{:?}", reached.headers);
    world.stop().await;
}

#[tokio::test]
async fn the_session_page_is_html_for_people_and_json_for_programs_without_a_token() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let page = browser.get("/ims/me").await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in ["Alice Martin", "alice@example.com", "Acme", "delivery", "workflow"] {
        assert!(page.text().contains(shown), "{shown} is missing in {}", page.text());
    }
    let answer = browser.get_json("/ims/me").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let me = answer.json();
    let names: Vec<&String> = me.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "email",
            "expires_at",
            "expires_in",
            "groups",
            "idle_expires_at",
            "idle_expires_in",
            "name",
            "organization",
            "user"
        ]
    );
    assert_eq!((&me["name"], &me["groups"]), (&json!("Alice Martin"), &json!(["delivery", "workflow"])));
    let campaign = world.campaign.sessions().remove(0);
    for text in [page.text(), answer.text()] {
        for secret in ["eyJ", &campaign.session_token, &campaign.security_token, &browser.session().unwrap()]
        {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let nobody = world.browser();
    assert_eq!(nobody.get_json("/ims/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(nobody.sign_in("alice", "/ims/me").await.location(), "/ims/me");
    world.stop().await;
}

#[tokio::test]
async fn forward_authentication_depends_only_on_the_cookie() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    assert_eq!(browser.get_json("/ims/auth").await.status, StatusCode::OK);
    let forged = Request::get("/ims/auth")
        .header("x-ims-user", "admin")
        .header("authorization", "Bearer junk")
        .header("x-original-url", "/r/test")
        .body(Bytes::new())
        .unwrap();
    let answer = world.browser().request(forged).await;
    assert_eq!((answer.status, answer.header("x-ims-user")), (StatusCode::UNAUTHORIZED, ""));
    assert!(answer.headers.contains_key("www-authenticate"), "RFC 9110 §11.6.1");
    world.stop().await;
}

#[tokio::test]
async fn the_assertion_is_verified_by_the_published_key_and_short_lived() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    browser.get("/view/home").await;
    let seen = world.last_request();
    let claims = claims(&browser, seen.header("x-ims-assertion").unwrap()).await;
    assert_eq!(claims["iss"], world.origin);
    assert_eq!(claims["sub"].as_str(), seen.header("x-ims-user"));
    assert_eq!(claims["org"].as_str(), seen.header("x-ims-organization"));
    assert_eq!(claims["groups"], json!(["delivery", "workflow"]));
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((1..=120).contains(&lifetime), "{lifetime} s");
    let sid = claims["sid"].as_str().unwrap();
    assert!(!sid.is_empty() && sid != browser.session().unwrap(), "the session's name is not its key");

    // An old assertion is not used again.
    world.clock.advance(Duration::from_mins(2));
    browser.get("/view/home").await;
    let later = self::claims(&browser, world.last_request().header("x-ims-assertion").unwrap()).await;
    assert!(later["iat"].as_i64() >= claims["exp"].as_i64());
    assert_eq!(later["sid"], claims["sid"]);
    world.stop().await;
}

async fn is_alive(browser: &Browser) -> bool {
    let answer = browser.get_json("/view/home").await;
    assert!(matches!(answer.status, StatusCode::OK | StatusCode::UNAUTHORIZED), "{}", answer.status);
    answer.status == StatusCode::OK
}
