//! Details of the relying party: issuer, token type, keys without an id or with a new value, refreshed tokens.

use std::time::Duration;

use http::StatusCode;
use imsgate::config::SessionMode;
use imsgate::demo::faults::{FaultFrequency, InjectedResponse};
use imsgate::demo::ims::{ImsEndpoint, Signing};
use imsgate::demo::people::people;
use serde_json::{Value, json};

use crate::support::{OpenLogin, World, logs};

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_refused_unless_it_is_named() {
    let other = "https://ims.example.com";
    let world = World::builder().ims_down().start().await;
    world.ims.faults().clear();
    for issuer in
        [other.to_owned(), format!("{}@ims.example.com", world.ims.url()), format!("{}?x", world.ims.url())]
    {
        world
            .ims
            .faults()
            .tamper_discovery(FaultFrequency::Always, move |d| d["issuer"] = issuer.clone().into());
        let page = world.browser().get("/view/home").await;
        assert_eq!(page.status, StatusCode::BAD_GATEWAY, "{}", page.text());
        assert!(logs::audit(&page.request_id())[0].field("reason").contains("ims.id_token_issuers"));
    }
    world.stop().await;

    let world = World::builder()
        .ims(move |ims| ims.id_token_issuer = Some(other.to_owned()))
        .instance(move |i| i.ims.id_token_issuers = vec![other.to_owned()])
        .ims_down()
        .start()
        .await;
    world.ims.faults().clear();
    world.ims.faults().tamper_discovery(FaultFrequency::Always, move |d| d["issuer"] = other.into());
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn the_type_of_a_token_must_be_bearer() {
    let world = World::start().await;
    for (value, is_good) in [
        (json!("BEARER"), true),
        (json!("Bearer"), true),
        (json!("mac"), false),
        (json!("DPoP"), false),
        (json!(""), false),
        (json!(null), false),
        (json!(1), false),
    ] {
        let sent = value.clone();
        world
            .ims
            .faults()
            .tamper_token_answer(FaultFrequency::Once, move |answer| answer["token_type"] = sent.clone());
        let answer = world.browser().sign_in("alice", "/view/home").await;
        assert_eq!(answer.session_cookie().is_some(), is_good, "{value}: {}", answer.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn numbers_in_quotes_and_fields_that_are_not_used_stop_no_sign_in() {
    let world = World::builder().ims_down().start().await;
    world.ims.faults().clear();
    world.ims.faults().tamper_discovery(FaultFrequency::Always, |document| {
        document["scopes_supported"] = json!("openid");
        document["claims_supported"] = json!(7);
        document["response_types_supported"] = json!(null);
        document["userinfo_signing_alg_values_supported"] = json!({});
    });
    for (name, value) in [
        ("expires_in", json!("86399")),
        ("expires_in", json!(86_399.5)),
        ("scope", json!(["openid"])),
        ("sub", json!({})),
        ("state", json!(7)),
        ("refresh_token", json!("")),
        ("refresh_token", json!(null)),
    ] {
        let sent = value.clone();
        world
            .ims
            .faults()
            .tamper_token_answer(FaultFrequency::Once, move |answer| answer[name] = sent.clone());
        let answer = world.browser().sign_in("alice", "/view/home").await;
        assert_eq!(answer.location(), "/view/home", "{name}: {value}: {}", answer.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn an_issuer_that_is_promised_in_the_callback_must_be_present() {
    let named = "https://ims.example.com/ims";
    for (promise, without) in
        [(json!(true), false), (json!("true"), false), (json!(false), true), (json!(null), true)]
    {
        let world = World::builder()
            .ims(move |ims| ims.id_token_issuer = Some(named.to_owned()))
            .instance(move |i| i.ims.id_token_issuers = vec![named.to_owned()])
            .ims_down()
            .start()
            .await;
        world.ims.faults().clear();
        world.ims.faults().tamper_discovery(FaultFrequency::Always, move |document| {
            document["authorization_response_iss_parameter_supported"] = promise.clone();
        });
        let encode = |text: String| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        // The issuer of the discovery document counts here, not that of id_tokens.
        for (issuer, is_good) in
            [(None, without), (Some(world.ims.url()), true), (Some(named.to_owned()), false)]
        {
            let browser = world.browser();
            let login = OpenLogin::begin(&browser, "/view/home").await;
            let query = issuer.map(|issuer| format!("&iss={}", encode(issuer))).unwrap_or_default();
            let answer = browser.get(&format!("{}{query}", login.callback())).await;
            assert_eq!(answer.session_cookie().is_some(), is_good, "{query}: {}", answer.text());
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_token_without_kid_is_good_when_one_key_fits() {
    let world = World::start().await;
    world.ims.faults().sign_id_token(FaultFrequency::Always, Signing::NoKid);
    world.signed_in("alice").await;
    // After a rotation two keys are published.
    world.ims.rotate_keys().unwrap();
    for _ in 0..2 {
        let page = world.browser().sign_in("alice", "/view/home").await;
        assert_eq!(page.session_cookie(), None);
        assert!(logs::audit(&page.request_id())[0].field("reason").contains("signature"));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_bad_signature_under_a_known_kid_fetches_the_keys_once_a_window() {
    let world = World::start().await;
    world.signed_in("alice").await;
    let before = world.ims.keys_fetches();
    world.ims.faults().sign_id_token(FaultFrequency::Always, Signing::Broken);
    for _ in 0..3 {
        assert_eq!(world.browser().sign_in("alice", "/view/home").await.session_cookie(), None);
    }
    assert_eq!(world.ims.keys_fetches(), before + 1);
    world.clock.advance(Duration::from_secs(61));
    world.browser().sign_in("alice", "/view/home").await;
    assert_eq!(world.ims.keys_fetches(), before + 2);
    world.stop().await;
}

#[tokio::test]
async fn logout_tokens_with_unknown_keys_leave_sign_ins_their_key_fetch() {
    let world = World::start().await;
    world.signed_in("alice").await;
    for _ in 0..3 {
        let token = world.ims.logout_token(&Signing::UnknownKid, |_, _| {}).unwrap();
        let answer = world.browser().post_form("/ims/backchannel-logout", &[("logout_token", &token)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(world.ims.keys_fetches(), 2);
    world.ims.rotate_keys().unwrap();
    world.signed_in("dave").await;
    world.stop().await;
}

#[tokio::test]
async fn a_logout_token_without_a_type_is_accepted() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    let user = alice.get_json("/ims/me").await.json()["user"].clone();
    let untyped = world.ims.logout_token(&Signing::Honest, |header, claims| {
        header.as_object_mut().unwrap().remove("typ");
        claims["sub"] = user.clone();
    });
    let answer =
        world.browser().post_form("/ims/backchannel-logout", &[("logout_token", &untyped.unwrap())]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(alice.get_json("/ims/me").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

/// A world with tokens of 20 minutes and without a recheck of groups.
async fn short_lived() -> World {
    World::builder()
        .ims(|ims| ims.token_lifetime = LIFE)
        .session_mode(SessionMode::Bearer)
        .config(|config| config.session.recheck_groups = Duration::from_hours(12))
        .start()
        .await
}

#[tokio::test]
async fn a_refreshed_id_token_must_match_the_sign_in() {
    let cases: [(&str, Change, bool); 5] = [
        ("the same", |_| {}, true),
        ("no auth_time", |claims| drop(claims.as_object_mut().unwrap().remove("auth_time")), true),
        ("another time of sign-in", |claims| claims["auth_time"] = json!(1), false),
        ("a nonce of another sign-in", |claims| claims["nonce"] = json!("n"), false),
        ("another person", |claims| claims["sub"] = json!("B"), false),
    ];
    for (name, change, is_good) in cases {
        let world = short_lived().await;
        let alice = world.signed_in("alice").await;
        world.clock.advance(LIFE);
        world.ims.faults().tamper_id_token(FaultFrequency::Once, move |_, claims| change(claims));
        let answer = alice.get_json("/demo/echo").await;
        assert_eq!(answer.status == StatusCode::OK, is_good, "{name}: {}", answer.text());
        world.stop().await;
    }
}

#[tokio::test]
async fn a_refresh_response_that_cannot_be_used_loses_no_refresh_token() {
    let cases: [(&str, Change); 5] = [
        ("no access token", |answer| answer["access_token"] = json!(null)),
        ("an access token that would split a header", |answer| answer["access_token"] = json!("a\r\nb: c")),
        ("another type", |answer| answer["token_type"] = json!("mac")),
        ("a lifetime in words", |answer| answer["expires_in"] = json!("soon")),
        ("an id_token of another kind", |answer| answer["id_token"] = json!("x")),
    ];
    for (name, change) in cases {
        let world = short_lived().await;
        let alice = world.signed_in("alice").await;
        world.clock.advance(LIFE);
        world.ims.faults().tamper_token_answer(FaultFrequency::Once, change);
        for _ in 0..3 {
            assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::SERVICE_UNAVAILABLE, "{name}");
        }
        assert_eq!(world.ims.refreshes().len(), 1, "{name}: IMS is not asked at every request");
        world.clock.advance(Duration::from_secs(6));
        let answer = alice.get_json("/demo/echo").await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text());
        let used = world.ims.refreshes();
        assert_eq!(used.len(), 2);
        assert_ne!(used[0], used[1], "the next refresh token was saved");
        world.stop().await;
    }
}

#[tokio::test]
async fn claims_of_the_id_token_that_are_not_used_stop_no_sign_in() {
    let world = World::start().await;
    for (name, value) in [
        ("amr", json!("pwd")),
        ("acr", json!(5)),
        ("address", json!("Basel")),
        ("updated_at", json!("yesterday")),
        ("locale", json!([1])),
        ("email_verified", json!("False")),
        ("phone_number_verified", json!("no")),
        ("picture", json!({})),
        ("name", json!(7)),
        ("sid", json!([])),
        ("auth_time", json!("now")),
        ("c_hash", json!(7)),
        ("nbf", json!("1")),
    ] {
        let sent = value.clone();
        world
            .ims
            .faults()
            .tamper_id_token(FaultFrequency::Once, move |_, claims| claims[name] = sent.clone());
        let answer = world.browser().sign_in("alice", "/view/home").await;
        assert_eq!(answer.location(), "/view/home", "{name}: {value}: {}", answer.text());
    }
    world.ims.faults().tamper_id_token(FaultFrequency::Once, |_, claims| {
        for name in ["exp", "iat", "auth_time"] {
            claims[name] = claims[name].to_string().into();
        }
    });
    world.signed_in("alice").await;
    // Values that are used are read in quotes, too.
    world.ims.faults().tamper_id_token(FaultFrequency::Once, |_, claims| claims["exp"] = json!("5"));
    let page = world.browser().sign_in("alice", "/view/home").await;
    assert_eq!(page.session_cookie(), None);
    assert!(logs::audit(&page.request_id())[0].field("reason").contains("expired"));
    world.stop().await;
}

#[tokio::test]
async fn tokens_of_another_type_are_no_id_token() {
    let world = World::start().await;
    for (name, value) in [
        ("typ", json!("at+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(7)),
        ("cty", json!("JWT")),
        ("crit", json!(["b64"])),
    ] {
        let sent = value.clone();
        world
            .ims
            .faults()
            .tamper_id_token(FaultFrequency::Once, move |header, _| header[name] = sent.clone());
        let page = world.browser().sign_in("alice", "/view/home").await;
        assert_eq!(page.session_cookie(), None, "{name}: {value}");
    }
    world.stop().await;
}

#[tokio::test]
async fn malformed_elements_of_the_profile_are_ignored() {
    let world = World::start().await;
    let faults = world.ims.faults();
    for (name, value) in [
        ("userId", json!(7)),
        ("userId", json!(["x"])),
        ("roles", json!([null, 7])),
        ("roles", json!("admin")),
        ("projectedProductContext", json!([null, 5, "x", {"prodCtx": []}, {"prodCtx": {"label": {}}}])),
        ("projectedProductContext", json!(7)),
        ("email_verified", json!("true")),
        ("displayName", json!({})),
    ] {
        let sent = value.clone();
        faults.tamper_profile(FaultFrequency::Once, move |profile| profile[name] = sent.clone());
        let answer = world.browser().sign_in("alice", "/view/home").await;
        assert_eq!(answer.location(), "/view/home", "{name}: {value}: {}", answer.text());
    }
    for (name, value) in [("name", json!(7)), ("address", json!("Basel")), ("updated_at", json!([]))] {
        let sent = value.clone();
        faults.tamper_userinfo(FaultFrequency::Once, move |info| info[name] = sent.clone());
        let answer = world.browser().sign_in("alice", "/view/home").await;
        assert_eq!(answer.location(), "/view/home", "{name}: {value}: {}", answer.text());
    }
    faults.tamper_organizations(FaultFrequency::Once, |organizations| {
        let all = organizations.as_array_mut().unwrap();
        for organization in all.iter_mut() {
            let groups = organization["groups"].as_array_mut().unwrap();
            groups.splice(0..0, [json!(null), json!(7), json!("x"), json!([]), json!({"groupName": {}})]);
        }
        let odd =
            [json!(null), json!(7), json!({"orgRef": 5, "groups": {}}), json!({"orgRef": {"ident": 4}})];
        all.splice(0..0, odd);
    });
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn text_that_ims_cut_in_a_character_stops_no_sign_in() {
    let world = World::start().await;
    let alice = people("", "").remove(0).sub;
    for (text, name) in [
        // As a program leaves it that shortens text in UTF-16; the second field is not used.
        (r#""name":"Alice \ud83d","nickname":"\ude00""#, "Alice \u{fffd}"),
        (r#""name":"Alice","\ud83d":["\ud83d"]"#, "Alice"),
    ] {
        let info = format!("\u{feff}{{\"sub\":\"{alice}\",\"email\":\"alice@example.com\",{text}}}");
        world.ims.faults().answer(
            ImsEndpoint::UserInfo,
            FaultFrequency::Once,
            InjectedResponse::Text("application/json", info),
        );
        let browser = world.signed_in("alice").await;
        let me = browser.get_json("/ims/me").await.json();
        assert_eq!(me["name"], name, "{me}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_refresh_response_that_breaks_off_loses_no_refresh_token() {
    let cut = r#"{"access_token":"a","token_type":"bearer","refresh_token":"next","id_token":"ey"#;
    let broken = r#"{"access_token":"a",,"refresh_token":"next"}"#;
    for response in [
        InjectedResponse::BreaksOff(cut),
        InjectedResponse::Text("application/json", cut.to_owned()),
        InjectedResponse::Text("application/json", broken.to_owned()),
    ] {
        let world = short_lived().await;
        let alice = world.signed_in("alice").await;
        world.clock.advance(LIFE);
        world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, response.clone());
        assert_eq!(
            alice.get_json("/demo/echo").await.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{response:?}"
        );
        world.clock.advance(Duration::from_secs(6));
        alice.get_json("/demo/echo").await;
        let used = world.ims.refreshes();
        assert_eq!(used.last().map(String::as_str), Some("next"), "{response:?}: {used:?}");
        world.stop().await;
    }
}

const LIFE: Duration = Duration::from_mins(20);

/// A change of claims, or of a response.
type Change = fn(&mut Value);
