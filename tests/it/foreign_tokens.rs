//! Session tokens of other sessions, and logins with passwords, never reach Campaign.

use imsgate::config::{ForeignTokens, SessionMode};
use imsgate::demo::campaign::Recorded;
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Substitute};
use serde_json::Value;

use crate::support::http1::Answer;
use crate::support::request::RawRequest;
use crate::support::{World, admin, logs};

const SOAP: &str = "/nl/jsp/soaprouter.jsp";
/// Each is accepted by Campaign in place of a token.
const FOREIGN: [&str; 4] =
    ["admin/secret", "monitoring", "_ims_/user/token", "___00000000-0000-0000-0000-000000000000"];

fn envelope(header: &str, token: &str) -> String {
    format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'>{header}<E:Body>\
         <GetOption xmlns='urn:xtk:session'>{token}<name>XtkDatabaseId</name></GetOption></E:Body></E:Envelope>"
    )
}

fn soap(body: &str) -> RawRequest {
    RawRequest::post(SOAP, body)
        .with("Content-Type: text/xml; charset=utf-8")
        .with("SoapAction: xtk:session#GetOption")
}

fn form(path: &str, body: &str) -> RawRequest {
    RawRequest::post(path, body).with("Content-Type: application/x-www-form-urlencoded")
}

fn multipart(path: &str, name: &str, value: &str) -> RawRequest {
    let body = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--B--\r\n");
    RawRequest::post(path, &body).with("Content-Type: multipart/form-data; boundary=B")
}

fn token_of(world: &World) -> String {
    world.campaign.sessions()[0].session_token.clone()
}

/// Requests that reached Campaign completely.
fn arrived(world: &World) -> Vec<Recorded> {
    world.campaign.requests()
}

#[track_caller]
fn assert_refused(world: &World, answer: &Answer, what: &str) {
    assert_eq!(answer.status(), 403, "{what}: {}", answer.text());
    // A client with a token of an earlier sign-in signs in again.
    let is_expired = what.ends_with(FOREIGN[3]) && answer.text().contains("XSV-350008");
    assert!(
        is_expired || answer.text().contains("foreign_token") || answer.text().contains("another session"),
        "{what}: {}",
        answer.text()
    );
    assert!(arrived(world).is_empty(), "{what} reached Campaign");
    assert!(!answer.text().contains("secret"), "{what}");
    let line = logs::audit(answer.field("x-request-id").unwrap()).pop().unwrap();
    assert_eq!((line.field("event"), line.field("refused")), ("foreign_token", "true"), "{what}");
}

#[tokio::test]
async fn foreign_values_are_refused_in_every_place() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let own = token_of(&world);
    world.campaign.forget_requests();
    for value in FOREIGN {
        let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let field = format!("a=1&__sessiontoken={encoded}");
        let header = |inner: &str| format!("<E:Header>{inner}</E:Header>");
        let element = format!("<sessiontoken>{value}</sessiontoken>");
        let requests = [
            ("query", RawRequest::get(&format!("/demo/echo?{field}"))),
            ("public query", RawRequest::get(&format!("/r/?{field}"))),
            (
                "query with a decoded name",
                RawRequest::get(&format!("/demo/echo?%5F%5FSessionToken={encoded}")),
            ),
            ("form", form("/demo/upload", &field)),
            ("multipart form", multipart("/demo/upload", "__sessiontoken", value)),
            ("first parameter", soap(&envelope("", &element))),
            ("parameter of another name", soap(&envelope("", &format!("<x>{value}</x>")))),
            (
                "header cookie",
                soap(&envelope(&header(&format!("<Cookie>__sessiontoken={value}</Cookie>")), "<t/>")),
            ),
            (
                "security header",
                soap(&envelope(&header(&format!("<SecurityHeader>{element}</SecurityHeader>")), "<t/>")),
            ),
            (
                "after an empty one",
                soap(&envelope(&header("<SecurityHeader><sessiontoken/></SecurityHeader>"), &element)),
            ),
            (
                "after the own one",
                soap(&envelope(&header(&format!("<Cookie>__sessiontoken={own}</Cookie>")), &element)),
            ),
        ];
        for (what, request) in requests {
            let answer = request.session(&alice).with("Accept: */*").send_to(&world).await;
            assert_refused(&world, &answer, &format!("{what}, {value}"));
        }
    }
    let answer = soap(&envelope("", "<t>admin/secret</t>")).session(&alice).send_to(&world).await;
    assert!(answer.text().contains("SOAP-ENV:Fault"), "{}", answer.text());
    // A client with a token of an earlier sign-in learns that it must sign in again.
    let stale = soap(&envelope("", &format!("<t>{}</t>", FOREIGN[3]))).session(&alice).send_to(&world).await;
    assert!(stale.text().contains("XSV-350008"), "{}", stale.text());
    world.stop().await;
}

