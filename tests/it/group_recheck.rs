//! The gateway asks IMS for the groups again during a session.

use std::time::Duration;

use http::StatusCode;
use imsgate::demo::campaign::{BearerLogonRefusal, Recorded};
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Fault};
use imsgate::demo::ims::ImsEndpoint;
use imsgate::internal::{RequestRule, RequestRules, RulePaths};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::assertion::claims;
use crate::support::websocket::{echoed, ended, open};
use crate::support::{Browser, World, eventually, logs};

const INTERVAL: Duration = Duration::from_mins(10);

/// Answers of IMS in which alice has only these groups.
fn only_groups(groups: &[&str]) -> impl Fn(&mut Value) + Send + Sync + 'static {
    let names = groups.iter().map(|group| json!({"groupName": format!("Campaign - acme - {group}")}));
    let groups: Value = names.collect();
    move |organizations| organizations[0]["groups"] = groups.clone()
}

/// The page that was requested last. The gateway's own calls do not count.
fn last_page(world: &World) -> Recorded {
    let mut requests = world.campaign.requests();
    requests.retain(|request| request.path_and_query == "/demo/echo");
    requests.pop().unwrap()
}

/// The groups that Campaign receives with a request, which must succeed.
async fn groups(world: &World, browser: &Browser) -> String {
    assert_eq!(browser.get_json("/demo/echo").await.status, StatusCode::OK);
    last_page(world).header("x-campaign-groups").unwrap().to_owned()
}

/// Sends requests until Campaign receives these groups.
async fn until_groups(world: &World, browser: &Browser, wanted: &str) {
    eventually(async || groups(world, browser).await == wanted).await;
}

fn audit(sid: &str, event: &str) -> Option<logs::Line> {
    logs::all("audit").into_iter().find(|line| line.field("sid") == sid && line.field("event") == event)
}

#[tokio::test]
async fn other_groups_change_headers_and_assertion_without_a_new_login() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    assert_eq!(groups(&world, &alice).await, "delivery,workflow");
    let before = claims(&alice, last_page(&world).header("x-ims-assertion").unwrap()).await;
    world.ims.faults().tamper_organizations(FaultFrequency::Always, only_groups(&["report"]));
    assert_eq!(groups(&world, &alice).await, "delivery,workflow", "not before it is time");
    world.clock.advance(INTERVAL);
    until_groups(&world, &alice, "report").await;
    let after = claims(&alice, last_page(&world).header("x-ims-assertion").unwrap()).await;
    assert_eq!((&before["groups"], &after["groups"]), (&json!(["delivery", "workflow"]), &json!(["report"])));
    assert_eq!((&after["sub"], &after["sid"]), (&before["sub"], &before["sid"]));
    let line = audit(after["sid"].as_str().unwrap(), "groups_changed").unwrap();
    assert_eq!(
        (line.json("before"), line.json("groups")),
        (before["groups"].clone(), after["groups"].clone())
    );
    world.stop().await;
}

#[tokio::test]
async fn other_groups_count_at_campaign_too_before_the_next_request() {
    let world = World::builder().campaign(|options| options.group_rights = true).start().await;
    let alice = world.signed_in("alice").await;
    let old = world.campaign.sessions().remove(0);
    assert_eq!(old.groups, ["delivery", "workflow"]);
    world.ims.faults().tamper_organizations(FaultFrequency::Always, only_groups(&["report"]));
    groups(&world, &alice).await;
    world.clock.advance(INTERVAL);
    // The old session ends at Campaign as soon as the gateway knows.
    world.eventually(|| world.campaign.logoffs() == [old.session_token.clone()]).await;
    assert!(world.campaign.sessions().is_empty());
    world.campaign.forget_requests();
    assert_eq!(groups(&world, &alice).await, "report");
    let live = world.campaign.sessions();
    assert_eq!((live.len(), &live[0].groups), (1, &vec!["report".to_owned()]));
    let pages =
        world.campaign.requests().into_iter().filter(|request| request.path_and_query == "/demo/echo");
    assert_eq!(pages.count(), 1, "opened before the request, not after a refusal");
    let opened = logs::all("audit")
        .into_iter()
        .any(|line| line.field("event") == "campaign_session_opened" && line.field("reason") == "missing");
    assert!(opened);
    world.stop().await;
}

#[tokio::test]
async fn rights_of_lost_groups_are_not_used_while_campaign_opens_no_session() {
    // A rule with a group makes a public path private.
    let rule = RequestRule {
        paths: RulePaths::parse(["/r/private"]).unwrap(),
        groups: vec!["report".to_owned()],
        ..RequestRule::default()
    };
    let rules = RequestRules::new(vec![rule]).unwrap();
    let world = World::builder().instance(|instance| instance.campaign.request_rules = rules).start().await;
    let alice = world.signed_in("alice").await;
    world.ims.faults().tamper_organizations(FaultFrequency::Always, only_groups(&["report"]));
    groups(&world, &alice).await;
    world.campaign.faults().refuse_bearer_logon(FaultFrequency::Always, BearerLogonRefusal::InvalidLogin);
    world.clock.advance(INTERVAL);
    world.eventually(|| world.campaign.logoffs().len() == 1).await;
    for path in ["/demo/echo", "/r/private"] {
        let refused = alice.get_json(path).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("no_campaign_session")),
            "{path}"
        );
    }
    assert_eq!(alice.get_json("/r/test").await.status, StatusCode::OK, "public for everybody");
    world.stop().await;
}

