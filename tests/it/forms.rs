//! A form that meets an ended session: kept, confirmed, sent once, by nobody else.

use bytes::Bytes;
use http::{Request, StatusCode};
use imsgate::demo::campaign::Recorded;
use std::time::Duration;

use crate::ask;
use crate::support::{Answer, Browser, World, logs};

const URLENCODED: &str = "application/x-www-form-urlencoded";
/// Longer than the idle time-out.
const LUNCH: Duration = Duration::from_mins(31);

/// A form of `page` as a browser sends it; `site` is `Sec-Fetch-Site`.
fn form(world: &World, target: &str, kind: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(target)
        .header("accept", "text/html,*/*;q=0.8")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-site", "same-origin")
        .header("origin", &world.origin)
        .header("referer", format!("{}/view/home?draft=7", world.origin))
        .header("content-type", kind)
        .body(body.into())
        .unwrap()
}

/// The pages between a kept form and the question whether to send it, without anybody typing.
async fn confirmation(browser: &Browser, kept: Answer) -> Answer {
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.text());
    assert_eq!(kept.parameter("prompt").as_deref(), Some("none"));
    let at_ims = browser.follow(&kept).await;
    let arrived = browser.follow(&at_ims).await;
    assert!(arrived.location().starts_with("/ims/resume?"), "{} {}", arrived.location(), arrived.text());
    browser.follow(&arrived).await
}

/// Where the buttons of a page post to, and what names each form: first "Send now", then "Do not send".
fn buttons(page: &Answer) -> Vec<(String, String)> {
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let html = page.text();
    let of = |text: &str, start: &str| {
        let rest = text.split_once(start).unwrap().1;
        rest.split_once('"').unwrap().0.replace("&#38;", "&").replace("&#34;", "\"").replace("&#39;", "'")
    };
    html.split("<form ").skip(1).map(|form| (of(form, "action=\""), of(form, "value=\""))).collect()
}

/// Presses "Send now".
async fn send(world: &World, browser: &Browser, page: &Answer) -> Answer {
    let (target, mark) = buttons(page).remove(0);
    browser.request(form(world, &target, "text/plain", format!("imsgate-kept={mark}\r\n"))).await
}

fn received(world: &World) -> Vec<Recorded> {
    let is_form = |request: &Recorded| {
        request.method == "POST" && !request.path_and_query.starts_with("/nl/jsp/soaprouter.jsp")
    };
    world.campaign.requests().into_iter().filter(is_form).collect()
}

#[tokio::test]
async fn a_form_that_met_an_ended_session_is_sent_once_after_a_silent_login() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let home = browser.get("/view/home").await.text();
    let token = home.split_once("name=\"__securitytoken\" value=\"").unwrap().1.split('"').next().unwrap();
    world.clock.advance(LUNCH);

    let fields = [("__securitytoken", token), ("label", "Winter \u{2603} <b>")];
    let kept = browser.post_form("/xtk/demo/form?from=home&x=%22", &fields).await;
    assert_eq!(received(&world).len(), 0);
    let page = confirmation(&browser, kept).await;
    assert_eq!(received(&world).len(), 0, "nothing leaves before somebody has said so");
    assert!(page.text().contains("<bdi>/xtk/demo/form</bdi>"), "{}", page.text());
    assert!(page.text().contains("alice@example.com"));
    assert_eq!(buttons(&page)[0].0, "/xtk/demo/form?from=home&x=%22");
    assert!(!page.text().contains("<script"));
    assert!(page.header("content-security-policy").contains("form-action 'self'"));

    // Campaign takes it: the old session's security token has become the new one's.
    let saved = send(&world, &browser, &page).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.text());
    assert!(
        saved.text().contains("The delivery \u{201c}Winter \u{2603} &#60;b&#62;\u{201d} is saved"),
        "{}",
        saved.text()
    );
    let all = received(&world);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].path_and_query, "/xtk/demo/form?from=home&x=%22");
    assert_eq!(all[0].header("content-type"), Some(URLENCODED));
    assert_eq!(all[0].header("x-ims-email"), Some("alice@example.com"));
    assert!(!format!("{:?}", all[0].headers).contains("imsgate-"), "{:?}", all[0].headers);

    // Reload, back and forth: never again.
    let again = send(&world, &browser, &page).await;
    assert_eq!(again.status, StatusCode::GONE, "{}", again.text());
    assert_eq!(browser.get("/ims/resume").await.location(), "/", "nothing waits");
    assert_eq!(received(&world).len(), 1);
    assert_eq!(logs::audit(&saved.request_id())[0].field("event"), "form_sent");
    for secret in ["Winter", "from=home", &buttons(&page)[0].1, token] {
        assert!(!logs::say(secret), "{secret} is in the log");
    }
    world.stop().await;
}

