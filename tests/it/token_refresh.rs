//! Access tokens are refreshed during a session: once, in time, and without losing a refresh token.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use imsgate::config::{Instance, SessionMode, Store};
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Fault};
use imsgate::demo::ims::ImsEndpoint;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;

use crate::support::websocket::{echoed, ended, open};
use crate::support::{Browser, Builder, World, logs, redis_servers};

/// The lifetime of an access token: shorter than the time-outs of a session.
const LIFE: Duration = Duration::from_mins(20);

/// Shortly before its end.
const ALMOST: Duration = Duration::from_mins(19);

/// A world with access tokens of 20 minutes and without a recheck of groups.
fn short_lived(mode: SessionMode) -> Builder {
    World::builder()
        .ims(|ims| ims.token_lifetime = LIFE)
        .session_mode(mode)
        .config(|config| config.session.recheck_groups = Duration::from_hours(12))
}

/// The same with sessions in this Redis. The folder holds the key file.
fn shared(server: &redis_servers::Server, mode: SessionMode) -> Builder {
    use std::os::unix::fs::PermissionsExt as _;

    use base64::Engine as _;
    let key_file = server.directory.path().join("session.key");
    let key = base64::engine::general_purpose::STANDARD.encode([7; 32]);
    std::fs::write(&key_file, key).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let address = Box::new(server.url().parse().unwrap());
    short_lived(mode).config(move |config| {
        config.session.store = Store::Redis { address, ca_file: None, key_file };
    })
}

/// `Authorization` of a request to Campaign, which must succeed.
async fn bearer_of(world: &World, browser: &Browser) -> String {
    let answer = browser.get_json("/demo/echo").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    world.last_request().header("authorization").unwrap().to_owned()
}

