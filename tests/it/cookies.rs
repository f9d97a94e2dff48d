//! The session cookie when the browser does not store it, when it is planted, or when it belongs to another host.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use imsgate::internal::CookieSuffix;

use crate::support::request::{self, RawRequest};
use crate::support::{Browser, OpenLogin, World};

#[tokio::test]
async fn a_browser_that_loses_the_session_cookie_gets_a_page_and_no_redirect_loop() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    lose_session(&browser);
    let answer = browser.get("/view/home").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("did not keep the sign-in cookie"), "{}", answer.text());
    // A person who loads the page again later starts a normal login.
    let again = browser.get("/view/home").await;
    assert_eq!(again.status, 303);
    world.stop().await;
}

#[tokio::test]
async fn a_session_cookie_lost_later_leads_to_a_normal_login() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    lose_session(&browser);
    world.clock.advance(std::time::Duration::from_mins(1));
    assert_eq!(browser.get("/view/home").await.status, 303);
    world.stop().await;
}

#[tokio::test]
async fn session_cookies_without_the_host_prefix_are_ignored() {
    let world = World::start().await;
    let dave = world.signed_in("dave").await.session().unwrap();
    let attacker = world.browser();
    let login = OpenLogin::begin(&attacker, "/view/home").await;
    let name = login.cookie();
    let value = attacker.cookie(&name).unwrap();
    for space in ["\u{a0}", "\u{2000}", "\u{85}"] {
        let planted = format!("{space}__Host-imsgate={dave}; {space}{name}={value}");
        let victim = world.browser();
        let me = victim.request(raw("/ims/me", &planted)).await;
        assert_eq!(me.status, 401, "{space:?}");
        let callback = victim.request(raw(&login.callback(), &planted)).await;
        assert_eq!(callback.session_cookie(), None, "{space:?}");
    }
    world.stop().await;
}

/// HTTP/2 allows a client to split its cookies into several fields. They must be joined for HTTP/1.1
/// (RFC 9113 §8.2.3). Some clients of HTTP/1.1 do the same.
#[tokio::test]
async fn cookie_fields_are_joined_in_order_for_campaign() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let campaign = format!("__sessiontoken={}", world.campaign.sessions()[0].session_token);
    let session = format!("__Host-imsgate={alice}");
    let among = format!("{session}; b=2");
    let mut http2 = request::http2::<Empty<Bytes>>(&world).await;
    for fields in [
        vec!["a=1", session.as_str(), "b=2; c=3"],
        vec![session.as_str(), "a=1; b=2; c=3"],
        vec![
            "a=1; __Host-imsgate-was=x",
            among.as_str(),
            "__Host-imsgate-login-y=z; c=3; __sessiontoken=___theirs",
        ],
    ] {
        let mut request = Request::get(format!("{}/demo/echo", world.origin));
        let mut ask = RawRequest::get("/demo/echo");
        for field in &fields {
            request = request.header("cookie", *field);
            ask = ask.with(&format!("Cookie: {field}"));
        }
        let wanted = format!("a=1; b=2; c=3; {campaign}");

        let answer = http2.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap();
        let lines = world.last_request().headers.into_iter().filter(|(name, _)| name == "cookie");
        let lines: Vec<String> = lines.map(|(_, value)| value).collect();
        assert_eq!(lines, [wanted.as_str()], "{fields:?}");

        assert_eq!(ask.echo(&world).await.all("cookie"), [wanted.as_str()], "{fields:?}");
    }
    world.stop().await;
}

/// Browsers send a host's cookies to each of its ports.
#[tokio::test]
async fn two_gateways_on_one_host_name_keep_each_others_cookies() {
    let suffix = CookieSuffix::parse("stage");
    let world = World::builder().config(|config| config.session.cookie_suffix = suffix).start().await;
    let browser = world.browser();
    let state = "0abcdefghijklmnopqrstuv";
    let neighbours = [
        "__Host-imsgate".to_owned(),
        "__Host-imsgate-was".to_owned(),
        "__Host-imsgate-fresh".to_owned(),
        format!("__Host-imsgate-login-{state}"),
        format!("__Host-imsgate-other-login-{state}"),
        "__Host-imsgate-kept-AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
    ];
    for name in &neighbours {
        browser.plant(name, "neighbour");
    }
    let answer = browser.sign_in("alice", "/view/home").await;
    assert_eq!(answer.location(), "/view/home", "{}", answer.text());
    assert!(browser.cookie("__Host-imsgate-stage").is_some());
    assert_eq!(browser.get("/view/home").await.status, 200);
    let seen = world.last_request();
    assert!(!seen.header("cookie").unwrap_or_default().contains("imsgate"), "{:?}", seen.headers);
    browser.get(&format!("/ims/callback?code=x&state={state}")).await;
    browser.post_form("/ims/logout", &[]).await;
    browser.post_form("/ims/logout", &[]).await;
    assert_eq!(browser.cookie("__Host-imsgate-stage"), None);
    for name in &neighbours {
        assert_eq!(browser.cookie(name).as_deref(), Some("neighbour"), "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn cookies_that_this_gateway_did_not_seal_are_never_removed() {
    let world = World::start().await;
    let browser = world.browser();
    let state = "0abcdefghijklmnopqrstuv";
    // A neighbour without a suffix uses the same names.
    let foreign: Vec<String> =
        (0..8).map(|number| format!("__Host-imsgate-login-{number}abcdefghijklmnopqrstuv")).collect();
    for name in &foreign {
        browser.plant(name, &"x".repeat(2500));
    }
    browser.plant("__Host-imsgate", "AAAAAAAAAAAAAAAAAAAAAA");
    browser.plant("__Host-imsgate-was", "neighbour");
    let (first, second) = (browser.get("/view/home").await, browser.get("/view/home").await);
    for answer in [&first, &second] {
        let name = format!("__Host-imsgate-login-{}", answer.parameter("state").unwrap());
        let set: Vec<_> = answer.set_cookies();
        assert!(set.iter().any(|field| field.starts_with(&name) && !field.contains("=;")), "{set:?}");
    }
    world.assert_begins_again(&browser.get(&format!("/ims/callback?code=x&state={state}")).await);
    browser.post_form("/ims/logout", &[]).await;
    for name in foreign.iter().map(String::as_str).chain(["__Host-imsgate", "__Host-imsgate-was"]) {
        assert!(browser.cookie(name).is_some(), "{name}");
    }
    // The newest login of this gateway can be finished in spite of all of them.
    let answer = browser.sign_in("alice", "/view/home").await;
    assert_eq!(answer.location(), "/view/home", "{}", answer.text());
    world.stop().await;
}

/// Removes only the session cookie.
fn lose_session(browser: &Browser) {
    let fresh = browser.cookie("__Host-imsgate-fresh").unwrap();
    browser.forget("__Host-imsgate");
    browser.plant("__Host-imsgate-fresh", &fresh);
}

fn raw(path: &str, cookie: &str) -> http::Request<bytes::Bytes> {
    let cookie = http::HeaderValue::from_bytes(cookie.as_bytes()).unwrap();
    http::Request::get(path)
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::COOKIE, cookie)
        .body(bytes::Bytes::new())
        .unwrap()
}
