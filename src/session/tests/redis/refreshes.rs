//! Token refresh with several instances.

use std::sync::atomic::{AtomicU32, Ordering};

use secrecy::ExposeSecret as _;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, oneshot};

use super::super::refresh::{refreshed, with_refresh_token};
use super::*;
use crate::session::{ExchangeError, RefreshError, SessionLease};

#[tokio::test]
async fn one_instance_exchanges_and_the_other_uses_the_saved_tokens() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let (here, there) = (instance(&server.url(), &keys, &clock), instance(&server.url(), &keys, &clock));
    for _ in 0..10 {
        let session = here.create(identity(), with_refresh_token(&clock), None, None).await.unwrap();
        let other = there.find(&session.cookie_value()).await.unwrap().unwrap();
        let exchanges = AtomicU32::new(0);
        let exchange = async |_| {
            exchanges.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(refreshed(&clock))
        };
        let (one, two) = tokio::join!(here.refresh(&session, &exchange), there.refresh(&other, &exchange));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(
            (one.credentials.authorization.to_str().unwrap(), &two.credentials.authorization),
            ("Bearer refreshed", &one.credentials.authorization)
        );
        assert_eq!(exchanges.into_inner(), 1);
    }
    assert!(!server.ask(&format!("KEYS {PREFIX}lease:*")).contains("lease"), "all leases are released");
}

#[tokio::test]
async fn when_the_owner_of_the_lease_dies_another_takes_over() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let there = instance(&server.url(), &keys, &clock);
    let session = there.create(identity(), with_refresh_token(&clock), None, None).await.unwrap();
    // An instance with its own runtime: when that stops, nothing is released, as with `kill -9`.
    let doomed = Runtime::new().unwrap();
    let doomed_store = store_with(&server.url(), None, &keys, &clock, doomed.handle());
    let here = Sessions::new(Arc::new(doomed_store), 1000, LIFETIMES, clock.clone());
    let (cookie, (begin, begins)) = (session.cookie_value(), oneshot::channel());
    doomed.spawn(async move {
        let session = here.find(&cookie).await.unwrap().unwrap();
        let exchange = async |_| {
            begin.send(()).unwrap();
            std::future::pending().await
        };
        here.refresh(&session, exchange).await
    });
    begins.await.unwrap();
    // A living owner extends its lease: nobody else gets it after the time of one lease.
    let mut waiting = std::pin::pin!(there.refresh(&session, async |_| Ok(refreshed(&clock))));
    let early = tokio::time::timeout(SessionLease::TIME + Duration::from_secs(2), &mut waiting).await;
    assert!(early.is_err(), "the owner still worked");
    assert!(server.ask(&format!("EXISTS {PREFIX}lease:renew:{}", session.sid)).starts_with(":1"));
    doomed.shutdown_background();
    assert_eq!(waiting.await.unwrap().credentials.authorization, "Bearer refreshed");
}

#[tokio::test]
async fn new_tokens_survive_an_outage_of_the_store_before_they_are_saved() {
    if !installed() {
        return;
    }
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let here = instance(&server.url(), &keys, &clock);
    let session = here.create(identity(), with_refresh_token(&clock), None, None).await.unwrap();
    let (gone, go) = (Notify::new(), Notify::new());
    let exchange = async |_| {
        gone.notify_one();
        go.notified().await;
        Ok(refreshed(&clock))
    };
    let refreshing = here.refresh(&session, exchange);
    let trouble = async {
        gone.notified().await;
        server.kill();
        go.notify_one();
        // The tokens have arrived and cannot be saved: nobody uses them yet.
        within(Duration::from_secs(5), "the outage is noticed", async || {
            here.latest(&session).await.is_err()
        })
        .await;
        server.restart();
    };
    let (fresh, ()) = tokio::join!(refreshing, trouble);
    assert_eq!(fresh.unwrap().credentials.authorization, "Bearer refreshed");
    here.live.invalidate_all();
    let loaded = here.find(&session.cookie_value()).await.unwrap().unwrap();
    assert_eq!(loaded.data.tokens.refresh.as_ref().unwrap().expose_secret(), "refresh-2");
}

#[tokio::test]
async fn a_refused_token_that_another_instance_has_just_used_ends_nothing() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let (here, there) = (instance(&server.url(), &keys, &clock), instance(&server.url(), &keys, &clock));
    let session = here.create(identity(), with_refresh_token(&clock), None, None).await.unwrap();
    let other = there.find(&session.cookie_value()).await.unwrap().unwrap();
    let (used, refused_there) = (Notify::new(), Notify::new());
    // This instance loses its lease before it saves its tokens.
    let slow = here.refresh(&session, async |_| {
        server.ask(&format!("DEL {PREFIX}lease:renew:{}", session.sid));
        used.notify_one();
        refused_there.notified().await;
        Ok(refreshed(&clock))
    });
    let quick = async {
        used.notified().await;
        let refused = async |_| {
            refused_there.notify_one();
            Err(ExchangeError::Permanent("invalid_grant".to_owned()))
        };
        there.refresh(&other, refused).await
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!(slow.unwrap().credentials.authorization, "Bearer refreshed");
    assert_eq!(quick.unwrap().credentials.authorization, "Bearer refreshed");

    // A token that no other instance has used is refused for good.
    let session = here.create(identity(), with_refresh_token(&clock), None, None).await.unwrap();
    let refused =
        here.refresh(&session, async |_| Err(ExchangeError::Permanent("invalid_grant".to_owned()))).await;
    assert!(matches!(refused, Err(RefreshError::Refused(_))), "{refused:?}");
}
