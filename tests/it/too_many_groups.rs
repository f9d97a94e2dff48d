//! A person with more groups than fit into the head of a request is refused at sign-in, not by Campaign with every page.

use std::time::Duration;

use http::StatusCode;
use imsgate::demo::faults::FaultFrequency;
use serde_json::{Value, json};

use crate::support::assertion::claims;
use crate::support::{World, logs};

/// Adds alice to this many groups that match the mask.
fn in_groups(count: usize) -> impl Fn(&mut Value) + Send + Sync + 'static {
    let name = |number| format!("Campaign - acme - delivery-team-{number:03}");
    let groups: Value = (0..count).map(|number| json!({ "groupName": name(number) })).collect();
    move |organizations| organizations[0]["groups"] = groups.clone()
}

#[tokio::test]
async fn too_many_groups_are_refused_at_sign_in_with_a_page_and_an_audit_line() {
    let world = World::start().await;
    world.ims.faults().tamper_organizations(FaultFrequency::Always, in_groups(300));
    let browser = world.browser();
    let answer = browser.sign_in("alice", "/view/home").await;
    assert_eq!((answer.status, browser.session()), (StatusCode::FORBIDDEN, None));
    let page = answer.text();
    for shown in ["too many Campaign groups", "300", "alice@example.com", "campaign-help@example.com"] {
        assert!(page.contains(shown), "{shown} is missing in {page}");
    }
    assert!(!page.contains("delivery-team"), "{page}");
    assert!(world.campaign.requests().is_empty(), "no logon");
    assert_eq!(world.ims.revoked().len(), 1, "the tokens are given back");

    let audit = logs::audit(&answer.request_id());
    let [line] = &audit[..] else { panic!("{audit:?}") };
    assert_eq!((line.field("event"), line.field("reason")), ("refusal", "too_many_groups"));
    assert_eq!((line.field("group_count"), line.field("groups_bytes_limit")), ("300", "8192"));
    assert!(line.field("groups_bytes").parse::<usize>().unwrap() > 8192);
    assert_eq!(line.field("email"), "alice@example.com");
    world.stop().await;
}

#[tokio::test]
async fn the_limit_is_what_is_configured() {
    for (limit, status) in [(47, StatusCode::FORBIDDEN), (48, StatusCode::SEE_OTHER)] {
        let world = World::builder().instance(move |i| i.campaign.groups_bytes = limit).start().await;
        let answer = world.browser().sign_in("alice", "/view/home").await;
        assert_eq!(answer.status, status, "{limit}");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_session_whose_groups_become_too_many_ends_with_a_reason() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    alice.get("/view/home").await;
    let assertion = world.last_request().header("x-ims-assertion").unwrap().to_owned();
    let sid = claims(&alice, &assertion).await["sid"].as_str().unwrap().to_owned();
    world.ims.faults().tamper_organizations(FaultFrequency::Always, in_groups(300));
    world.clock.advance(Duration::from_mins(10));
    world.eventually(|| !world.campaign.logoffs().is_empty()).await;
    assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::UNAUTHORIZED);
    let line = |event: &str| {
        logs::all("audit").into_iter().find(|line| line.field("sid") == sid && line.field("event") == event)
    };
    let refusal = line("refusal").unwrap();
    assert_eq!((refusal.field("reason"), refusal.field("group_count")), ("too_many_groups", "300"));
    assert_eq!(refusal.field("groups_bytes_limit"), "8192");
    assert_eq!(line("session_ended").unwrap().field("reason"), "too_many_groups");
    world.stop().await;
}