#[tokio::test]
async fn anonymous_callers_have_no_token_of_their_own() {
    let world = World::start().await;
    world.campaign.forget_requests();
    for request in [
        RawRequest::get("/r/?__sessiontoken=admin%2Fsecret"),
        form("/webApp/x", "__sessiontoken=admin%2Fsecret"),
        multipart("/webApp/x", "__sessiontoken", "admin/secret"),
    ] {
        assert_refused(&world, &request.send_to(&world).await, "a public path");
    }
    assert_eq!(RawRequest::get("/r/?__sessiontoken=").send_to(&world).await.status(), 302, "empty: no token");
    world.stop().await;
}

#[tokio::test]
async fn the_own_token_passes_in_every_place() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let own = token_of(&world);
    for request in [
        RawRequest::get(&format!("/demo/echo?__sessiontoken={own}")),
        form("/demo/upload", &format!("__sessiontoken={own}&x=1")),
        multipart("/demo/upload", "__sessiontoken", &own),
        soap(&envelope("", &format!("<t>{own}</t>"))).with("Sec-Fetch-Site: same-origin"),
    ] {
        let answer = request.session(&alice).send_to(&world).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn a_foreign_value_late_in_a_large_upload_never_completes_it() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let filling = "x".repeat(200_000);
    for request in [
        form("/demo/upload", &format!("a={filling}&__sessiontoken=admin%2Fsecret")),
        multipart(
            "/demo/upload",
            "file",
            &format!(
                "{filling}\r\n--B\r\nContent-Disposition: form-data; name=__sessiontoken\r\n\r\nadmin/secret"
            ),
        ),
    ] {
        let answer = request.session(&alice).send_to(&world).await;
        assert_eq!(answer.status(), 403, "{}", answer.text());
        assert!(arrived(&world).iter().all(|request| request.body_len < 200_000));
    }
    world.stop().await;
}

#[tokio::test]
async fn large_uploads_and_envelopes_pass_unchanged() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let filling = "y".repeat(3_000_000);
    let body =
        format!("--B\r\nContent-Disposition: form-data; name=\"file_noMd5\"\r\n\r\n{filling}\r\n--B--\r\n");
    let upload =
        RawRequest::post("/demo/upload", &body).with("Content-Type: multipart/form-data; boundary=B");
    let answer = upload.session(&alice).send_to(&world).await;
    assert_eq!(answer.json()["bytes"], body.len());
    let large = envelope("", "<t/>").replace("XtkDatabaseId", &filling[..1_000_000]);
    let answer = soap(&large).session(&alice).with("Sec-Fetch-Site: same-origin").send_to(&world).await;
    assert_eq!(world.last_request().body_len, large.len() as u64, "{}", answer.text());
    world.stop().await;
}

