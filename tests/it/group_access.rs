//! Which groups grant access, and which page people without them get.

use http::StatusCode;
use imsgate::demo::ORGANIZATION_ID;
use imsgate::demo::faults::FaultFrequency;
use imsgate::demo::people::FOREIGN_ORGANIZATION_ID;

use serde_json::json;

use crate::support::{Answer, Builder, World, logs};

#[tokio::test]
async fn alice_brings_both_groups_of_the_mask_and_nothing_else() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    browser.get("/view/home").await;
    let seen = world.last_request();
    assert_eq!(seen.header("x-campaign-groups"), Some("delivery,workflow"));
    assert_eq!(seen.header("x-ims-email"), Some("alice@example.com"));
    assert_eq!(seen.header("x-ims-organization"), Some(ORGANIZATION_ID));
    world.stop().await;
}

#[tokio::test]
async fn dave_brings_only_groups_of_the_configured_organisation_though_another_comes_first() {
    let world = World::start().await;
    assert_eq!(groups(&world, "dave").await, ["content"]);
    world.stop().await;
}

#[tokio::test]
async fn erin_gets_in_by_a_product_profile_without_any_organisation_group() {
    let world = World::start().await;
    assert_eq!(groups(&world, "erin").await, ["report"]);
    world.stop().await;
}

#[tokio::test]
async fn the_product_context_filters_profiles_and_leaves_groups_alone() {
    let world = with_product_context("dma_campaign").start().await;
    let answer = world.browser().sign_in("erin", "/view/home").await;
    assert_refused(&world, &answer);
    assert_eq!(groups(&world, "alice").await, ["delivery", "workflow"]);
    world.stop().await;

    let world = with_product_context("dma_campaign_classic").start().await;
    assert_eq!(groups(&world, "erin").await, ["report"]);
    world.stop().await;
}

#[tokio::test]
async fn bob_gets_a_contact_and_the_operator_the_names_that_nearly_matched() {
    let world = World::start().await;
    let browser = world.browser();
    let answer = browser.sign_in("bob", "/view/home").await;
    assert_refused(&world, &answer);
    assert_eq!(browser.session(), None);

    let page = answer.text();
    for shown in ["bob@example.com", "<bdi>Acme</bdi>", "campaign-help@example.com", &answer.request_id()] {
        assert!(page.contains(shown), "{shown} is missing in {page}");
    }
    // Configuration names would help an attacker.
    for hidden in ["acme", "delivery", "Campaign - ", "campaign standard"] {
        assert!(!page.contains(hidden), "{hidden} in {page}");
    }

    let audit = logs::audit(&answer.request_id());
    let [line] = &audit[..] else { panic!("{audit:?}") };
    assert_eq!((line.field("event"), line.field("reason")), ("refusal", "no_group"));
    assert_eq!((line.field("email"), line.field("organization")), ("bob@example.com", ORGANIZATION_ID));
    let seen = line.json("seen");
    let near = line.json("near_misses");
    for name in
        ["campaign - acme - delivery", "Campaign -  acme - delivery", "Campaign - acme-emea - delivery"]
    {
        assert!(seen.as_array().unwrap().contains(&name.into()), "{name} is missing in {seen}");
        let miss = near.as_array().unwrap().iter().find(|miss| miss["name"] == name);
        assert!(miss.is_some_and(|miss| !miss["why"].as_str().unwrap().is_empty()), "{name}: {near}");
    }
    world.stop().await;
}

#[tokio::test]
async fn carol_is_refused_for_another_organisation_which_the_operator_sees() {
    let world = World::start().await;
    let answer = world.browser().sign_in("carol", "/view/home").await;
    assert_refused(&world, &answer);
    let page = answer.text();
    assert!(page.contains("does not belong to the organisation") && page.contains(ORGANIZATION_ID), "{page}");
    assert!(!page.contains(FOREIGN_ORGANIZATION_ID) && !page.contains("delivery"), "{page}");
    let audit = logs::audit(&answer.request_id());
    assert_eq!(audit[0].field("reason"), "other_organization");
    assert!(audit[0].field("organizations_seen").contains(FOREIGN_ORGANIZATION_ID), "{audit:?}");
    assert!(audit[0].field("seen").contains("Campaign - acme - delivery"), "{audit:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_person_of_no_organisation_at_all_is_refused() {
    let world = World::start().await;
    world.ims.faults().tamper_organizations(FaultFrequency::Always, |all| *all = json!([]));
    let answer = world.browser().sign_in("alice", "/view/home").await;
    assert_refused(&world, &answer);
    world.stop().await;
}

#[tokio::test]
async fn malformed_organisations_and_profiles_keep_nobody_out() {
    let world = World::start().await;
    world.ims.faults().tamper_organizations(FaultFrequency::Always, |all| {
        let odd = [
            json!({}),
            json!({"orgName": null, "orgRef": null, "groups": null}),
            json!({"orgName": 5, "orgRef": {"ident": 4711}, "groups": [{}]}),
            json!({"orgRef": {"authSrc": "AdobeOrg"}, "groups": [{"groupName": null, "groupDisplayName": 7}]}),
        ];
        all.as_array_mut().unwrap().splice(0..0, odd);
    });
    world.ims.faults().tamper_profile(FaultFrequency::Always, |profile| {
        profile["displayName"] = json!(["Alice"]);
        profile["roles"] = json!("none");
        let odd =
            [json!({}), json!({"prodCtx": null}), json!({"prodCtx": {"label": 5, "owningEntity": null}})];
        profile["projectedProductContext"].as_array_mut().unwrap().splice(0..0, odd);
    });
    assert_eq!(groups(&world, "alice").await, ["delivery", "workflow"]);
    world.stop().await;
}

#[tokio::test]
async fn a_login_leaves_one_audit_line_with_the_groups() {
    let world = World::start().await;
    let answer = world.browser().sign_in("alice", "/view/home").await;
    let audit = logs::audit(&answer.request_id());
    let [line] = &audit[..] else { panic!("{audit:?}") };
    assert_eq!((line.field("event"), line.field("email")), ("login", "alice@example.com"));
    assert_eq!(line.json("groups"), json!(["delivery", "workflow"]));
    world.stop().await;
}

fn with_product_context(context: &'static str) -> Builder {
    World::builder().instance(move |instance| instance.ims.product_context = Some(context.to_owned()))
}

async fn groups(world: &World, who: &str) -> Vec<String> {
    let me = world.signed_in(who).await.get_json("/ims/me").await.json();
    me["groups"].as_array().unwrap().iter().map(|group| group.as_str().unwrap().to_owned()).collect()
}

/// A 403 page, no session, no request to Campaign, and the unused tokens are revoked at IMS.
fn assert_refused(world: &World, answer: &Answer) {
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    assert_eq!(answer.session_cookie(), None);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(world.campaign.requests().is_empty());
    assert_eq!(world.ims.revoked().len(), 1, "the refresh token takes its access token with it");
}