#[tokio::test]
async fn two_hundred_requests_on_an_expired_token_over_two_instances_make_one_exchange() {
    if !redis_servers::installed() {
        return;
    }
    let server = redis_servers::Server::start(&[]);
    let world = shared(&server, SessionMode::Bearer).start().await;
    let other = world.another().await;
    let here = world.signed_in("alice").await;
    let there = world.browser_at(&other, &here.session().unwrap());
    let old = bearer_of(&world, &here).await;
    assert_eq!(bearer_of(&world, &there).await, old);
    world.clock.advance(LIFE);
    world.campaign.forget_requests();
    let all = (0..200).map(|number| {
        let browser = if number % 2 == 0 { &here } else { &there };
        browser.get_json("/demo/echo")
    });
    let answers = join_all(all).await;
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    let requests = world.campaign.requests();
    let new = requests[0].header("authorization").unwrap();
    assert_ne!(new, old);
    assert_eq!(requests.iter().filter(|request| request.header("authorization") == Some(new)).count(), 200);
    assert_eq!(world.ims.refreshes().len(), 1);
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn one_of_several_instances_asks_for_the_groups_and_all_use_them() {
    if !redis_servers::installed() {
        return;
    }
    let interval = Duration::from_mins(10);
    let server = redis_servers::Server::start(&[]);
    let world = shared(&server, SessionMode::Headers)
        .config(move |config| config.session.recheck_groups = interval)
        .start()
        .await;
    let other = world.another().await;
    let here = world.signed_in("alice").await;
    let there = world.browser_at(&other, &here.session().unwrap());
    for round in ["report", "admin", "content"] {
        there.get_json("/demo/echo").await;
        let asked = world.ims.requests_to(ImsEndpoint::Organizations);
        world.ims.faults().tamper_organizations(FaultFrequency::Always, move |organizations| {
            organizations[0]["groups"] =
                serde_json::json!([{"groupName": format!("Campaign - acme - {round}")}]);
        });
        world.clock.advance(interval);
        for browser in [&here, &there] {
            let mut heard = false;
            for _ in 0..600 {
                assert_eq!(browser.get_json("/demo/echo").await.status, StatusCode::OK);
                heard = world.last_request().header("x-campaign-groups") == Some(round);
                if heard {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(heard, "{round}");
        }
        assert_eq!(world.ims.requests_to(ImsEndpoint::Organizations), asked + 1, "{round}");
    }
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn an_instance_that_dies_during_a_refresh_is_replaced_by_another() {
    if !redis_servers::installed() {
        return;
    }
    let server = redis_servers::Server::start(&[]);
    let world = shared(&server, SessionMode::Bearer).start().await;
    let doomed = Runtime::new().unwrap();
    let other = doomed.spawn(world.another()).await.unwrap();
    let here = world.signed_in("alice").await;
    let there = world.browser_at(&other, &here.session().unwrap());
    let old = bearer_of(&world, &there).await;
    world.clock.advance(LIFE);
    world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, Fault::Never);
    let lost = tokio::spawn(async move { there.get_json("/demo/echo").await.status });
    world.eventually(|| world.ims.refreshes().len() == 1).await;
    // The control runtime stops, and with it the exchange, the extension of the lease, and every connection to Redis.
    doomed.shutdown_background();
    assert_ne!(bearer_of(&world, &here).await, old);
    assert_eq!(world.ims.refreshes().len(), 2);
    assert_ne!(lost.await.unwrap(), StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn a_failure_of_campaign_loses_no_rotated_token() {
    if !redis_servers::installed() {
        return;
    }
    let server = redis_servers::Server::start(&[]);
    let world = shared(&server, SessionMode::Bearer).start().await;
    let here = world.signed_in("alice").await;
    world.clock.advance(LIFE);
    world.campaign.faults().answer(FaultFrequency::Once, Fault::Status(500));
    assert_eq!(here.get_json("/demo/echo").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    let renewed = world.last_request().header("authorization").unwrap().to_owned();
    // An instance that has only the store.
    let other = world.another().await;
    let there = world.browser_at(&other, &here.session().unwrap());
    assert_eq!(bearer_of(&world, &there).await, renewed);
    // The refresh token is the new one: it works.
    world.clock.advance(LIFE);
    assert_ne!(bearer_of(&world, &there).await, renewed);
    let refreshes = world.ims.refreshes();
    assert_eq!(refreshes.len(), 2);
    assert_ne!(refreshes[0], refreshes[1]);
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_token_in_its_last_minutes_is_refreshed_while_requests_continue() {
    let impatient = |instance: &mut Instance| instance.ims.timeout = Duration::from_secs(3);
    let world = short_lived(SessionMode::Bearer).instance(impatient).start().await;
    let alice = world.signed_in("alice").await;
    let old = bearer_of(&world, &alice).await;
    world.clock.advance(ALMOST);
    // IMS does not answer, but no request waits while the token is valid.
    world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, Fault::Never);
    assert_eq!(bearer_of(&world, &alice).await, old);
    world.eventually(|| world.ims.refreshes().len() == 1).await;
    assert_eq!(bearer_of(&world, &alice).await, old);
    assert_eq!(world.ims.refreshes().len(), 1, "one at a time");
    world.stop().await;

    let world = short_lived(SessionMode::Bearer).start().await;
    let alice = world.signed_in("alice").await;
    let old = bearer_of(&world, &alice).await;
    world.clock.advance(ALMOST);
    assert_eq!(bearer_of(&world, &alice).await, old);
    for _ in 0..500 {
        if bearer_of(&world, &alice).await != old {
            break;
        }
    }
    assert_ne!(bearer_of(&world, &alice).await, old);
    assert_eq!(world.ims.refreshes().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn an_expired_token_during_an_outage_of_ims_gets_503_and_loses_nothing() {
    let world = short_lived(SessionMode::Bearer).start().await;
    let alice = world.signed_in("alice").await;
    let old = bearer_of(&world, &alice).await;
    world.campaign.forget_requests();
    world.clock.advance(LIFE);
    world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Always, Fault::Status(500));
    for _ in 0..8 {
        let answer = alice.get_json("/demo/echo").await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
        assert_eq!(answer.json()["error"], "ims_unavailable");
        assert!(answer.set_cookies().is_empty(), "the cookie is never deleted for it");
    }
    let page = alice.get("/view/home").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text().contains("You have not been signed out"), "{}", page.text());
    assert!(world.campaign.requests().is_empty(), "no request goes on with a token that is over");
    let asked = world.ims.refreshes().len();
    assert!(asked <= 2, "IMS is not asked at every request: {asked}");
    world.ims.faults().clear();
    world.clock.advance(Duration::from_secs(5));
    assert_ne!(bearer_of(&world, &alice).await, old);
    world.stop().await;
}

#[tokio::test]
async fn no_malformed_response_of_the_token_endpoint_ends_a_session() {
    let impatient = |instance: &mut Instance| instance.ims.timeout = Duration::from_secs(3);
    let world = short_lived(SessionMode::Bearer).instance(impatient).start().await;
    let alice = world.signed_in("alice").await;
    world.clock.advance(LIFE);
    for fault in [
        Fault::Status(400),
        Fault::Status(401),
        Fault::Status(502),
        Fault::Redirect("https://evil.example.com/?error=invalid_grant".to_owned()),
        Fault::Html,
        Fault::Text("application/json", "{}".to_owned()),
        Fault::Megabytes(50),
        Fault::HalfBody,
        Fault::Never,
    ] {
        world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, fault.clone());
        let answer = alice.get_json("/demo/echo").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
        world.clock.advance(Duration::from_secs(5));
    }
    bearer_of(&world, &alice).await;
    world.stop().await;
}

#[tokio::test]
async fn a_refresh_respects_retry_after_of_ims() {
    let world = short_lived(SessionMode::Bearer).start().await;
    let alice = world.signed_in("alice").await;
    world.clock.advance(LIFE);
    world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, Fault::RetryAfter(120));
    for _ in 0..4 {
        assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::SERVICE_UNAVAILABLE);
        world.clock.advance(Duration::from_secs(20));
    }
    assert_eq!(world.ims.refreshes().len(), 1);
    world.clock.advance(Duration::from_secs(40));
    bearer_of(&world, &alice).await;
    assert_eq!(world.ims.refreshes().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn modes_that_send_no_token_to_campaign_continue_during_an_outage_of_ims() {
    for mode in [SessionMode::BearerLogon, SessionMode::Headers] {
        let world = short_lived(mode).start().await;
        let alice = world.signed_in("alice").await;
        let logons = world.campaign.sessions().len();
        world.clock.advance(LIFE);
        world.ims.faults().down(true);
        for _ in 0..3 {
            assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::OK);
        }
        assert_eq!(world.ims.refreshes().len(), 1);
        world.ims.faults().clear();
        world.clock.advance(Duration::from_secs(30));
        assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::OK);
        assert_eq!(world.ims.refreshes().len(), 2);
        assert_eq!(world.campaign.sessions().len(), logons, "Campaign's session goes on by itself");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_refresh_token_that_ims_refuses_ends_the_session_everywhere() {
    let world = short_lived(SessionMode::BearerLogon).start().await;
    let alice = world.signed_in("alice").await;
    let session = alice.session().unwrap();
    let mut socket = open(&world, &session, None).await.unwrap();
    assert_eq!(echoed(&mut socket, Message::text("hello")).await, Message::text("hello"));
    let campaign = world.campaign.sessions().remove(0);
    world.campaign.forget_requests();
    world.clock.advance(LIFE);
    world.ims.invalidate_refresh_tokens();
    let answers = join_all((0..20).map(|_| alice.get_json("/demo/echo"))).await;
    for answer in answers {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text());
    }
    assert!(ended(&mut socket).await);
    assert!(!world.campaign.requests().iter().any(|request| request.path_and_query == "/demo/echo"));
    assert_eq!(world.ims.refreshes().len(), 1);
    world.eventually(|| world.campaign.logoffs() == [campaign.session_token.clone()]).await;
    let to_ims = alice.get("/view/home").await;
    assert_eq!(to_ims.status, StatusCode::SEE_OTHER, "a person is sent to sign in again");
    assert!(logs::say("invalid_grant"));
    world.stop().await;
}

#[tokio::test]
async fn a_refresh_response_may_lack_an_id_token_and_a_refresh_token() {
    let world = short_lived(SessionMode::Bearer).start().await;
    let alice = world.signed_in("alice").await;
    let old = bearer_of(&world, &alice).await;
    world.clock.advance(LIFE);
    world.ims.faults().tamper_token_answer(FaultFrequency::Once, |answer| {
        for field in ["id_token", "refresh_token"] {
            answer.as_object_mut().unwrap().remove(field).unwrap();
        }
    });
    assert_ne!(bearer_of(&world, &alice).await, old);
    world.clock.advance(LIFE);
    alice.get_json("/demo/echo").await;
    let refreshes = world.ims.refreshes();
    assert_eq!(refreshes.len(), 2);
    assert_eq!(refreshes[0], refreshes[1]);
    world.stop().await;
}

#[tokio::test]
async fn refreshed_tokens_of_another_person_end_the_session_and_are_revoked() {
    type Claims<'a> = &'a mut serde_json::Value;
    let other = |claims: Claims<'_>| claims["sub"] = "7E5A01C204D4F6B80A490004@6F1B02A904495CC1.e".into();
    let foreign = |claims: Claims<'_>| claims["aud"] = "somebody-else".into();
    for change in [Arc::new(other) as Arc<dyn Fn(Claims<'_>) + Send + Sync>, Arc::new(foreign)] {
        let world = short_lived(SessionMode::Bearer).start().await;
        let alice = world.signed_in("alice").await;
        world.campaign.forget_requests();
        world.clock.advance(LIFE);
        world.ims.faults().tamper_id_token(FaultFrequency::Once, move |_, claims| change(claims));
        assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::UNAUTHORIZED);
        assert!(world.campaign.requests().is_empty());
        assert!(!world.ims.revoked().is_empty(), "nobody will use them");
        // Unlike an outage, this does not recover by itself.
        assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::UNAUTHORIZED);
        world.stop().await;
    }
}

#[tokio::test]
async fn an_id_token_whose_key_cannot_be_fetched_loses_no_rotated_token() {
    let world = short_lived(SessionMode::Bearer).start().await;
    let alice = world.signed_in("alice").await;
    let old = bearer_of(&world, &alice).await;
    world.clock.advance(LIFE);
    world.ims.rotate_keys().unwrap();
    world.ims.faults().answer(ImsEndpoint::Keys, FaultFrequency::Always, Fault::Status(503));
    assert_ne!(bearer_of(&world, &alice).await, old);
    world.stop().await;
}

#[tokio::test]
async fn forward_authentication_refreshes_tokens() {
    let world = short_lived(SessionMode::Headers).start().await;
    let alice = world.signed_in("alice").await;
    world.clock.advance(LIFE);
    assert_eq!(alice.get_json("/ims/auth").await.status, StatusCode::OK);
    assert_eq!(world.ims.refreshes().len(), 1);
    world.clock.advance(LIFE);
    world.ims.invalidate_refresh_tokens();
    assert_eq!(alice.get_json("/ims/auth").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}
