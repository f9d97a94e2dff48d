//! `imsgate maintenance`: while it is on, people get a page in place of Campaign, nobody is signed out, and nothing that was sent is lost.

use std::process::Command;
use std::time::Duration;

use http::{Request, StatusCode};
use serde_json::json;

use crate::support::account::soap;
use crate::support::admin::{admin_get, send, value, with_admin};
use crate::support::instances::{TRACKING, at_stage, stage, three_instances};
use crate::support::request::{RawRequest, host};
use crate::support::saved_form::{URLENCODED, buttons, form, received, send as send_form};
use crate::support::switches::{events, state, turn, turn_off, turn_on};
use crate::support::{World, eventually};

const SWITCH: &str = "maintenance";

#[tokio::test]
async fn each_client_gets_its_own_answer_and_campaign_gets_no_request() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await;
    let session = alice.session().unwrap();
    turn_on(&world, SWITCH, "90m").await;
    world.campaign.forget_requests();

    let page = alice.get("/view/home").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    let after: u64 = page.header("retry-after").parse().unwrap();
    assert!((5390..=5400).contains(&after), "{after}");
    let html = page.text();
    assert!(html.contains("<h1>Campaign is under maintenance</h1>"), "{html}");
    assert!(
        html.contains("expected to end <time datetime=\"")
            && (html.contains("in 90 minutes</time>") || html.contains("in 89 minutes</time>")),
        "{html}"
    );
    assert!(html.contains("<a class=\"button\" href=\"\">Try again</a>"), "{html}");
    let german = Request::get("/view/home").header("accept", "text/html").header("accept-language", "de");
    let german = alice.request(german.body(Vec::new().into()).unwrap()).await;
    assert!(german.text().contains("Die Wartung endet voraussichtlich"), "{}", german.text());
    // Somebody without a session gets the page too, and is not sent to Adobe.
    for path in ["/view/home", "/ims/login?return_to=/view/home", "/nl/jsp/logon.jsp?target=/view/home"] {
        let stranger = world.browser().get(path).await;
        assert_eq!(stranger.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(stranger.text().contains("under maintenance"), "{path}");
    }

    let fault = soap("xtk:session#GetOption").session(&session).send_to(&world).await;
    assert_eq!(fault.status(), 503);
    assert!(
        fault.text().contains("<SOAP-ENV:Fault>") && fault.text().contains("maintenance"),
        "{}",
        fault.text()
    );
    assert!(!fault.text().contains("XSV-350008"), "a console must not sign in again");
    for request in [
        RawRequest::get("/view/home").with("Accept: application/json").session(&session),
        RawRequest::post("/xtk/x", "{}").with("Content-Type: application/json").session(&session),
        RawRequest::get("/demo/ws")
            .with("Upgrade: websocket")
            .with("Connection: Upgrade")
            .with("Sec-WebSocket-Version: 13")
            .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
            .session(&session),
        RawRequest::get("/view/home").bearer("x"),
    ] {
        let answer = request.send_to(&world).await;
        assert_eq!((answer.status(), answer.json()["error"].clone()), (503, json!("maintenance")));
        assert!(answer.json()["until"].is_string(), "{}", answer.text());
        assert!(answer.field("retry-after").is_some());
    }
    let frame = RawRequest::get("/view/home").with("Accept: text/html").with("Sec-Fetch-Mode: navigate");
    let frame = frame.with("Sec-Fetch-Dest: iframe").session(&session).send_to(&world).await;
    assert_eq!((frame.status(), frame.field("x-frame-options")), (503, Some("SAMEORIGIN")));
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn public_paths_probes_and_the_admin_listener_go_on() {
    let world = with_admin().start().await;
    turn_on(&world, SWITCH, "").await;
    assert_eq!(RawRequest::get("/r/test").send_to(&world).await.status(), 200);
    for path in ["/ims/health/live", "/ims/health/ready", "/ims/health/sign-in", "/ims/jwks.json"] {
        assert_eq!(RawRequest::get(path).send_to(&world).await.status(), 200, "{path}");
    }
    assert_eq!(RawRequest::get("/res/x.jsp").send_to(&world).await.json()["error"], "closed");
    assert_eq!(admin_get(&world, "/health", "127.0.0.1").await.status(), 200);
    assert_eq!(value(&world, "imsgate_maintenance{campaign_instance=\"default\"}").await, 1);
    let page = world.browser().get("/view/home").await;
    assert_eq!(page.header("retry-after"), "300");
    assert!(!page.text().contains("expected to end"), "{}", page.text());
    turn_off(&world, SWITCH).await;
    assert_eq!(value(&world, "imsgate_maintenance{campaign_instance=\"default\"}").await, 0);
    assert_eq!(world.browser().get("/view/home").await.status, StatusCode::SEE_OTHER);
    world.stop().await;
}

#[tokio::test]
async fn nobody_is_signed_out_by_maintenance_and_waiting_counts_as_use() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await;
    turn_on(&world, SWITCH, "").await;
    for _ in 0..8 {
        world.clock.advance(Duration::from_mins(10));
        assert_eq!(alice.get("/view/home").await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(alice.get("/ims/me").await.status, StatusCode::OK, "what needs no Campaign works");
    turn_off(&world, SWITCH).await;
    assert_eq!(alice.get("/view/home").await.status, StatusCode::OK, "without a sign-in");
    world.stop().await;
}

#[tokio::test]
async fn a_page_of_another_site_keeps_no_session_alive_during_maintenance() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await;
    let session = alice.session().unwrap();
    turn_on(&world, SWITCH, "").await;
    for _ in 0..4 {
        world.clock.advance(Duration::from_mins(10));
        let foreign = RawRequest::post("/view/home", "a=b")
            .session(&session)
            .with("Origin: https://evil.example")
            .with("Sec-Fetch-Site: cross-site");
        assert_eq!(foreign.send_to(&world).await.status(), 503);
    }
    assert_eq!(alice.get_json("/ims/me").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test]
async fn a_form_is_saved_for_longer_than_usual_and_sent_afterwards() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await;
    turn_on(&world, SWITCH, "8h").await;
    world.campaign.forget_requests();
    let saved = alice.request(form(&world, "/xtk/demo/form?from=home", URLENCODED, "label=Winter")).await;
    assert_eq!(saved.status, StatusCode::SERVICE_UNAVAILABLE, "{}", saved.text());
    assert!(saved.text().contains("<h1>Your form is saved</h1>"), "{}", saved.text());
    let link = "/ims/resume?return_to=%2Fview%2Fhome%3Fdraft%3D7";
    assert!(saved.text().contains(&format!("href=\"{link}\"")), "{}", saved.text());
    assert_eq!(alice.get(link).await.status, StatusCode::SERVICE_UNAVAILABLE);
    // Longer than session.login_timeout, and used meanwhile.
    for _ in 0..8 {
        world.clock.advance(Duration::from_mins(10));
        alice.get("/view/home").await;
    }
    turn_off(&world, SWITCH).await;
    let confirm = alice.get(link).await;
    assert_eq!(buttons(&confirm)[0].0, "/xtk/demo/form?from=home", "{}", confirm.text());
    assert_eq!(received(&world).len(), 0, "nothing is sent before the person says so");
    assert_eq!(send_form(&world, &alice, &confirm).await.status, StatusCode::OK);
    assert_eq!(received(&world).len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_form_that_cannot_be_saved_is_not_lost_silently() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await;
    turn_on(&world, SWITCH, "").await;
    let large = form(&world, "/xtk/demo/form", URLENCODED, vec![b'x'; (1 << 20) + 1]);
    let lost = alice.request(large).await;
    assert_eq!(lost.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        lost.text().contains("copy what you typed") && lost.text().contains("maintenance"),
        "{}",
        lost.text()
    );
    let mut framed = form(&world, "/xtk/demo/form", URLENCODED, "a=b");
    framed.headers_mut().insert("sec-fetch-dest", "iframe".parse().unwrap());
    let framed = alice.request(framed).await;
    assert!(framed.text().contains("copy what you typed"), "{}", framed.text());
    world.stop().await;
}

#[tokio::test]
async fn maintenance_ends_by_itself_and_the_audit_trail_has_each_change() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await;
    turn_on(&world, SWITCH, "10m").await;
    turn_on(&world, SWITCH, "20m").await;
    world.clock.advance(Duration::from_mins(19));
    assert_eq!(alice.get("/view/home").await.status, StatusCode::SERVICE_UNAVAILABLE);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(alice.get("/view/home").await.status, StatusCode::OK, "at the end, not later");
    eventually(async || events(&world, SWITCH).await.len() == 3).await;
    turn_on(&world, SWITCH, "").await;
    turn_off(&world, SWITCH).await;
    turn_off(&world, SWITCH).await;
    let changes: Vec<_> = events(&world, SWITCH).await;
    let changes: Vec<_> = changes
        .iter()
        .map(|event| (event["change"].clone(), event["by"].clone(), event["until"].is_string()))
        .collect();
    let command = json!("command");
    assert_eq!(
        changes,
        [
            (json!("on"), command.clone(), true),
            (json!("on"), command.clone(), true),
            (json!("ended"), json!(null), false),
            (json!("on"), command.clone(), false),
            (json!("off"), command, false),
        ]
    );
    world.stop().await;
}

#[tokio::test]
async fn one_instance_alone_can_be_under_maintenance() {
    let world = three_instances()
        .config(|config| config.listen.admin = Some(([127, 0, 0, 1], 0).into()))
        .start()
        .await;
    let answer = turn(&world, SWITCH, &json!({ "on": true, "instance": "stage" })).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let on: Vec<_> =
        state(&world, SWITCH).await.as_array().unwrap().iter().map(|one| one["on"].clone()).collect();
    assert_eq!(on, [json!(false), json!(true)], "acme and stage");
    let home = || RawRequest::get("/view/home").navigation();
    assert_eq!(home().send_to(&world).await.status(), 303, "acme works");
    assert_eq!(home().for_host(&world, &stage(&world)).await.status(), 503);
    turn_on(&world, SWITCH, "").await;
    assert_eq!(home().send_to(&world).await.status(), 503);
    assert_eq!(RawRequest::get("/r/test").for_host(&world, TRACKING).await.status(), 200);
    let off = turn(&world, SWITCH, &json!({ "on": false, "instance": "acme" })).await;
    assert_eq!(off.json()["instances"][1]["on"], true, "{}", off.text());
    assert_eq!(home().for_host(&world, &at_stage(host(&world))).await.status(), 503);
    for wrong in ["tracking", "other"] {
        let answer = turn(&world, SWITCH, &json!({ "on": true, "instance": wrong })).await;
        assert_eq!(answer.status(), 400);
        assert!(answer.text().contains("acme, stage"), "{}", answer.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn the_command_turns_it_and_says_what_is_wrong() {
    let world = with_admin().start().await;
    let admin = world.gateway.admin.unwrap().to_string();
    let run = async |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
        command.arg("maintenance").args(words).args(["--admin", &admin]).env_remove("IMSGATE_CONFIG");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    assert_eq!(run(&["status"]).await, (Some(0), "default: maintenance is off\n".to_owned()));
    let (code, text) = run(&["on", "--until", "2h"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("default: maintenance is on since ") && text.contains(", until "), "{text}");
    let (code, text) = run(&["on", "--until", "14:00"]).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("write a time with its zone"), "{text}");
    assert_eq!(run(&["on", "--instance", "other"]).await.0, Some(2));
    let (_, json) = run(&["off", "--json"]).await;
    assert!(json.contains("\"on\": false"), "{json}");
    world.stop().await;
}

#[tokio::test]
async fn the_admin_page_shows_and_turns_it() {
    let world = with_admin()
        .config(|config| config.listen.admin_token = Some("the-token-of-the-test".to_owned().into()))
        .start()
        .await;
    let post = |path: &str, form: &str| {
        RawRequest::post(path, form)
            .with("Content-Type: application/x-www-form-urlencoded")
            .with("Origin: http://127.0.0.1")
    };
    let cookie = send(&world, &post("/admin/sign-in", "token=the-token-of-the-test")).await;
    let cookie = format!("Cookie: {}", cookie.field("set-cookie").unwrap().split(';').next().unwrap());
    let overview = async || send(&world, &RawRequest::get("/admin").with(&cookie)).await.text();
    assert!(overview().await.contains("Turn maintenance on"));
    assert!(!overview().await.contains("Turn maintenance off"));
    let form = "until=2h&on=true";
    let foreign = RawRequest::post("/admin/switches/maintenance", form).with(&cookie);
    assert_eq!(
        send(&world, &foreign.with("Content-Type: application/x-www-form-urlencoded")).await.status(),
        403
    );
    let on = send(&world, &post("/admin/switches/maintenance", form).with(&cookie)).await;
    assert_eq!((on.status(), on.field("location")), (303, Some("/admin")), "{}", on.text());
    let shown = overview().await;
    assert!(shown.contains("Turn maintenance off") && shown.contains("ends <time"), "{shown}");
    assert!(shown.contains("Change its end") && !shown.contains("Turn maintenance on"), "{shown}");
    assert_eq!(world.browser().get("/view/home").await.status, StatusCode::SERVICE_UNAVAILABLE);
    send(&world, &post("/admin/switches/maintenance", "until=&on=false").with(&cookie)).await;
    assert_eq!(world.browser().get("/view/home").await.status, StatusCode::SEE_OTHER);
    world.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_maintenance_and_a_restart_does_not() {
    let world = with_admin().start().await;
    turn_on(&world, SWITCH, "").await;
    let changed = world.changed(|config| config.limits.body_bytes = Some(1 << 30));
    world.gateway.apply(&changed);
    assert_eq!(world.browser().get("/view/home").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let world: World = world.restarted_after(Duration::from_secs(1)).await;
    assert_eq!(world.browser().get("/view/home").await.status, StatusCode::SEE_OTHER);
    world.stop().await;
}