#[tokio::test]
async fn every_encoding_arrives_to_the_byte() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let multipart =
        b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n\x00\xff\xfe\r\n--b--\r\n";
    let large = vec![b'x'; 1 << 20];
    for (kind, body) in [
        ("multipart/form-data; boundary=b", &multipart[..]),
        ("text/plain", b"a=b\r\n"),
        (URLENCODED, b""),
        ("application/x-www-form-urlencoded; charset=UTF-8", &large),
    ] {
        world.clock.advance(LUNCH);
        let kept = browser.request(form(&world, "/demo/echo/a?b=c", kind, body.to_vec())).await;
        let page = confirmation(&browser, kept).await;
        let echo = send(&world, &browser, &page).await.json();
        assert_eq!(echo["body_len"], body.len(), "{kind}");
        assert_eq!(echo["body_sha256"], sha256(body), "{kind}");
        assert_eq!(echo["path_and_query"], "/demo/echo/a?b=c");
        let field = |name: &str| {
            echo["headers"]
                .as_array()
                .unwrap()
                .iter()
                .find(|pair| pair[0] == name)
                .map(|pair| pair[1].clone())
        };
        assert_eq!(field("content-type").unwrap(), kind);
        assert_eq!(field("referer").unwrap(), format!("{}/view/home?draft=7", world.origin));
    }
    world.stop().await;
}

