//! Forms that are not saved, and saved forms that are not sent.

use http::StatusCode;
use std::time::Duration;

use crate::support::bodies::sha256;
use crate::support::saved_form::{
    AFTER_IDLE_TIMEOUT, URLENCODED, buttons, confirmation, forget_ims, form, received,
};
use crate::support::{World, logs, request};

#[tokio::test]
async fn only_a_same_origin_form_of_the_last_user_is_saved() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let usual = || form(&world, "/demo/echo", URLENCODED, "a=b");
    let with = |name: &'static str, value: &'static str| {
        let mut request = usual();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let without = |names: &[&str]| {
        let mut request = usual();
        for name in names {
            request.headers_mut().remove(*name);
        }
        request
    };
    let long = format!("/demo/echo?{}", "x".repeat(2048));
    for (who, request, word) in [
        (&browser, with("sec-fetch-site", "cross-site"), "another site"),
        (&browser, with("sec-fetch-site", "same-site"), "another site"),
        (&browser, with("origin", "https://evil.example"), "another site"),
        (&browser, without(&["origin", "sec-fetch-site"]), "another site"),
        (&browser, with("content-encoding", "gzip"), "cannot be saved"),
        (&browser, form(&world, &long, URLENCODED, "a=b"), "cannot be saved"),
        (&browser, form(&world, "/demo/echo", URLENCODED, vec![b'x'; (1 << 20) + 1]), "larger than 1 MB"),
        (
            &browser,
            form(&world, "/demo/echo", URLENCODED, "a=b&__sessiontoken=admin%2Fsecret"),
            "cannot be saved",
        ),
        (&world.browser(), usual(), "not signed in"),
    ] {
        let answer = who.request(request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{word}");
        assert!(answer.text().contains(word), "{word}: {}", answer.text());
        assert!(answer.text().contains("Your form was not sent"), "{}", answer.text());
        assert!(answer.set_cookies().is_empty(), "{:?}", answer.set_cookies());
    }
    // Not a navigation: the usual response for programs.
    for request in [
        with("sec-fetch-mode", "cors"),
        with("x-requested-with", "XMLHttpRequest"),
        with("content-type", "application/json"),
    ] {
        let answer = browser.request(request).await;
        assert_eq!(answer.text(), r#"{"error":"login_required","login":"/ims/login"}"#);
    }
    browser.forget("__Host-imsgate-was");
    assert_eq!(browser.request(usual()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(received(&world).len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_form_of_one_person_is_never_sent_as_another() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    forget_ims(&world, &browser).await;
    let silent = browser.follow(&kept).await;
    let to_ims = browser.follow(&silent).await;
    let to_callback = browser.at_ims(&to_ims, "dave").await;
    let arrived = browser.follow(&to_callback).await;
    let kept_cookie =
        kept.set_cookies().into_iter().find(|cookie| cookie.starts_with("__Host-imsgate-kept-")).unwrap();
    let page = browser.follow(&arrived).await;
    assert_eq!(page.status, StatusCode::CONFLICT, "{}", page.text());
    assert!(page.text().contains("Another person was signed in"));
    assert_eq!(logs::audit(&page.request_id())[0].field("event"), "form_dropped");
    // Nor when the owner signs in again.
    let alice = world.signed_in("alice").await;
    let (name, value) = kept_cookie.split(';').next().unwrap().split_once('=').unwrap();
    alice.plant(name, value);
    assert_eq!(alice.get("/ims/resume").await.location(), "/");
    assert_eq!(received(&world).len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_form_id_works_only_in_the_session_of_its_page() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    let page = confirmation(&browser, kept).await;
    let (_, id) = buttons(&page).remove(0);
    let body = format!("imsgate-kept={id}\r\n");

    // Another person, and the same person in another browser.
    for who in ["dave", "alice"] {
        let other = world.signed_in(who).await;
        let answer = other.request(form(&world, "/demo/echo", "text/plain", body.clone())).await;
        assert_eq!(answer.location(), "/ims/resume", "{who}");
    }
    // A page of another site that knows the id.
    let mut foreign = form(&world, "/demo/echo", "text/plain", body.clone());
    foreign.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert_eq!(browser.request(foreign).await.status, StatusCode::FORBIDDEN);
    // An invented id.
    let junk = format!("imsgate-kept={}\r\n", "A".repeat(id.len()));
    assert_eq!(
        browser.request(form(&world, "/demo/echo", "text/plain", junk)).await.location(),
        "/ims/resume"
    );
    assert_eq!(received(&world).len(), 0);

    // The id may be posted to any address: the form goes to its original one.
    let sent = browser.request(form(&world, "/view/home?other=1", "text/plain", body)).await;
    assert_eq!(sent.status, StatusCode::OK);
    assert_eq!(received(&world)[0].path_and_query, "/demo/echo");
    // An ordinary text of the same length goes to Campaign.
    let same_length = vec![b'x'; "imsgate-kept=\r\n".len() + id.len()];
    let echo = browser.request(form(&world, "/demo/echo", "text/plain", same_length.clone())).await.json();
    assert_eq!(echo["body_sha256"], sha256(&same_length));
    world.stop().await;
}

#[tokio::test]
async fn a_browser_that_does_not_store_the_session_gets_a_page_and_no_redirect_loop() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    let at_ims = browser.follow(&kept).await;
    let arrived = browser.follow(&at_ims).await;
    let session = browser.session().unwrap();
    browser.plant("__Host-imsgate", "");
    let page = browser.follow(&arrived).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.text());
    assert!(page.text().contains("cookie"), "{}", page.text());
    browser.plant("__Host-imsgate", &session);
    assert_eq!(buttons(&browser.get("/ims/resume").await).len(), 2, "the form is still kept");
    world.stop().await;
}

#[tokio::test]
async fn several_tabs_keep_their_forms_and_a_person_keeps_four() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let mut last = None;
    for number in 0..6 {
        world.clock.advance(Duration::from_secs(1));
        let target = format!("/demo/echo/{number}?'\"><script>alert(1)</script>");
        let target = target.replace('<', "%3C").replace('>', "%3E").replace('"', "%22");
        last = Some(browser.request(form(&world, &target, URLENCODED, "a=b")).await);
    }
    let page = confirmation(&browser, last.unwrap()).await;
    assert!(!page.text().contains("<script") && !page.text().contains("?'"), "{}", page.text());
    let targets: Vec<String> =
        buttons(&page).into_iter().step_by(2).map(|(target, _)| target[..12].to_owned()).collect();
    assert_eq!(targets, ["/demo/echo/5", "/demo/echo/4", "/demo/echo/3", "/demo/echo/2"], "the latest first");
    world.stop().await;
}

#[tokio::test]
async fn a_form_that_arrives_too_slowly_gets_408() {
    let world = World::builder()
        .config(|config| config.limits.upload_timeout = Duration::from_millis(300))
        .start()
        .await;
    let browser = world.signed_in("alice").await;
    let was = browser.cookie("__Host-imsgate-was").unwrap();
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let mut line = request::connect(&world).await;
    let (host, origin) = (request::host(&world), &world.origin);
    line.send(format!(
        "POST /demo/echo HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n\
         Origin: {origin}\r\nCookie: __Host-imsgate-was={was}\r\nContent-Type: {URLENCODED}\r\n\
         Content-Length: 100\r\n\r\na="
    ))
    .await;
    let answer = line.answer(false).await.unwrap();
    assert_eq!(answer.status(), 408);
    world.stop().await;
}
