//! OpenID Connect Back-Channel Logout 1.0.

use bytes::Bytes;
use http::{Request, StatusCode};
use imsgate::demo::ims::Signing;
use serde_json::{Value, json};

use crate::support::{Answer, Browser, Redis, World, eventually, logs};

#[tokio::test]
async fn a_logout_token_ends_the_sessions_it_names_and_no_other() {
    let world = World::start().await;
    let (first, second) = (world.signed_in("alice").await, world.signed_in("alice").await);
    let erin = world.signed_in("erin").await;
    // The IMS session of the first browser: the claim `sid` of its id_token.
    let me = first.get_json("/ims/me").await.json();
    let user = me["user"].as_str().unwrap().to_owned();
    let sessions = world.ims.sessions_of("alice");
    assert_eq!(sessions.len(), 2);
    let by_session = send_changed(&world, |_, claims| claims["sid"] = sessions[0].as_str().into()).await;
    assert_eq!((by_session.status, by_session.header("cache-control")), (StatusCode::OK, "no-store"));
    assert_ne!(is_alive(&first).await, is_alive(&second).await, "one of them");
    assert_eq!(logs::audit(&by_session.request_id())[0].field("ended"), "1");

    let nobody = send_changed(&world, |_, claims| claims["sub"] = "nobody@B.e".into()).await;
    assert_eq!(nobody.status, StatusCode::OK, "over is over (§2.8)");
    assert!(is_alive(&first).await || is_alive(&second).await);

    assert_eq!(send_changed(&world, |_, claims| claims["sub"] = user.into()).await.status, StatusCode::OK);
    assert!(!is_alive(&first).await && !is_alive(&second).await);
    assert!(is_alive(&erin).await);
    world.eventually(|| world.campaign.logoffs().len() == 2 && world.ims.revoked().len() == 2).await;
    world.stop().await;
}

#[tokio::test]
async fn a_session_whose_id_token_named_none_ends_with_its_user() {
    let world = World::start().await;
    let without = |_: &mut Value, claims: &mut Value| drop(claims.as_object_mut().unwrap().remove("sid"));
    world.ims.faults().tamper_id_token(imsgate::demo::faults::FaultFrequency::Once, without);
    let alice = world.signed_in("alice").await;
    let user = alice.get_json("/ims/me").await.json()["user"].clone();
    let session = world.ims.sessions_of("alice").remove(0);
    assert_eq!(
        send_changed(&world, |_, claims| claims["sid"] = session.as_str().into()).await.status,
        StatusCode::OK
    );
    assert!(is_alive(&alice).await, "a session of IMS that is not known here");
    assert_eq!(
        send_changed(&world, |_, claims| {
            claims["sid"] = session.as_str().into();
            claims["sub"] = user;
        })
        .await
        .status,
        StatusCode::OK
    );
    assert!(!is_alive(&alice).await);
    world.stop().await;
}

#[tokio::test]
async fn tokens_that_are_not_logout_tokens_of_ims_end_nothing() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    let user = alice.get_json("/ims/me").await.json()["user"].clone();
    let pem = world.ims.public_key_pem().into_bytes();
    for signing in [
        Signing::None,
        Signing::Hs256(pem),
        Signing::Hs256(b"demo-client-secret".to_vec()),
        Signing::OtherKey,
        Signing::UnknownKid,
        Signing::NoKid,
        Signing::Broken,
    ] {
        let token = world.ims.logout_token(&signing, |_, claims| claims["sub"] = user.clone()).unwrap();
        assert_refused(&post(&world, &[("logout_token", &token)]).await, &format!("{signing:?}"));
    }
    for (place, name, value) in [
        ("header", "typ", json!("JWT")),
        ("header", "crit", json!(["x"])),
        ("claims", "iss", json!("https://evil.example.com")),
        ("claims", "aud", json!("Campaign2")),
        ("claims", "iat", json!(1)),
        ("claims", "exp", json!(1)),
        ("claims", "jti", json!(null)),
        ("claims", "events", json!({})),
        ("claims", "nonce", json!("n")),
        ("claims", "sub", json!(null)),
    ] {
        let answer = send_changed(&world, |header, claims| {
            claims["sub"] = user.clone();
            let changed = if place == "header" { header } else { claims };
            changed[name] = value;
        })
        .await;
        assert_refused(&answer, name);
    }
    let token = world.ims.logout_token(&Signing::Honest, |_, claims| claims["sub"] = user.clone()).unwrap();
    assert_refused(&post(&world, &[]).await, "no token");
    assert_refused(&post(&world, &[("logout_token", &token), ("logout_token", &token)]).await, "two tokens");
    let long = "a".repeat(60_000);
    for junk in ["", ".", "..", "a.b.c", "eyJ.eyJ.eyJ", &long] {
        assert_refused(&post(&world, &[("logout_token", junk)]).await, junk);
    }
    let as_json = Request::post("/ims/backchannel-logout").header("content-type", "application/json");
    let body = format!("logout_token={token}");
    assert_refused(&world.browser().request(as_json.body(body.into()).unwrap()).await, "not a form");
    let get = world.browser().get(&format!("/ims/backchannel-logout?logout_token={token}")).await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(is_alive(&alice).await);
    assert!(world.campaign.logoffs().is_empty() && world.ims.revoked().is_empty());
    // The same token, sent correctly, is accepted.
    assert_eq!(post(&world, &[("logout_token", &token)]).await.status, StatusCode::OK);
    assert!(!is_alive(&alice).await);
    world.stop().await;
}