#[tokio::test]
async fn nothing_hides_behind_a_large_envelope() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let filling = "y".repeat(500_000);
    let large = envelope("", "<t/>").replace("XtkDatabaseId", &filling);
    world.campaign.forget_requests();
    for after in ["<E:Header><Cookie>__sessiontoken=admin/secret</Cookie></E:Header>", "<E:Body/>"] {
        let body = large.replace("</E:Envelope>", &format!("{after}</E:Envelope>"));
        let answer = soap(&body).session(&alice).send_to(&world).await;
        assert_eq!(answer.status(), 403, "{}", answer.text());
        assert!(arrived(&world).iter().all(|request| request.body_len < body.len() as u64));
    }
    world.stop().await;
}

#[tokio::test]
async fn in_the_report_phase_they_pass_and_are_listed() {
    let world =
        admin::with_admin().instance(|i| i.campaign.foreign_tokens = ForeignTokens::Report).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let answer =
        RawRequest::get("/demo/echo?__sessiontoken=admin%2Fsecret").session(&alice).send_to(&world).await;
    assert_eq!(answer.status(), 200);
    let line = logs::audit(answer.field("x-request-id").unwrap()).pop().unwrap();
    let said = (line.field("account"), line.field("method"), line.field("path"), line.field("refused"));
    assert_eq!(said, ("admin", "GET", "/demo/echo", "false"));
    let listed: Value = admin::ask(&world, "GET", "/foreign-tokens").await.json();
    assert_eq!(listed["uses"][0]["account"], "admin");
    assert_eq!(listed["uses"][0]["path"], "/demo/echo");
    assert_eq!(listed["uses"][0]["address"], "127.0.0.1");
    assert!(listed["uses"][0]["last"].is_string());
    assert!(!listed.to_string().contains("secret"));
    world.stop().await;
}

