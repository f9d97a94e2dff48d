//! Who may write with a person's session: pages of the same origin, and clients that send no origin.

use std::time::Duration;

use imsgate::config::SessionMode;
use serde_json::json;

use crate::support::http1::Answer;
use crate::support::request::{self, RawRequest};
use crate::support::{World, logs};

const ECHO: &str = "/demo/echo";

/// Fields of a request from a sibling host, another site and our own pages. `{own}` is the origin of this gateway.
const SENT: &[(&[&str], bool)] = &[
    (&[], true),
    (&["Sec-Fetch-Site: same-origin"], true),
    (&["Origin: {own}"], true),
    (&["Origin: {own}", "Sec-Fetch-Site: same-origin"], true),
    (&["Origin: null", "Sec-Fetch-Site: same-origin"], true),
    (&["Sec-Fetch-Site: same-site"], false),
    (&["Sec-Fetch-Site: cross-site"], false),
    (&["Sec-Fetch-Site: none"], false),
    (&["Origin: https://sibling.localhost"], false),
    (&["Origin: https://localhost"], false),
    (&["Origin: http://localhost"], false),
    (&["Origin: https://evil.example.com"], false),
    (&["Origin: https://console.example.com"], false),
    (&["Origin: null"], false),
    (&["Origin: "], false),
    (&["Origin: {own}", "Origin: https://evil.example.com"], false),
    (&["Origin: {own}", "Sec-Fetch-Site: same-site"], false),
    (&["Origin: https://evil.example.com", "Sec-Fetch-Site: same-origin"], false),
];

