//! SOAP calls that need no session, and calls that only look like them.

use crate::support::World;
use crate::support::account::{soap, with_account};
use crate::support::request::RawRequest;

const OPEN: &str = "xtk:session#GetServerTime";

/// A call whose header and envelope name these methods, with this session token.
fn call(header: &str, envelope: &str, token: &str) -> RawRequest {
    let (schema, method) = envelope.split_once('#').unwrap();
    let body = format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body>\
         <{method} xmlns='urn:{schema}'><sessiontoken>{token}</sessiontoken></{method}></E:Body></E:Envelope>"
    );
    RawRequest::post("/nl/jsp/soaprouter.jsp", &body)
        .with("Content-Type: application/soap+xml;charset=UTF-8")
        .with(&format!("SoapAction: {header}"))
}

#[tokio::test]
async fn the_listed_method_needs_no_session_and_carries_no_identity() {
    let world = World::start().await;
    let answer = soap(OPEN).with("X-Security-Token:").send_to(&world).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(answer.text().contains("GetServerTimeResponse"), "{}", answer.text());
    let seen = world.last_request();
    assert_eq!((seen.header("x-ims-user"), seen.header("cookie")), (None, None));
    assert_eq!(seen.header("x-security-token"), Some(""), "an empty token passes as it is");
    assert_eq!(call(&format!("\"{OPEN}\""), OPEN, "").send_to(&world).await.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn header_and_envelope_must_both_name_a_listed_method() {
    let world = World::start().await;
    for (request, why) in [
        (soap("xtk:session#GetOption"), "another method"),
        (call(OPEN, "xtk:session#GetOption", ""), "another method in the envelope"),
        (call("xtk:session#GetOption", OPEN, ""), "another method in the header"),
        (call(OPEN, "xtk:builder#GetServerTime", ""), "another schema"),
        (call(OPEN, OPEN, "admin/secret"), "a login in place of the token"),
        (
            RawRequest::post("/nl/jsp/soaprouter.jsp?soapAction=xtk%3Asession%23Logoff", "")
                .with(&format!("SoapAction: {OPEN}")),
            "no envelope",
        ),
    ] {
        let answer = request.send_to(&world).await;
        assert_eq!(answer.status(), 403, "{why}: {}", answer.text());
    }
    assert!(world.campaign.requests().is_empty(), "Campaign saw nothing");
    world.stop().await;
}

#[tokio::test]
async fn the_list_can_be_set() {
    let world = World::builder().instance(|instance| instance.campaign.anonymous_soap.clear()).start().await;
    assert_eq!(soap(OPEN).send_to(&world).await.status(), 403);
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_bad_token_does_not_close_an_open_call() {
    let world = with_account(|_| {}).start().await;
    assert_eq!(soap(OPEN).bearer("a.b.c").send_to(&world).await.status(), 200);
    assert_eq!(world.last_request().header("authorization"), None);
    world.stop().await;
}