#[tokio::test]
async fn in_the_report_phase_what_nobody_may_send_is_refused_and_listed() {
    let report = |i: &mut imsgate::config::Instance| i.campaign.foreign_tokens = ForeignTokens::Report;
    let world = admin::with_admin().instance(report).start().await;
    let field = "a=1&__sessiontoken=admin%2Fsecret";
    let logon = "<Logon xmlns='urn:xtk:session'><t/><a>admin</a><b>secret</b><c/></Logon>";
    let logon = format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body>{logon}</E:Body></E:Envelope>"
    );
    let accounts = [
        RawRequest::get(&format!("/view/home?{field}")),
        form("/demo/upload", field),
        multipart("/demo/upload", "__sessiontoken", "admin/secret"),
        soap(&envelope("", "<t>admin/secret</t>")),
        RawRequest::post(SOAP, &logon).with("Content-Type: text/xml").with("SoapAction: xtk:session#Logon"),
        RawRequest::get("/demo/echo").with("X-Session-Token: admin/secret"),
        RawRequest::get("/demo/echo").with("Cookie: __sessiontoken=\"admin/secret\""),
        RawRequest::get(&format!("/demo/echo?{field}")).with("Origin: https://evil.example"),
        form("/nl/jsp/logon.jsp", "login=admin&password=secret&action=submit"),
    ];
    for request in &accounts {
        let answer = request.send_to(&world).await;
        assert!([401, 403].contains(&answer.status()), "{} {}", answer.status(), answer.text());
        let lines = logs::audit(answer.field("x-request-id").unwrap());
        let line = lines.iter().find(|line| line.field("event") == "foreign_token");
        let line = line.unwrap_or_else(|| panic!("{request:?}"));
        assert_eq!((line.field("account"), line.field("refused")), ("admin", "true"), "{request:?}");
    }
    assert!(arrived(&world).is_empty(), "nothing reached Campaign");
    let listed: Value = admin::ask(&world, "GET", "/foreign-tokens").await.json();
    assert!(!listed.to_string().contains("secret"));
    let uses = listed["uses"].as_array().unwrap();
    let times = uses.iter().map(|used| used["times"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(times, accounts.len() as u64, "{listed}");
    assert!(uses.iter().all(|used| used["refused"] == true && used["account"] == "admin"), "{listed}");
    // What is left over from the time before the gateway, and what the gateway gave out itself, is no account.
    for request in [
        RawRequest::get("/view/home").with("Cookie: __sessiontoken=___00000000-0000"),
        soap(&envelope("", "<t>___ims.expired</t>")),
        soap(&envelope("", "<t/>")),
    ] {
        let answer = request.send_to(&world).await;
        let lines = logs::audit(answer.field("x-request-id").unwrap());
        assert!(lines.iter().all(|line| line.field("event") != "foreign_token"), "{request:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn without_a_campaign_session_no_token_is_the_callers_own() {
    for mode in [SessionMode::Bearer, SessionMode::Headers] {
        let world = World::builder().session_mode(mode).start().await;
        let alice = world.signed_in("alice").await.session().unwrap();
        world.campaign.forget_requests();
        let request = RawRequest::get("/demo/echo?__sessiontoken=___1").session(&alice);
        assert_refused(&world, &request.send_to(&world).await, "a token");
        world.stop().await;
    }
}

#[tokio::test]
async fn what_campaign_gave_out_to_this_session_is_accepted_back() {
    let world = World::builder().session_mode(SessionMode::Bearer).start().await;
    let (alice, other) = (
        world.signed_in("alice").await.session().unwrap(),
        world.signed_in("alice").await.session().unwrap(),
    );
    let page = |session: &str| RawRequest::get("/demo/echo?__sessiontoken=___FROM-A-PAGE").session(session);
    assert_eq!(page(&alice).send_to(&world).await.status(), 403);
    let cookie = Substitute::SetCookie("__sessiontoken=___FROM-A-PAGE; Path=/; HttpOnly");
    world.campaign.faults().answer(FaultFrequency::Once, cookie);
    let given = RawRequest::get("/view/home").session(&alice).send_to(&world).await;
    assert_eq!((given.status(), given.field("set-cookie")), (200, None));
    assert_eq!(page(&alice).send_to(&world).await.status(), 200);
    assert_eq!(page(&other).send_to(&world).await.status(), 403, "it is of another session");
    world.stop().await;
}

#[tokio::test]
async fn calls_of_every_content_type_and_action_pass_unchanged() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let body = envelope("", "<t/>");
    for kind in ["application/soap+xml;charset=UTF-8", "text/xml; charset=utf-8", "application/xml"] {
        for action in [
            "xtk:session#GetOption",
            "\"xtk:session#GetOption\"",
            "xtk:jobInterface|xtk:builder#SubmitSoapCall",
        ] {
            let call = RawRequest::post(SOAP, &body)
                .with(&format!("Content-Type: {kind}"))
                .with(&format!("SoapAction: {action}"));
            call.session(&alice).with("Sec-Fetch-Site: same-origin").send_to(&world).await;
            let sent = world.last_request();
            assert_eq!((sent.header("content-type"), sent.header("soapaction")), (Some(kind), Some(action)));
            assert_eq!(sent.body_len, body.len() as u64);
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn an_envelope_that_can_be_read_in_two_ways_is_refused() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let plain = envelope("", "<t/>");
    for body in [
        format!("<!DOCTYPE a [<!ENTITY b 'admin/secret'>]>{}", envelope("", "<t>&b;</t>")),
        plain.replace(
            "</E:Envelope>",
            "<E:Header><Cookie>__sessiontoken=admin/secret</Cookie></E:Header></E:Envelope>",
        ),
        format!("<?xml version='1.0' encoding='UTF-7'?>{plain}"),
        envelope(&format!("<E:Header>{}{}</E:Header>", "<a>".repeat(50), "</a>".repeat(50)), "<t/>"),
        envelope(&format!("<E:Header><!-- {} --></E:Header>", "-x".repeat(400_000)), "<t/>"),
    ] {
        let answer = soap(&body).session(&alice).send_to(&world).await;
        assert_eq!(answer.status(), 400, "{:.200} {}", body, answer.text());
        assert!(answer.text().contains("SOAP-ENV:Fault"), "{}", answer.text());
        assert!(arrived(&world).is_empty());
    }
    world.stop().await;
}