#[tokio::test]
async fn an_id_token_of_the_same_keys_is_no_logout_token() {
    let world = World::start().await;
    let kept = std::sync::Arc::<std::sync::Mutex<Value>>::default();
    let keep = kept.clone();
    world.ims.faults().tamper_token_answer(
        imsgate::demo::faults::FaultFrequency::Once,
        move |answer: &mut Value| {
            *keep.lock().unwrap() = answer["id_token"].clone();
        },
    );
    let alice = world.signed_in("alice").await;
    let id_token = kept.lock().unwrap().as_str().unwrap().to_owned();
    assert_refused(&post(&world, &[("logout_token", &id_token)]).await, "an id_token");
    assert!(is_alive(&alice).await);
    world.stop().await;
}

#[tokio::test]
async fn a_logout_token_works_once_across_all_instances() {
    let Some(redis) = Redis::start() else { return };
    let world = World::builder().config(redis.keeps()).start().await;
    let other = world.neighbour().await;
    let alice = world.signed_in("alice").await;
    let user = alice.get_json("/ims/me").await.json()["user"].clone();
    let token = world.ims.logout_token(&Signing::Honest, |_, claims| claims["sub"] = user).unwrap();
    assert_eq!(post(&world, &[("logout_token", &token)]).await.status, StatusCode::OK);
    assert!(!is_alive(&alice).await);
    let again = world.signed_in("alice").await;
    for address in [
        "/ims/backchannel-logout".to_owned(),
        format!("https://localhost:{}/ims/backchannel-logout", other.https[0].port()),
    ] {
        let answer = world.browser().post_form(&address, &[("logout_token", &token)]).await;
        assert_refused(&answer, "a token used before");
    }
    assert!(is_alive(&again).await);
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn while_the_store_is_unavailable_the_provider_gets_503() {
    let Some(mut redis) = Redis::start() else { return };
    let world = World::builder().config(redis.keeps()).start().await;
    let alice = world.signed_in("alice").await;
    let user = alice.get_json("/ims/me").await.json()["user"].clone();
    let token = world.ims.logout_token(&Signing::Honest, |_, claims| claims["sub"] = user).unwrap();
    redis.kill();
    let answer = post(&world, &[("logout_token", &token)]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    redis.restart();
    eventually(async || {
        let status = post(&world, &[("logout_token", &token)]).await.status;
        assert!(
            matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE),
            "the token is not used up"
        );
        status == StatusCode::OK
    })
    .await;
    assert!(!is_alive(&alice).await);
    world.stop().await;
}

#[tokio::test]
async fn sessions_that_could_not_be_ended_end_when_the_provider_retries() {
    let Some(redis) = Redis::start() else { return };
    let world = World::builder().config(redis.keeps()).start().await;
    let other = world.neighbour().await;
    let alice = world.signed_in("alice").await;
    let user = alice.get_json("/ims/me").await.json()["user"].clone();
    world.clock.advance(std::time::Duration::from_secs(2));
    let token = world.ims.logout_token(&Signing::Honest, |_, claims| claims["sub"] = user).unwrap();
    let form = [("logout_token", &*token)];
    // The store can record the token but cannot take out the session. The instance stops before it can retry.
    redis.ask("ACL SETUSER default -getdel");
    let elsewhere = format!("https://localhost:{}/ims/backchannel-logout", other.https[0].port());
    let answer = world.browser().post_form(&elsewhere, &form).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    other.stop().await;
    redis.ask("ACL SETUSER default +getdel");
    assert!(is_alive(&alice).await);
    world.clock.advance(std::time::Duration::from_secs(2));
    let later = world.signed_in("alice").await;

    assert_eq!(post(&world, &form).await.status, StatusCode::OK);
    assert!(!is_alive(&alice).await);
    assert!(is_alive(&later).await, "signed in since");
    assert_refused(&post(&world, &form).await, "nothing is left to do");
    world.stop().await;
}

#[tokio::test]
async fn made_up_key_ids_cause_one_key_fetch_a_window_and_a_rotated_key_is_found() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    let user = alice.get_json("/ims/me").await.json()["user"].clone();
    let before = world.ims.keys_fetches();
    world.ims.rotate_keys().unwrap();
    for _ in 0..20 {
        let token =
            world.ims.logout_token(&Signing::UnknownKid, |_, claims| claims["sub"] = user.clone()).unwrap();
        assert_refused(&post(&world, &[("logout_token", &token)]).await, "an unknown key");
    }
    assert_eq!(world.ims.keys_fetches(), before + 1);
    assert_eq!(send_changed(&world, |_, claims| claims["sub"] = user).await.status, StatusCode::OK);
    assert!(!is_alive(&alice).await);
    world.stop().await;
}

/// Sends a logout token that is valid but for this change.
async fn send_changed(world: &World, change: impl FnOnce(&mut Value, &mut Value)) -> Answer {
    let token = world.ims.logout_token(&Signing::Honest, change).unwrap();
    post(world, &[("logout_token", &token)]).await
}

/// Like a provider: no cookie, no origin.
async fn post(world: &World, form: &[(&str, &str)]) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::post("/ims/backchannel-logout")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(body));
    world.browser().request(request.unwrap()).await
}

fn assert_refused(answer: &Answer, why: &str) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{why}: {}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json()["error"], "invalid_request", "{why}");
}

async fn is_alive(browser: &Browser) -> bool {
    browser.get_json("/view/home").await.status == StatusCode::OK
}