#[tokio::test]
async fn who_has_to_type_a_name_finds_the_form_again_and_may_discard_it() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(LUNCH);
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    // Adobe has forgotten the browser meanwhile.
    forget_ims(&world, &browser).await;
    let silent = browser.follow(&kept).await;
    assert_eq!(silent.parameter("error").as_deref(), Some("login_required"));
    let to_ims = browser.follow(&silent).await;
    world.assert_begins_again(&to_ims);
    assert_eq!(to_ims.parameter("prompt"), None);
    let to_callback = browser.at_ims(&to_ims, "alice").await;
    let arrived = browser.follow(&to_callback).await;
    let page = browser.follow(&arrived).await;
    let (discard, mark) = buttons(&page).remove(1);
    assert_eq!(discard, "/ims/resume/discard");
    let foreign =
        Request::post(&discard).header("origin", "https://evil.example").header("accept", "text/html");
    let foreign = foreign.body(format!("imsgate-kept={mark}").into()).unwrap();
    assert_eq!(browser.request(foreign).await.status, StatusCode::FORBIDDEN);
    let back = browser.post_form(&discard, &[("imsgate-kept", &mark)]).await;
    assert_eq!(browser.follow(&back).await.location(), "/view/home?draft=7", "back to the page of the form");
    assert_eq!(send(&world, &browser, &page).await.status, StatusCode::GONE);
    assert_eq!(received(&world).len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn what_is_not_an_own_form_of_somebody_known_is_not_kept_and_says_so() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(LUNCH);
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
        (&browser, with("content-encoding", "gzip"), "cannot be kept"),
        (&browser, form(&world, &long, URLENCODED, "a=b"), "cannot be kept"),
        (&browser, form(&world, "/demo/echo", URLENCODED, vec![b'x'; (1 << 20) + 1]), "larger than 1 MB"),
        (&world.browser(), usual(), "not signed in"),
    ] {
        let answer = who.request(request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{word}");
        assert!(answer.text().contains(word), "{word}: {}", answer.text());
        assert!(answer.text().contains("What you entered was not sent"), "{}", answer.text());
        assert!(answer.set_cookies().is_empty(), "{:?}", answer.set_cookies());
    }
    // No navigation: the words for programs, as ever.
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
    world.clock.advance(LUNCH);
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
    assert!(page.text().contains("Somebody else was signed in"));
    assert_eq!(logs::audit(&page.request_id())[0].field("event"), "form_dropped");
    // Nor when its owner comes back.
    let alice = world.signed_in("alice").await;
    let (name, value) = kept_cookie.split(';').next().unwrap().split_once('=').unwrap();
    alice.plant(name, value);
    assert_eq!(alice.get("/ims/resume").await.location(), "/");
    assert_eq!(received(&world).len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn what_names_a_form_works_in_the_session_of_its_page_only() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(LUNCH);
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    let page = confirmation(&browser, kept).await;
    let (_, mark) = buttons(&page).remove(0);
    let body = format!("imsgate-kept={mark}\r\n");

    // Somebody else, and the same person elsewhere.
    for who in ["dave", "alice"] {
        let other = world.signed_in(who).await;
        let answer = other.request(form(&world, "/demo/echo", "text/plain", body.clone())).await;
        assert_eq!(answer.location(), "/ims/resume", "{who}");
    }
    // Another site's page that learned it.
    let mut foreign = form(&world, "/demo/echo", "text/plain", body.clone());
    foreign.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert_eq!(browser.request(foreign).await.status, StatusCode::FORBIDDEN);
    // A mark of nobody's.
    let junk = format!("imsgate-kept={}\r\n", "A".repeat(mark.len()));
    assert_eq!(
        browser.request(form(&world, "/demo/echo", "text/plain", junk)).await.location(),
        "/ims/resume"
    );
    assert_eq!(received(&world).len(), 0);

    // Whatever address it is posted to, the form goes where it was meant to go.
    let sent = browser.request(form(&world, "/view/home?other=1", "text/plain", body)).await;
    assert_eq!(sent.status, StatusCode::OK);
    assert_eq!(received(&world)[0].path_and_query, "/demo/echo");
    // An ordinary text of the same length is Campaign's.
    let same_length = vec![b'x'; "imsgate-kept=\r\n".len() + mark.len()];
    let echo = browser.request(form(&world, "/demo/echo", "text/plain", same_length.clone())).await.json();
    assert_eq!(echo["body_sha256"], sha256(&same_length));
    world.stop().await;
}

#[tokio::test]
async fn a_button_pressed_after_the_session_ended_once_more_brings_the_same_page_again() {
    let world =
        World::builder().config(|config| config.session.idle_timeout = Duration::from_mins(10)).start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(Duration::from_mins(11));
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    let page = confirmation(&browser, kept).await;
    world.clock.advance(Duration::from_mins(11));
    let late = send(&world, &browser, &page).await;
    let page = confirmation(&browser, late).await;
    assert_eq!(buttons(&page).len(), 2, "one form: {}", page.text());
    assert_eq!(send(&world, &browser, &page).await.json()["body_len"], 3);
    // What is kept longer than a login may take is gone.
    world.clock.advance(Duration::from_mins(11));
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    let page = confirmation(&browser, kept).await;
    for _ in 0..4 {
        world.clock.advance(Duration::from_mins(8));
        browser.get("/view/home").await;
    }
    assert_eq!(send(&world, &browser, &page).await.status, StatusCode::GONE);
    assert_eq!(received(&world).len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_form_outlives_an_absence_of_campaign_and_of_ims() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(LUNCH);
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    // IMS is away while the login is open; its page's button begins another.
    let at_ims = browser.follow(&kept).await;
    world.ims.faults().down(true);
    let failed = browser.follow(&at_ims).await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE, "{}", failed.text());
    world.ims.faults().down(false);
    let retry =
        failed.text().split_once("href=\"/ims/login").unwrap().1.split('"').next().unwrap().to_owned();
    let again = browser.get(&format!("/ims/login{retry}")).await;
    let page = confirmation(&browser, again).await;

    world.campaign.stop().await;
    let answer = send(&world, &browser, &page).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", answer.text());
    assert!(
        answer.text().contains("still kept") && answer.text().contains("href=\"/ims/resume\""),
        "{}",
        answer.text()
    );
    assert_eq!(buttons(&browser.get("/ims/resume").await).len(), 2, "the same form");
    world.stop().await;
}

#[tokio::test]
async fn several_tabs_keep_their_forms_and_a_person_keeps_four() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(LUNCH);
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
async fn a_form_that_comes_too_slowly_is_given_up() {
    let world = World::builder()
        .config(|config| config.limits.upload_timeout = Duration::from_millis(300))
        .start()
        .await;
    let browser = world.signed_in("alice").await;
    let was = browser.cookie("__Host-imsgate-was").unwrap();
    world.clock.advance(LUNCH);
    let mut line = ask::line(&world).await;
    let (host, origin) = (ask::host(&world), &world.origin);
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

/// Ends the browser's session at IMS.
async fn forget_ims(world: &World, browser: &Browser) {
    let url = format!("{}/ims/logout/v1?client_id=Campaign1", world.ims.url());
    assert!(browser.get(&url).await.status.is_redirection());
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