#[tokio::test]
async fn a_write_from_another_origin_is_refused_in_every_mode() {
    for mode in [SessionMode::BearerLogon, SessionMode::Bearer, SessionMode::Headers] {
        let world = World::builder()
            .session_mode(mode)
            .instance(|instance| instance.campaign.hosts = vec!["console.example.com".into()])
            .start()
            .await;
        let alice = world.signed_in("alice").await.session().unwrap();
        for (fields, allowed) in SENT {
            for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
                world.campaign.forget_requests();
                let ask = sent(&world, RawRequest::new(method, ECHO).session(&alice), fields);
                let answer = ask.send_to(&world).await;
                let passes = *allowed || ["GET", "HEAD", "OPTIONS"].contains(&method);
                let expected = if passes { 200 } else { 403 };
                assert_eq!(answer.status(), expected, "{mode:?} {method} {fields:?}");
                let requests = world.campaign.requests();
                assert_eq!(requests.len(), usize::from(passes), "{mode:?} {method} {fields:?}");
                assert!(requests.iter().all(|request| request.header("x-ims-user").is_some()));
            }
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_refused_write_does_not_count_as_use_of_the_session() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    let session = alice.session().unwrap();
    let left = async || alice.get_json("/ims/me").await.json()["idle_expires_in"].as_u64().unwrap();
    let before = left().await;
    world.clock.advance(Duration::from_mins(10));
    let evil = RawRequest::post(ECHO, "a=b").session(&session).with("Origin: https://evil.example.com");
    assert_eq!(evil.send_to(&world).await.status(), 403);
    assert_eq!(left().await, before - 600);
    world.stop().await;
}

#[tokio::test]
async fn a_refused_write_is_explained_for_each_kind_of_client_and_audited() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let evil = |ask: RawRequest| ask.session(&alice).with("Origin: https://evil.example.com");

    let answer = evil(RawRequest::post("/view/home?secret=1", "a=b"))
        .with("Sec-Fetch-Site: cross-site")
        .send_to(&world)
        .await;
    assert_eq!((answer.status(), &answer.json()["error"]), (403, &json!("foreign_origin")));
    let line = audited(&answer);
    assert_eq!(line.field("event"), "cross_origin_refused");
    assert_eq!(line.field("origin"), "https://evil.example.com");
    assert_eq!(
        (line.field("site"), line.field("method"), line.field("path")),
        ("cross-site", "POST", "/view/home")
    );
    assert_eq!(line.field("email"), "alice@example.com");

    let page = evil(RawRequest::post("/view/home", "a=b")).navigation().send_to(&world).await;
    assert_eq!(page.status(), 403);
    assert!(page.text().contains("came from another site"), "{}", page.text());
    audited(&page);

    // A client that authenticates its call with its own token is no exception.
    let token = "X-Security-Token: @own==";
    for soap in [
        RawRequest::post("/nl/jsp/soaprouter.jsp", "<x/>").with("Content-Type: text/xml; charset=utf-8"),
        RawRequest::post("/nl/jsp/soaprouter.jsp", "<x/>")
            .with("X-Session-Token: ___own")
            .with("Accept: text/html"),
        RawRequest::post("/other", "<x/>").with("SOAPAction: \"xtk:session#Logoff\""),
    ] {
        let answer = evil(soap).with(token).send_to(&world).await;
        assert_eq!(answer.status(), 403);
        assert!(
            answer.text().contains("SOAP-ENV:Fault") && answer.text().contains("foreign_origin"),
            "{}",
            answer.text()
        );
        assert!(!answer.text().contains("XSV-350008"), "a client must not sign in again and repeat it");
        audited(&answer);
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

/// A WebSocket starts with a safe method, but can write (cross-site WebSocket hijacking).
#[tokio::test]
async fn a_websocket_from_another_origin_is_refused_in_every_mode() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let handshake = || {
        RawRequest::get("/demo/ws")
            .session(&alice)
            .with("Connection: Upgrade")
            .with("Upgrade: websocket")
            .with("Sec-WebSocket-Version: 13")
            .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    };
    for (fields, _) in SENT.iter().filter(|(_, allowed)| !allowed) {
        let ask = sent(&world, handshake(), fields).keep_alive(request::host(&world));
        let answer = request::send(&world, ask).await.unwrap();
        assert_eq!(answer.status(), 403, "{fields:?}");
        assert_eq!(audited(&answer).field("event"), "cross_origin_refused");
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn without_a_live_session_the_origin_is_not_checked() {
    let world = World::start().await;
    for cookie in ["Cookie: lang=en", "Cookie: __Host-imsgate=AAAAAAAAAAAAAAAAAAAAAA"] {
        let post = |path| RawRequest::post(path, "a=b").with(cookie).with("Origin: https://evil.example.com");
        assert_eq!(post("/view/home").send_to(&world).await.status(), 401, "{cookie}");
        post("/webApp/landing").send_to(&world).await;
        assert_eq!(world.last_request().path_and_query, "/webApp/landing");
    }
    world.stop().await;
}

/// A web form on another site is public: a signed-in person is anonymous there.
#[tokio::test]
async fn a_public_form_of_another_site_is_sent_without_any_credential() {
    for mode in [SessionMode::BearerLogon, SessionMode::Bearer, SessionMode::Headers] {
        let world = World::builder().session_mode(mode).start().await;
        let alice = world.signed_in("alice").await.session().unwrap();
        for field in ["Origin: https://www.example.com", "Sec-Fetch-Site: same-site"] {
            world.campaign.forget_requests();
            RawRequest::post("/webApp/landing", "a=b").session(&alice).with(field).send_to(&world).await;
            let request = world.last_request();
            assert_eq!(request.path_and_query, "/webApp/landing");
            for credential in ["cookie", "authorization", "x-ims-assertion", "x-security-token"] {
                assert_eq!(request.header(credential), None, "{mode:?} {field} {credential}");
            }
            assert_eq!(request.header("x-ims-user").unwrap_or_default(), "", "{mode:?} {field}");
        }
        // A page of our own posts as the signed-in person.
        let own = format!("Origin: {}", world.origin);
        RawRequest::post("/webApp/landing", "a=b").session(&alice).with(&own).send_to(&world).await;
        assert!(!world.last_request().header("x-ims-user").unwrap_or_default().is_empty());
        world.stop().await;
    }
}

#[tokio::test]
async fn another_host_of_this_gateway_is_another_origin() {
    let hosts = |instance: &mut imsgate::config::Instance| {
        instance.campaign.hosts = vec!["console.example.com".into()];
    };
    let world = World::builder().instance(hosts).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let post =
        |origin: &str| RawRequest::post(ECHO, "a=b").session(&alice).with(&format!("Origin: {origin}"));
    for (host, origin, status) in [
        ("console.example.com", "https://console.example.com", 200),
        ("console.example.com", "https://Console.Example.com:443", 200),
        ("console.example.com:8443", "https://console.example.com:8443", 200),
        ("console.example.com", world.origin.as_str(), 403),
        ("console.example.com", "http://console.example.com", 403),
        (request::host(&world), "https://console.example.com", 403),
        // A proxy in front of the gateway removed the port.
        ("localhost", world.origin.as_str(), 200),
        ("localhost", "https://localhost:1", 403),
    ] {
        assert_eq!(post(origin).for_host(&world, host).await.status(), status, "{host} {origin}");
    }
    world.stop().await;
}

fn sent(world: &World, ask: RawRequest, fields: &[&str]) -> RawRequest {
    fields.iter().fold(ask, |ask, field| ask.with(&field.replace("{own}", &world.origin)))
}

fn audited(answer: &Answer) -> logs::Line {
    let lines = logs::audit(answer.field("x-request-id").unwrap());
    let [line] = &lines[..] else { panic!("{lines:?}") };
    line.clone()
}
