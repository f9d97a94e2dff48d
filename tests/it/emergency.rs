//! `imsgate emergency`: listed accounts of Campaign sign in with a password while IMS is down, from their networks, for some hours.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use imsgate::config::NativeAccount;
use imsgate::internal::PublicPaths;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::admin::{value, with_admin};
use crate::support::instances::{stage, three_instances};
use crate::support::request::RawRequest;
use crate::support::switches::{events, turn, turn_off, turn_on};
use crate::support::websocket::{self, echoed, ended};
use crate::support::{Browser, Builder, eventually, logs};

const SWITCH: &str = "emergency";
const PASSWORD: &str = "demo-admin-password";
const LOGON: &str = "/nl/jsp/logon.jsp";

/// The accounts `admin`, for emergencies from this network, and `internal`, which the configuration does not list.
fn with_account(network: &str) -> Builder {
    let account = NativeAccount {
        login: "admin".to_owned(),
        networks: vec![network.parse().unwrap()],
        paths: PublicPaths::default(),
        emergency: true,
    };
    with_admin().instance(move |instance| instance.campaign.native_accounts = vec![account])
}

async fn sign_in(browser: &Browser, login: &str, password: &str) -> crate::support::Answer {
    let fields = [("target", "/view/home"), ("action", "submit"), ("login", login), ("password", password)];
    browser.post_form(LOGON, &fields).await
}

/// A logon of a client console.
fn logon(login: &str, password: &str) -> RawRequest {
    let call = format!("<Logon xmlns='urn:xtk:session'><t/><a>{login}</a><b>{password}</b><c/></Logon>");
    let envelope = format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body>{call}</E:Body></E:Envelope>"
    );
    RawRequest::post("/nl/jsp/soaprouter.jsp", &envelope)
        .with("Content-Type: text/xml")
        .with("SoapAction: xtk:session#Logon")
}

#[tokio::test]
async fn without_an_emergency_the_account_is_refused_however_it_tries() {
    let world = with_account("127.0.0.0/8")
        .instance(|instance| instance.campaign.foreign_tokens = imsgate::config::ForeignTokens::Report)
        .start()
        .await;
    let browser = world.browser();
    assert_eq!(browser.get("/view/home").await.status, StatusCode::SEE_OTHER, "to IMS, without a form");
    assert_ne!(sign_in(&browser, "admin", PASSWORD).await.status, StatusCode::FOUND);
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    for request in [
        logon("admin", PASSWORD),
        logon("Admin", PASSWORD).session(&alice),
        logon("admin", PASSWORD).session(&alice),
        RawRequest::get(&format!("/view/home?__sessiontoken=admin%2F{PASSWORD}")),
        RawRequest::get(&format!("/view/home?__sessiontoken=admin%2F{PASSWORD}")).session(&alice),
    ] {
        let answer = request.send_to(&world).await;
        assert!([401, 403].contains(&answer.status()), "{}", answer.text());
    }
    assert!(world.campaign.requests().is_empty(), "no password reached Campaign");
    world.stop().await;
}

#[tokio::test]
async fn a_person_who_cannot_sign_in_at_ims_gets_a_form_and_works_with_it() {
    let world = with_account("127.0.0.0/8").start().await;
    turn_on(&world, SWITCH, "2h").await;
    let browser = world.browser();
    let page = browser.get("/view/home?a=1&b=2").await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{}", page.text());
    let html = page.text();
    assert!(html.contains("<form method=\"post\" action=\"/nl/jsp/logon.jsp\">"), "{html}");
    assert!(html.contains("name=\"target\" value=\"/view/home?a=1&#38;b=2\""), "{html}");
    assert!(
        html.contains("href=\"/ims/login?return_to=%2Fview%2Fhome%3Fa%3D1%26b%3D2&#38;with=adobe\""),
        "{html}"
    );
    assert!(page.header("content-security-policy").contains("form-action 'self'"));
    // The other button leads to IMS as always.
    let to_ims = browser.click("/ims/login?return_to=%2Fview%2Fhome&with=adobe").await;
    assert!(to_ims.location().contains("/ims/authorize/"), "{}", to_ims.location());
    assert_eq!(browser.get("/ims/login?return_to=/view/home").await.status, StatusCode::UNAUTHORIZED);

    let wrong = sign_in(&browser, "admin", "wrong").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(wrong.text().contains("role=\"alert\">Login or password was not accepted"), "{}", wrong.text());
    let signed_in = sign_in(&browser, "admin", PASSWORD).await;
    assert_eq!(
        (signed_in.status, signed_in.location()),
        (StatusCode::FOUND, "/view/home"),
        "{}",
        signed_in.text()
    );
    assert_eq!(browser.get("/view/home").await.status, StatusCode::OK);
    assert!(!format!("{:?}", signed_in.set_cookies()).contains(&world.campaign.sessions()[0].session_token));
    assert_eq!(value(&world, "imsgate_emergency{campaign_instance=\"default\"}").await, 1);
    let uses = events(&world, "emergency_logon").await;
    let uses: Vec<_> = uses.iter().map(|used| (used["login"].clone(), used["signed_in"].clone())).collect();
    assert_eq!(uses, [(json!("admin"), json!(false)), (json!("admin"), json!(true))]);
    assert!(!logs::say(PASSWORD));
    world.stop().await;
}

