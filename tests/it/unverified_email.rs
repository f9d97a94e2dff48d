//! An e-mail address that IMS marks as not verified is not used: not for Campaign, not for the operator.

use http::StatusCode;
use imsgate::demo::faults::FaultFrequency;
use imsgate::demo::ims::ImsFaults;
use serde_json::{Value, json};

use crate::support::admin::{ask, with_admin};
use crate::support::assertion::claims;
use crate::support::{World, logs};

type Mark = fn(&ImsFaults, Value);

/// Sets `email_verified` in the userinfo response.
fn in_userinfo(faults: &ImsFaults, verified: Value) {
    faults.tamper_userinfo(FaultFrequency::Always, move |info| info["email_verified"] = verified.clone());
}

/// Sets `emailVerified`, the spelling of the profile, in the profile.
fn in_profile(faults: &ImsFaults, verified: Value) {
    faults.tamper_profile(FaultFrequency::Always, move |profile| profile["emailVerified"] = verified.clone());
}

/// Adds an address and `email_verified` to the `id_token`.
fn in_id_token(faults: &ImsFaults, verified: Value) {
    faults.tamper_id_token(FaultFrequency::Always, move |_, claims| {
        claims["email"] = "alice@example.com".into();
        claims["email_verified"] = verified.clone();
    });
}

const PLACES: [(&str, Mark); 3] =
    [("userinfo", in_userinfo), ("profile", in_profile), ("id_token", in_id_token)];

#[tokio::test]
async fn an_unverified_address_is_not_used_as_identity() {
    for (place, tamper) in PLACES {
        for value in [json!(false), json!("false")] {
            let world = with_admin().start().await;
            tamper(&world.ims.faults(), value.clone());
            let browser = world.browser();
            let answer = browser.sign_in("alice", "/view/home").await;
            assert_eq!(answer.location(), "/view/home", "{place} {value}: {}", answer.text());
            let audit = logs::audit(&answer.request_id());
            assert_eq!((audit[0].field("event"), audit[0].field("email")), ("login", ""), "{place} {value}");
            assert!(!audit[0].field("user").is_empty());

            assert_eq!(browser.get("/view/home").await.status, StatusCode::OK);
            let seen = world.last_request();
            assert_eq!(seen.header("x-ims-email").unwrap_or_default(), "", "{place} {value}");
            let claims = claims(&browser, seen.header("x-ims-assertion").unwrap()).await;
            assert_eq!(claims.get("email"), None, "{place} {value}");
            assert_eq!(browser.get_json("/ims/me").await.json()["email"], Value::Null);
            assert!(!browser.get("/ims/me").await.text().contains("alice@example.com"));

            let by_email = ask(&world, "GET", "/sessions?user=alice@example.com").await.json();
            assert_eq!(
                by_email["sessions"],
                json!([]),
                "{place} {value}: revoke --user would end a stranger's"
            );
            let user = seen.header("x-ims-user").unwrap();
            let by_id = ask(&world, "GET", &format!("/sessions?user={user}")).await.json();
            assert_eq!(by_id["sessions"].as_array().unwrap().len(), 1);
            assert_eq!(by_id["sessions"][0]["email"], Value::Null);
            world.stop().await;
        }
    }
}

#[tokio::test]
async fn an_address_without_email_verified_counts_as_verified() {
    for (place, tamper) in PLACES {
        for value in [Value::Null, json!(true), json!("true")] {
            let world = World::start().await;
            tamper(&world.ims.faults(), value.clone());
            let browser = world.signed_in("alice").await;
            browser.get("/view/home").await;
            assert_eq!(
                world.last_request().header("x-ims-email"),
                Some("alice@example.com"),
                "{place} {value}"
            );
            world.stop().await;
        }
    }
}

#[tokio::test]
async fn a_refused_person_is_not_identified_by_an_unverified_address() {
    let world = World::start().await;
    in_userinfo(&world.ims.faults(), json!(false));
    let answer = world.browser().sign_in("bob", "/view/home").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.text().contains("bob@example.com"), "{}", answer.text());
    assert_eq!(logs::audit(&answer.request_id())[0].field("email"), "");
    world.stop().await;
}
