mod contract;
mod crash;
mod disk;
mod embedded;
mod forms;
mod operate;
mod records;
mod redis;
mod refresh;
mod servers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::crypto::KeyRing;

const LIFETIMES: Lifetimes = Lifetimes { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) };

/// Waits until something happens; fails after `limit`.
async fn within(limit: Duration, what: &str, mut happened: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !happened().await {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}

fn sessions(clock: &Clock) -> Sessions {
    Sessions::new(memory(100, clock), 100, LIFETIMES, clock.clone())
}

fn memory(capacity: u64, clock: &Clock) -> Arc<Vault> {
    let store = MemoryStore::new(capacity, LIFETIMES, clock.clone());
    Arc::new(Vault::new(store, &KeyRing::random(), clock.clone()))
}

fn identity() -> Identity {
    Identity {
        user: "A1@B2.e".to_owned(),
        email: Some("alice@example.com".to_owned()),
        name: None,
        organization: "4E3D60F754C8E5D0A4C98A2@AdobeOrg".to_owned(),
        organization_name: None,
        groups: vec!["delivery".to_owned()],
        ims_session: None,
        original: None,
        membership: None,
    }
}

/// A session of this user that begins now and lasts one hour.
pub(super) fn data(user: &str, now: UnixTime) -> SessionData {
    let identity = Identity {
        user: format!("{user}@B2.e"),
        email: Some(format!("{user}@example.com")),
        ims_session: Some(format!("ims-{user}")),
        original: None,
        ..identity()
    };
    let tokens = Tokens {
        access: "secret".into(),
        access_expires: now.plus(Duration::from_hours(24)),
        refresh: Some("secret".into()),
    };
    let ends = now.plus(Duration::from_hours(1));
    SessionData {
        instance: String::new(),
        identity,
        tokens,
        campaign: None,
        earlier_campaign: Vec::new(),
        console: ConsoleAccess::default(),
        device: None,
        created: now,
        ends,
        seen: now,
        revision: 0,
        as_of: AsOf::now(now),
    }
}

fn tokens(clock: &Clock) -> Tokens {
    Tokens {
        access: "secret".into(),
        access_expires: clock.now().plus(Duration::from_hours(24)),
        refresh: None,
    }
}

#[tokio::test]
async fn a_session_is_found_by_its_cookie_and_by_nothing_else() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let session = sessions.create(identity(), tokens(&clock), None, None).await.unwrap();
    let cookie = session.cookie_value();
    assert_eq!(cookie.len(), 22);
    assert!(sessions.find(&cookie).await.unwrap().is_some());
    for wrong in ["", "=", "AAAAAAAAAAAAAAAAAAAAAA", &cookie[1..], &format!("{cookie}A")] {
        assert!(sessions.find(wrong).await.unwrap().is_none(), "{wrong}");
    }
}

#[tokio::test]
async fn a_session_of_one_instance_is_found_by_no_other() {
    let clock = Clock::movable();
    let all = sessions(&clock);
    let (acme, stage) = (all.of_instance("acme"), all.of_instance("stage"));
    let session = acme.create(identity(), tokens(&clock), None, None).await.unwrap();
    let cookie = session.cookie_value();
    assert_eq!(session.data.instance, "acme");
    assert!(acme.find(&cookie).await.unwrap().is_some() && all.find(&cookie).await.unwrap().is_some());
    for other in [&stage, &all.of_instance("")] {
        assert!(other.find(&cookie).await.unwrap().is_none() && other.peek(&cookie).await.unwrap().is_none());
        assert!(other.of(Owner::User("A1@B2.e")).await.unwrap().is_empty());
        assert_eq!(other.end_of(Owner::User("A1@B2.e"), None, EndReason::Provider).await.unwrap(), 0);
    }
    assert_eq!(acme.of(Owner::Email("alice@example.com")).await.unwrap().len(), 1);
    let day = Duration::from_hours(24);
    assert!(acme.first_use(OneTime::LoginState, "x", day).await.unwrap());
    assert!(stage.first_use(OneTime::LoginState, "x", day).await.unwrap(), "instances share no names");
    assert!(!acme.first_use(OneTime::LoginState, "x", day).await.unwrap());
    assert!(acme.find(&cookie).await.unwrap().is_some());
}

