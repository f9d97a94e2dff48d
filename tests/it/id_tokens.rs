//! Which `id_token`s are accepted and which are refused (OpenID Connect Core §3.1.3.7).

use http::StatusCode;
use imsgate::demo::faults::FaultFrequency;
use imsgate::demo::ims::Signing;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{World, logs};

#[tokio::test]
async fn a_token_that_ims_did_not_sign_with_a_published_key_is_refused() {
    let world = World::start().await;
    for (signing, why) in [
        (Signing::None, "signature"),
        (Signing::Hs256(world.ims.public_key_pem().into_bytes()), "alg"),
        (Signing::Hs256(world.ims.public_key_pem().trim().as_bytes().to_vec()), "alg"),
        (Signing::Hs256(b"demo-client-secret".to_vec()), "alg"),
        (Signing::OtherKey, "signature"),
        (Signing::Broken, "signature"),
        (Signing::UnknownKid, "signature"),
    ] {
        println!("{signing:?}");
        world.ims.faults().sign_id_token(FaultFrequency::Once, signing);
        assert_refused(&world, why).await;
    }
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn other_algorithms_of_a_published_key_are_refused() {
    let world = World::start().await;
    for algorithm in ["RS512", "PS256", "ES256", "NONE", "none "] {
        println!("{algorithm}");
        world
            .ims
            .faults()
            .tamper_id_token(FaultFrequency::Once, move |header, _| header["alg"] = algorithm.into());
        assert_refused(&world, "").await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_token_whose_claims_are_not_for_this_login_is_refused() {
    let world = World::start().await;
    let cases: [(&str, Change, &str); 25] = [
        (
            "issuer of another flow",
            |c| c["iss"] = format!("{}/ims", c["iss"].as_str().unwrap()).into(),
            "issuer",
        ),
        (
            "issuer with a trailing slash",
            |c| c["iss"] = format!("{}/", c["iss"].as_str().unwrap()).into(),
            "issuer",
        ),
        ("no issuer", |c| drop(remove(c, "iss")), ""),
        ("audience of another client", |c| c["aud"] = "Campaign2".into(), "aud"),
        ("audience in another case", |c| c["aud"] = "campaign1".into(), "aud"),
        ("no audience", |c| drop(remove(c, "aud")), ""),
        ("empty audience", |c| c["aud"] = json!([]), "aud"),
        ("a stranger beside this client", |c| c["aud"] = json!(["Campaign1", "stranger"]), "aud"),
        ("only strangers", |c| c["aud"] = json!(["stranger", "other"]), "aud"),
        ("another authorized party", |c| c["azp"] = "Campaign2".into(), "azp"),
        ("no subject", |c| drop(remove(c, "sub")), ""),
        ("empty subject", |c| c["sub"] = "".into(), ""),
        ("no time of issue", |c| drop(remove(c, "iat")), ""),
        ("issued in the future", |c| c["iat"] = (c["iat"].as_i64().unwrap() + 120).into(), "iat"),
        ("no expiry", |c| drop(remove(c, "exp")), ""),
        ("expired", |c| c["exp"] = (c["iat"].as_i64().unwrap() - 61).into(), "expired"),
        ("expired long ago", |c| c["exp"] = 0.into(), "expired"),
        ("expiry before time", |c| c["exp"] = (-1_i64).into(), "expired"),
        ("endless expiry", |c| c["exp"] = json!(1e300), ""),
        ("expiry beyond the calendar", |c| c["exp"] = i64::MAX.into(), ""),
        ("expiry in words", |c| c["exp"] = "tomorrow".into(), ""),
        ("nonce of another login", |c| c["nonce"] = "AAAAAAAAAAAAAAAAAAAAAA".into(), "nonce"),
        ("no nonce", |c| drop(remove(c, "nonce")), "nonce"),
        ("empty nonce", |c| c["nonce"] = "".into(), "nonce"),
        ("hash of another access token", |c| c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA".into(), "at_hash"),
    ];
    for (name, change, why) in cases {
        println!("{name}");
        world.ims.faults().tamper_id_token(FaultFrequency::Once, move |_, claims| change(claims));
        assert_refused(&world, why).await;
    }
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn what_the_standard_allows_is_accepted() {
    let world = World::start().await;
    let cases: [(&str, Change); 7] = [
        ("expired within the skew", |c| c["exp"] = (c["iat"].as_i64().unwrap() - 30).into()),
        ("a clock ahead within the skew", |c| c["iat"] = (c["iat"].as_i64().unwrap() + 30).into()),
        ("an audience list of one", |c| c["aud"] = json!(["Campaign1"])),
        ("this client as authorized party", |c| c["azp"] = "Campaign1".into()),
        ("no hash of the access token", |c| drop(remove(c, "at_hash"))),
        ("times with fractions", |c| c["iat"] = json!(c["iat"].as_f64().unwrap() + 0.5)),
        ("claims nobody knows", |c| c["https://example.com/x"] = json!({"deep": [1, null]})),
    ];
    for (name, change) in cases {
        world.ims.faults().tamper_id_token(FaultFrequency::Once, move |_, claims| change(claims));
        let browser = world.browser();
        let answer = browser.sign_in("alice", "/view/home").await;
        assert_eq!(answer.location(), "/view/home", "{name}: {}", answer.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn an_issuer_other_than_the_discovery_document_s_is_accepted_only_when_configured() {
    let issuer = "https://ims-na1.adobelogin.com/ims";
    let world = World::builder().ims(move |ims| ims.id_token_issuer = Some(issuer.to_owned())).start().await;
    assert_refused(&world, issuer).await;
    world.stop().await;

    let world = World::builder()
        .ims(move |ims| ims.id_token_issuer = Some(issuer.to_owned()))
        .instance(move |i| {
            i.ims.id_token_issuers = vec!["https://ims-na1.adobelogin.com".to_owned(), issuer.to_owned()];
        })
        .start()
        .await;
    world.signed_in("alice").await;
    // The issuer of the document is then not accepted, and a longer one is not, either.
    for other in [world.ims.url(), format!("{issuer}/")] {
        world
            .ims
            .faults()
            .tamper_id_token(FaultFrequency::Once, move |_, claims| claims["iss"] = other.clone().into());
        assert_refused(&world, "issuer").await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_key_rotation_just_before_signing_is_followed() {
    let world = World::start().await;
    world.signed_in("alice").await;
    world.ims.rotate_keys().unwrap();
    world.signed_in("dave").await;
    world.stop().await;
}

#[tokio::test]
async fn made_up_key_ids_cause_one_key_fetch_per_window() {
    let world = World::start().await;
    world.signed_in("alice").await;
    assert_eq!(world.ims.keys_fetches(), 1);
    world.ims.faults().sign_id_token(FaultFrequency::Always, Signing::UnknownKid);
    let storm = (0..20).map(|_| async {
        let browser = world.browser();
        browser.sign_in("alice", "/view/home").await;
        assert_eq!(browser.session(), None);
    });
    futures_util::future::join_all(storm).await;
    assert_eq!(world.ims.keys_fetches(), 2);
    world.ims.faults().clear();
    world.signed_in("alice").await;

    // The next window fetches the new key.
    world.ims.rotate_keys().unwrap();
    world.clock.advance(Duration::from_secs(61));
    world.signed_in("alice").await;
    assert_eq!(world.ims.keys_fetches(), 3);
    world.stop().await;
}

#[tokio::test]
async fn userinfo_of_another_person_ends_the_login() {
    let world = World::start().await;
    let other = "7E5A01C204D4F6B80A490004@6F1B02A904495CC1.e";
    world.ims.faults().userinfo_sub(FaultFrequency::Once, other);
    assert_refused(&world, "userinfo").await;
    world.ims.faults().profile_user_id(FaultFrequency::Once, other);
    assert_refused(&world, "profile").await;
    assert_eq!(world.ims.revoked().len(), 2, "tokens that nobody will use are given back");
    world.stop().await;
}

/// Signs in as alice and expects: an error page without session or token, `why` in the operator's reason, no request to Campaign, and a
/// gateway that still works.
async fn assert_refused(world: &World, why: &str) {
    world.campaign.forget_requests();
    let browser = world.browser();
    let page = browser.sign_in("alice", "/view/home").await;
    assert!(
        matches!(page.status, StatusCode::FORBIDDEN | StatusCode::BAD_GATEWAY),
        "{} {}",
        page.status,
        page.text()
    );
    assert_eq!((page.session_cookie(), browser.session()), (None, None));
    assert!(!page.text().contains("eyJ"), "a token is on the page: {}", page.text());
    let audit = logs::audit(&page.request_id());
    let reason = audit[0].field("reason");
    assert!(reason.contains(why), "{why} is not in: {reason}");
    assert!(!reason.contains("eyJ"), "a token is in the audit trail: {reason}");
    assert!(world.campaign.requests().is_empty());
    assert_eq!(browser.get("/ims/health/live").await.status, StatusCode::OK);
}

fn remove(claims: &mut Value, name: &str) -> Option<Value> {
    claims.as_object_mut().unwrap().remove(name)
}

/// A change of the claims before they are signed.
type Change = fn(&mut Value);

#[tokio::test]
async fn times_that_do_not_fit_show_the_page_about_clocks() {
    use imsgate::demo::faults::FaultFrequency;
    type Change = fn(&mut serde_json::Value);
    let world = crate::support::World::start().await;
    let changes: [Change; 3] = [
        |claims| claims["iat"] = (claims["iat"].as_i64().unwrap() + 600).into(),
        |claims| claims["exp"] = (claims["iat"].as_i64().unwrap() - 600).into(),
        |claims| claims["nbf"] = (claims["iat"].as_i64().unwrap() + 600).into(),
    ];
    for change in changes {
        world.ims.faults().tamper_id_token(FaultFrequency::Once, move |_, claims| change(claims));
        let page = world.browser().sign_in("alice", "/view/home").await;
        assert!(page.text().contains("The clocks do not agree"), "{}", page.text());
        assert!(page.text().contains("return_to=%2Fview%2Fhome"), "{}", page.text());
        let line = crate::support::logs::audit(&page.request_id()).remove(0);
        assert!(line.field("reason").contains("compare the clocks"), "{line:?}");
        assert_eq!(page.session_cookie(), None);
    }
    world.stop().await;
}

#[tokio::test]
async fn an_empty_refresh_token_is_none() {
    use imsgate::demo::faults::FaultFrequency;
    let world = crate::support::World::start().await;
    world
        .ims
        .faults()
        .tamper_token_answer(FaultFrequency::Once, |answer| answer["refresh_token"] = "".into());
    let browser = world.signed_in("alice").await;
    let answer = browser.post_form("/ims/logout", &[]).await;
    assert_eq!(world.ims.revoked(), [answer.parameter("access_token").unwrap()]);
    world.stop().await;
}