#[tokio::test]
async fn a_person_without_a_remaining_group_loses_session_websocket_and_tokens() {
    let world = World::start().await;
    let (alice, erin) = (world.signed_in("alice").await, world.signed_in("erin").await);
    let mut socket = open(&world, &alice.session().unwrap(), None).await.unwrap();
    assert_eq!(echoed(&mut socket, Message::text("hello")).await, Message::text("hello"));
    groups(&world, &alice).await;
    let claims = claims(&alice, last_page(&world).header("x-ims-assertion").unwrap()).await;
    let mine: Vec<String> = world
        .campaign
        .sessions()
        .into_iter()
        .filter(|session| session.login == "alice@example.com")
        .map(|session| session.session_token)
        .collect();
    // No group matches the mask any more.
    world.ims.faults().tamper_organizations(FaultFrequency::Always, |organizations| {
        if organizations[0]["groups"].is_array() {
            organizations[0]["groups"] = json!([{"groupName": "campaign - acme - delivery"}]);
        }
    });
    world.clock.advance(INTERVAL);
    // Without a request of hers.
    assert!(ended(&mut socket).await);
    assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::UNAUTHORIZED);
    world.eventually(|| world.campaign.logoffs() == mine && !world.ims.revoked().is_empty()).await;
    let line = audit(claims["sid"].as_str().unwrap(), "refusal").unwrap();
    assert_eq!(line.field("message"), "refused: groups lost");
    assert_eq!((line.field("reason"), line.field("email")), ("no_group", "alice@example.com"));
    assert_eq!(line.json("seen")[0], "campaign - acme - delivery");
    assert_eq!(line.json("near_misses")[0]["name"], "campaign - acme - delivery");
    assert_eq!(groups(&world, &erin).await, "report", "hers come from elsewhere");
    world.stop().await;
}

#[tokio::test]
async fn a_person_who_left_the_organisation_is_signed_out() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    world
        .ims
        .faults()
        .tamper_organizations(FaultFrequency::Always, |organizations| *organizations = json!([]));
    world.clock.advance(INTERVAL);
    world.eventually(|| !world.campaign.logoffs().is_empty()).await;
    assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test]
async fn an_outage_of_ims_ends_the_session_only_after_the_grace_time() {
    let idle = Duration::from_hours(8);
    let world = World::builder().config(move |config| config.session.idle_timeout = idle).start().await;
    let alice = world.signed_in("alice").await;
    let asked =
        || world.ims.requests_to(ImsEndpoint::Organizations) + world.ims.requests_to(ImsEndpoint::Profile);
    assert_eq!(asked(), 2);
    world.ims.faults().down(true);
    let mut before = asked();
    for _ in 0..5 {
        world.clock.advance(INTERVAL);
        world.eventually(|| asked() > before).await;
        before = asked();
        assert_eq!(groups(&world, &alice).await, "delivery,workflow");
    }
    world.clock.advance(INTERVAL);
    world.eventually(|| logs::say("IMS did not say the groups within the grace time")).await;
    world.eventually(|| !world.campaign.logoffs().is_empty()).await;
    assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test]
async fn after_an_outage_in_the_grace_time_the_groups_are_those_of_ims_again() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    let asked = || world.ims.requests_to(ImsEndpoint::Organizations);
    for fault in [Fault::Status(500), Fault::Html, Fault::HalfBody, Fault::RetryAfter(7)] {
        world.ims.faults().answer(ImsEndpoint::Organizations, FaultFrequency::Once, fault);
    }
    world.ims.faults().tamper_organizations(FaultFrequency::Always, only_groups(&["admin"]));
    world.clock.advance(INTERVAL);
    for number in 2..=5 {
        world.eventually(|| asked() == number).await;
        assert_eq!(groups(&world, &alice).await, "delivery,workflow");
        // The next attempt takes place a minute later.
        world.clock.advance(Duration::from_mins(1));
    }
    until_groups(&world, &alice, "admin").await;
    world.stop().await;
}

#[tokio::test]
async fn an_access_token_that_ims_refuses_is_refreshed_first() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    world.ims.faults().tamper_organizations(FaultFrequency::Always, only_groups(&["admin"]));
    world.ims.invalidate_access_tokens();
    world.clock.advance(INTERVAL);
    until_groups(&world, &alice, "admin").await;
    assert_eq!(world.ims.refreshes().len(), 1);

    // If this does not help, the account was probably removed.
    world.ims.invalidate_access_tokens();
    world.ims.invalidate_refresh_tokens();
    world.clock.advance(INTERVAL);
    // The first Logoff was for the session with the old groups.
    world.eventually(|| world.campaign.logoffs().len() == 2).await;
    assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.ims.refreshes().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn without_a_refresh_token_a_refused_access_token_ends_the_session() {
    let world = World::builder().ims(|ims| ims.refresh_tokens = false).start().await;
    let alice = world.signed_in("alice").await;
    world.ims.invalidate_access_tokens();
    world.clock.advance(INTERVAL);
    world.eventually(|| !world.campaign.logoffs().is_empty()).await;
    assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}