#[tokio::test]
async fn an_ended_session_is_gone_and_a_late_touch_does_not_restore_it() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let session = sessions.create(identity(), tokens(&clock), None, None).await.unwrap();
    let cookie = session.cookie_value();
    sessions.end(&session).await.unwrap();
    assert!(session.ended.is_cancelled());
    clock.advance(TOUCH_INTERVAL);
    sessions.touch(&session, clock.now());
    tokio::task::yield_now().await;
    assert!(sessions.find(&cookie).await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_times_out_idle_and_absolute_to_the_second() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let idle = sessions.create(identity(), tokens(&clock), None, None).await.unwrap().cookie_value();
    clock.advance(LIFETIMES.idle.checked_sub(Duration::from_secs(2)).unwrap());
    assert!(sessions.find(&idle).await.unwrap().is_some(), "used in time");
    clock.advance(LIFETIMES.idle);
    assert!(sessions.find(&idle).await.unwrap().is_none(), "idle");

    let busy = sessions.create(identity(), tokens(&clock), None, None).await.unwrap().cookie_value();
    for _ in 0..25 {
        assert!(sessions.find(&busy).await.unwrap().is_some());
        clock.advance(Duration::from_mins(29));
    }
    assert!(sessions.find(&busy).await.unwrap().is_none(), "absolute");
}

#[tokio::test]
async fn a_peek_does_not_count_as_use() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let cookie = sessions.create(identity(), tokens(&clock), None, None).await.unwrap().cookie_value();
    clock.advance(LIFETIMES.idle.checked_sub(Duration::from_secs(10)).unwrap());
    let session = sessions.peek(&cookie).await.unwrap().unwrap();
    assert!(sessions.idle_end(&session).since(clock.now()) <= Duration::from_secs(10));
    clock.advance(Duration::from_secs(10));
    assert!(sessions.peek(&cookie).await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_ends_with_its_access_token() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let short = Tokens { access_expires: clock.now().plus(Duration::from_mins(5)), ..tokens(&clock) };
    let cookie = sessions.create(identity(), short, None, None).await.unwrap().cookie_value();
    clock.advance(Duration::from_mins(6));
    assert!(sessions.find(&cookie).await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_survives_eviction_and_debug_shows_no_secret() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let campaign = CampaignSession {
        session_token: "___secret".into(),
        security_token: "@secret".into(),
        ends: UnixTime::MAX,
        upstream: None,
        client: None,
    };
    let session = sessions.create(identity(), tokens(&clock), Some(campaign), None).await.unwrap();
    sessions.live.invalidate_all();
    let again = sessions.find(&session.cookie_value()).await.unwrap().unwrap();
    assert_eq!(again.credentials.campaign_cookie.as_ref().unwrap(), "__sessiontoken=___secret");
    assert_eq!(again.credentials.identity.user, "A1@B2.e");
    assert!(!format!("{again:?}").contains("secret"), "{again:?}");
    assert!(!again.sid.contains(&again.cookie_value()));
}

#[test]
fn a_key_is_published_before_it_signs_and_while_its_assertions_are_valid() {
    let signer = Signer::new("https://campaign.example.com".to_owned()).unwrap();
    let published = || -> Vec<String> {
        let jwks = signer.jwks();
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let signing = || {
        let token = signer.sign(&identity(), "sid", Clock::system().now());
        jsonwebtoken::decode_header(token.to_str().unwrap()).unwrap().kid.unwrap()
    };
    let (first, before) = (signing(), published());
    signer.rotate().unwrap();
    let (second, after) = (signing(), published());
    assert_ne!(first, second);
    assert!(before.contains(&second), "a verifier with older keys knows it");
    assert!(after.contains(&first), "earlier assertions still verify");
    signer.rotate().unwrap();
    assert!(!published().contains(&first) && published().contains(&second));
}

#[test]
fn an_assertion_verifies_against_the_published_key() {
    let signer = Signer::new("https://campaign.example.com".to_owned()).unwrap();
    let now = Clock::system().now();
    let token = signer.sign(&identity(), "sid", now);
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(signer.jwks()["keys"][0].clone()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&["campaign"]);
    validation.set_issuer(&["https://campaign.example.com"]);
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let claims =
        jsonwebtoken::decode::<serde_json::Value>(token.to_str().unwrap(), &key, &validation).unwrap().claims;
    assert_eq!(claims["groups"][0], "delivery");
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 300);
}