#[tokio::test]
async fn an_ims_that_is_down_leads_to_the_form() {
    let world = with_account("127.0.0.0/8").ims_down().start().await;
    turn_on(&world, SWITCH, "2h").await;
    let page = world.browser().click("/ims/login?return_to=/view/home&with=adobe").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    let html = page.text();
    assert!(
        html.contains("role=\"alert\">Adobe sign-in is not available") && html.contains("name=\"login\""),
        "{html}"
    );
    assert!(page.headers.contains_key("retry-after"));
    world.stop().await;
}

#[tokio::test]
async fn other_accounts_and_other_networks_stay_out_during_an_emergency() {
    let world = with_account("127.0.0.0/8").start().await;
    turn_on(&world, SWITCH, "2h").await;
    let unlisted = sign_in(&world.browser(), "internal", PASSWORD).await;
    assert_eq!(unlisted.status, StatusCode::FORBIDDEN);
    assert!(unlisted.text().contains("Login or password was not accepted"), "{}", unlisted.text());
    let in_query = RawRequest::get(&format!("/view/home?__sessiontoken=admin%2F{PASSWORD}"));
    assert_eq!(in_query.send_to(&world).await.status(), 401, "it signs in, or it is nobody");
    let alice = world.browser();
    alice.get("/ims/login?with=adobe&return_to=/view/home").await;
    assert!(world.campaign.requests().iter().all(|request| !request.path_and_query.starts_with(LOGON)));
    world.stop().await;

    let elsewhere = with_account("192.0.2.0/24").start().await;
    turn_on(&elsewhere, SWITCH, "2h").await;
    let browser = elsewhere.browser();
    assert_eq!(browser.get("/view/home").await.status, StatusCode::SEE_OTHER, "no form, to IMS");
    assert_ne!(sign_in(&browser, "admin", PASSWORD).await.status, StatusCode::FOUND);
    assert_eq!(logon("admin", PASSWORD).send_to(&elsewhere).await.status(), 403);
    assert!(elsewhere.campaign.requests().is_empty(), "no password reached Campaign");
    elsewhere.stop().await;
}

