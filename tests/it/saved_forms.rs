//! A form that meets an expired session is saved, confirmed and sent once.

use http::{Request, StatusCode};
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Fault};
use std::time::Duration;

use crate::support::bodies::sha256;
use crate::support::saved_form::{
    AFTER_IDLE_TIMEOUT, URLENCODED, buttons, confirmation, forget_ims, form, received, send,
};
use crate::support::{World, logs};

#[tokio::test]
async fn a_form_that_met_an_ended_session_is_sent_once_after_a_silent_login() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let home = browser.get("/view/home").await.text();
    let token = home.split_once("name=\"__securitytoken\" value=\"").unwrap().1.split('"').next().unwrap();
    world.clock.advance(AFTER_IDLE_TIMEOUT);

    let fields = [("__securitytoken", token), ("label", "Winter \u{2603} <b>")];
    let kept = browser.post_form("/xtk/demo/form?from=home&x=%22", &fields).await;
    assert_eq!(received(&world).len(), 0);
    let page = confirmation(&browser, kept).await;
    assert_eq!(received(&world).len(), 0, "nothing leaves before somebody has said so");
    assert!(page.text().contains("<bdi>/xtk/demo/form</bdi>"), "{}", page.text());
    assert!(page.text().contains("alice@example.com"));
    assert_eq!(buttons(&page)[0].0, "/xtk/demo/form?from=home&x=%22");
    assert!(!page.text().contains("<script"));
    assert!(page.header("content-security-policy").contains("form-action 'self' https: http:;"));

    // Campaign accepts it: the security token of the old session was replaced with the new one.
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

    // Reload, Back and Forward do not send it again.
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
        world.clock.advance(AFTER_IDLE_TIMEOUT);
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
async fn a_form_is_still_there_after_an_interactive_sign_in_and_can_be_discarded() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    // IMS has forgotten the browser meanwhile.
    forget_ims(&world, &browser).await;
    let silent = browser.follow(&kept).await;
    assert_eq!(silent.parameter("error").as_deref(), Some("login_required"));
    let to_ims = browser.follow(&silent).await;
    world.assert_begins_again(&to_ims);
    assert_eq!(to_ims.parameter("prompt"), None);
    let to_callback = browser.at_ims(&to_ims, "alice").await;
    let arrived = browser.follow(&to_callback).await;
    let page = browser.follow(&arrived).await;
    let (discard, id) = buttons(&page).remove(1);
    assert_eq!(discard, "/ims/resume/discard");
    let foreign =
        Request::post(&discard).header("origin", "https://evil.example").header("accept", "text/html");
    let foreign = foreign.body(format!("imsgate-kept={id}").into()).unwrap();
    assert_eq!(browser.request(foreign).await.status, StatusCode::FORBIDDEN);
    let back = browser.post_form(&discard, &[("imsgate-kept", &id)]).await;
    assert_eq!(browser.follow(&back).await.location(), "/view/home?draft=7", "back to the page of the form");
    assert_eq!(send(&world, &browser, &page).await.status, StatusCode::GONE);
    assert_eq!(received(&world).len(), 0);
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
    // A form expires with the time for a login.
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
async fn a_form_survives_an_outage_of_campaign_and_of_ims() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    // IMS is unavailable while the login is open. The button of the page starts another login.
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
        answer.text().contains("still saved") && answer.text().contains("href=\"/ims/resume\""),
        "{}",
        answer.text()
    );
    assert_eq!(buttons(&browser.get("/ims/resume").await).len(), 2, "the same form");
    world.stop().await;
}

#[tokio::test]
async fn a_form_that_may_have_arrived_is_never_sent_again() {
    let world = World::builder()
        .instance(|instance| instance.campaign.response_timeout = Duration::from_millis(500))
        .start()
        .await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let kept = browser.request(form(&world, "/demo/echo", URLENCODED, "a=b")).await;
    let page = confirmation(&browser, kept).await;
    world.campaign.faults().answer(FaultFrequency::Once, Fault::Never);
    let answer = send(&world, &browser, &page).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(
        answer.text().contains("We do not know whether Campaign received your form"),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains("href=\"/view/home?draft=7\""), "{}", answer.text());
    assert_eq!(send(&world, &browser, &page).await.status, StatusCode::GONE);
    assert_eq!(received(&world).len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_form_over_http2_is_saved_and_sent() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await.over_http2();
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let kept = browser.request(form(&world, "/demo/echo?x=1", URLENCODED, "a=b")).await;
    let page = confirmation(&browser, kept).await;
    let echo = send(&world, &browser, &page).await.json();
    assert_eq!((&echo["path_and_query"], &echo["body_len"]), (&"/demo/echo?x=1".into(), &3.into()));
    world.stop().await;
}