#[tokio::test]
async fn an_emergency_ends_by_itself_with_its_sessions_and_a_later_one_does_not_revive_them() {
    let world = with_account("127.0.0.0/8").start().await;
    turn_on(&world, SWITCH, "1h").await;
    let browser = world.browser();
    sign_in(&browser, "admin", PASSWORD).await;
    let console = logon("admin", PASSWORD).send_to(&world).await;
    assert_eq!(console.status(), 200, "{}", console.text());
    world.clock.advance(Duration::from_mins(58));
    assert_eq!(browser.get("/view/home").await.status, StatusCode::OK);
    world.clock.advance(Duration::from_mins(2));
    assert_eq!(browser.get("/view/home").await.status, StatusCode::SEE_OTHER, "to IMS: the session is over");
    assert_ne!(sign_in(&world.browser(), "admin", PASSWORD).await.status, StatusCode::FOUND);
    eventually(async || events(&world, SWITCH).await.len() == 2).await;
    world.eventually(|| world.campaign.logoffs().len() == 1).await;
    turn_on(&world, SWITCH, "1h").await;
    assert_eq!(browser.get("/view/home").await.status, StatusCode::UNAUTHORIZED, "the form again");
    assert_eq!(sign_in(&browser, "admin", PASSWORD).await.status, StatusCode::FOUND, "which works at once");
    assert_eq!(browser.get("/view/home").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn off_ends_the_sessions_at_once_and_is_audited() {
    let world = with_account("127.0.0.0/8").start().await;
    turn_on(&world, SWITCH, "1h").await;
    let browser = world.browser();
    sign_in(&browser, "admin", PASSWORD).await;
    turn_off(&world, SWITCH).await;
    assert_eq!(browser.get("/view/home").await.status, StatusCode::SEE_OTHER);
    // On again within the same second.
    turn_on(&world, SWITCH, "1h").await;
    assert_eq!(browser.get("/view/home").await.status, StatusCode::UNAUTHORIZED);
    let changes: Vec<_> = events(&world, SWITCH).await.iter().map(|event| event["change"].clone()).collect();
    assert_eq!(changes, [json!("on"), json!("off"), json!("on")]);
    world.stop().await;
}

#[tokio::test]
async fn an_emergency_account_does_not_log_on_beside_a_person() {
    let world = with_account("127.0.0.0/8").start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    turn_on(&world, SWITCH, "1h").await;
    world.campaign.forget_requests();
    // Its session would belong to the person, and would not end with the emergency.
    assert_eq!(logon("admin", PASSWORD).session(&alice).send_to(&world).await.status(), 403);
    assert!(world.campaign.requests().is_empty(), "no password reached Campaign");
    assert_eq!(logon("admin", PASSWORD).send_to(&world).await.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_address_of_the_client_counts() {
    let world = with_account("192.0.2.0/24")
        .config(|config| config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()])
        .start()
        .await;
    turn_on(&world, SWITCH, "1h").await;
    let console = |client: &str| logon("admin", PASSWORD).with(&format!("X-Forwarded-For: {client}"));
    // What the client itself writes stands before what the proxy adds.
    assert_eq!(console("192.0.2.7, 198.51.100.1").send_to(&world).await.status(), 403);
    assert!(world.campaign.requests().is_empty(), "no password reached Campaign");
    assert_eq!(console("198.51.100.1, 192.0.2.7").send_to(&world).await.status(), 200);
    let uses = events(&world, "emergency_logon").await;
    let uses: Vec<_> = uses.iter().map(|used| used["peer"].clone()).collect();
    assert_eq!(uses, [json!("192.0.2.7")]);
    world.stop().await;
}

#[tokio::test]
async fn a_websocket_of_an_emergency_account_ends_with_the_emergency() {
    let world = with_account("127.0.0.0/8").start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    turn_on(&world, SWITCH, "1h").await;
    let open_as_admin = async || {
        let browser = world.browser();
        sign_in(&browser, "admin", PASSWORD).await;
        let ticket = format!("__sessiontoken={}", browser.cookie("__sessiontoken").unwrap());
        websocket::open_with_cookie(&world, &ticket).await.unwrap()
    };
    let mut first = open_as_admin().await;
    let mut persons = websocket::open(&world, &alice, None).await.unwrap();
    assert_eq!(echoed(&mut first, Message::text("here")).await, Message::text("here"));
    turn_off(&world, SWITCH).await;
    assert!(ended(&mut first).await, "an operator ended the emergency");

    turn_on(&world, SWITCH, "10m").await;
    let mut second = open_as_admin().await;
    assert_eq!(echoed(&mut second, Message::text("again")).await, Message::text("again"));
    world.clock.advance(Duration::from_mins(10));
    assert!(ended(&mut second).await, "its time is over");
    assert_eq!(echoed(&mut persons, Message::text("not mine")).await, Message::text("not mine"));
    world.stop().await;
}

#[tokio::test]
async fn an_emergency_at_one_instance_lets_nobody_in_at_another() {
    let world = three_instances()
        .config(|config| {
            config.listen.admin = Some(([127, 0, 0, 1], 0).into());
            for instance in &mut config.instances {
                Arc::make_mut(instance).campaign.native_accounts[0].emergency = true;
            }
        })
        .start()
        .await;
    let on = json!({ "on": true, "until": "1h", "instance": "stage" });
    assert_eq!(turn(&world, SWITCH, &on).await.status(), 200);
    let home = || RawRequest::get("/view/home").navigation();
    assert_eq!(home().send_to(&world).await.status(), 303, "acme sends people to IMS");
    assert_eq!(home().for_host(&world, &stage(&world)).await.status(), 401, "stage has the form");
    assert_eq!(logon("admin", PASSWORD).send_to(&world).await.status(), 403);
    assert!(world.campaign.requests().is_empty(), "no password reached Campaign");
    let form = format!("login=admin&password={PASSWORD}&action=submit&target=%2Fview%2Fhome");
    let form = RawRequest::post(LOGON, &form).with("Content-Type: application/x-www-form-urlencoded");
    let signed_in = form.for_host(&world, &stage(&world)).await;
    assert_eq!(signed_in.status(), 302, "{}", signed_in.text());
    let ticket = format!("Cookie: {}", signed_in.field("set-cookie").unwrap().split(';').next().unwrap());
    assert_eq!(home().with(&ticket).for_host(&world, &stage(&world)).await.status(), 200);
    assert_eq!(home().with(&ticket).send_to(&world).await.status(), 303, "the ticket is nothing at acme");
    // Nor is it, when acme has an emergency of its own.
    turn_on(&world, SWITCH, "1h").await;
    assert_eq!(home().with(&ticket).send_to(&world).await.status(), 401);
    let off = turn(&world, SWITCH, &json!({ "on": false, "instance": "acme" })).await;
    assert_eq!(off.status(), 200, "{}", off.text());
    assert_eq!(home().with(&ticket).for_host(&world, &stage(&world)).await.status(), 200, "stage goes on");
    world.stop().await;
}

#[tokio::test]
async fn a_restart_ends_an_emergency_and_a_reload_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key_file) = (folder.path().join("sessions.redb"), folder.path().join("key"));
    let store = imsgate::config::Store::Embedded { path, key_file };
    let world = with_account("127.0.0.0/8").config(move |config| config.session.store = store).start().await;
    turn_on(&world, SWITCH, "1h").await;
    let browser = world.browser();
    sign_in(&browser, "admin", PASSWORD).await;
    let changed = world.changed(|config| config.limits.body_bytes = Some(1 << 30));
    world.gateway.apply(&changed);
    assert_eq!(browser.get("/view/home").await.status, StatusCode::OK);
    // The same keys: the gateway can read the ticket, which is worth nothing.
    let world = world.restarted_after(Duration::from_secs(1)).await;
    assert_eq!(browser.get("/view/home").await.status, StatusCode::SEE_OTHER);
    assert_ne!(sign_in(&browser, "admin", PASSWORD).await.status, StatusCode::FOUND);
    turn_on(&world, SWITCH, "1h").await;
    assert_eq!(browser.get("/view/home").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test]
async fn an_emergency_needs_a_short_time_and_an_account() {
    let world = with_account("127.0.0.0/8").start().await;
    for (wanted, part) in [
        (json!({ "on": true }), "needs an end"),
        (json!({ "on": true, "until": "25h" }), "at most 24 hours"),
        (json!({ "on": true, "until": "1h", "instance": "other" }), "no instance named"),
    ] {
        let answer = turn(&world, SWITCH, &wanted).await;
        assert_eq!(answer.status(), 400);
        assert!(answer.text().contains(part), "{}", answer.text());
    }
    turn_on(&world, SWITCH, "24h").await;
    let changed = world.changed(|config| {
        let mut instance = (*config.instances[0]).clone();
        instance.campaign.native_accounts.clear();
        config.instances = vec![instance.into()];
    });
    world.gateway.apply(&changed);
    let admin = world.gateway.admin.unwrap().to_string();
    let run = async |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
        command.arg("emergency").args(words).args(["--admin", &admin]).env_remove("IMSGATE_CONFIG");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, text) = run(&["on", "--for", "2h"]).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("`emergency = true`"), "{text}");
    let (code, text) = run(&["status"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("default: emergency is on since "), "{text}");
    assert_eq!(run(&["off"]).await.1, "default: emergency is off\n");
    assert_eq!(run(&["on"]).await.0, Some(2), "--for is needed");
    world.stop().await;
}

#[tokio::test]
async fn another_site_cannot_sign_anybody_in_and_guessing_ends_before_campaign_locks_the_account() {
    let world = with_account("127.0.0.0/8").start().await;
    turn_on(&world, SWITCH, "1h").await;
    let body = format!("login=admin&password={PASSWORD}&action=submit&target=%2Fview%2Fhome");
    let foreign = Request::post(LOGON)
        .header("accept", "text/html")
        .header("origin", "https://evil.example")
        .header("content-type", "application/x-www-form-urlencoded");
    let browser = world.browser();
    assert_eq!(browser.request(foreign.body(body.into()).unwrap()).await.status, StatusCode::FORBIDDEN);
    for _ in 0..4 {
        assert_eq!(sign_in(&browser, "admin", "wrong").await.status, StatusCode::FORBIDDEN);
    }
    let late = sign_in(&browser, "admin", PASSWORD).await;
    assert_eq!(late.status, StatusCode::FORBIDDEN, "not even the right one for ten minutes");
    assert!(late.text().contains("must wait ten minutes"), "{}", late.text());
    assert_eq!(world.campaign.requests().len(), 2);
    world.stop().await;
}
