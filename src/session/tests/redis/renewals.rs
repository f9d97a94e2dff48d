//! Tokens renewed by one of several instances.

use std::sync::atomic::{AtomicU32, Ordering};

use secrecy::ExposeSecret as _;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, oneshot};

use super::super::renew::{renewable, renewed};
use super::*;
use crate::session::{ExchangeError, Lease, NotRenewed};

#[tokio::test]
async fn one_instance_exchanges_and_the_other_takes_what_it_saved() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let (here, there) = (instance(&server.url(), &keys, &clock), instance(&server.url(), &keys, &clock));
    for _ in 0..10 {
        let auth = here.create(identity(), renewable(&clock), None).await.unwrap();
        let other = there.find(&auth.cookie_value()).await.unwrap().unwrap();
        let exchanges = AtomicU32::new(0);
        let exchange = async |_| {
            exchanges.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(renewed(&clock))
        };
        let (one, two) = tokio::join!(here.renew(&auth, &exchange), there.renew(&other, &exchange));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!((one.bearer.to_str().unwrap(), &two.bearer), ("Bearer renewed", &one.bearer));
        assert_eq!(exchanges.into_inner(), 1);
    }
    assert!(!server.ask(&format!("KEYS {PREFIX}lease:*")).contains("lease"), "all given back");
}

#[tokio::test]
async fn when_the_winner_dies_in_the_middle_the_other_takes_over() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let there = instance(&server.url(), &keys, &clock);
    let auth = there.create(identity(), renewable(&clock), None).await.unwrap();
    // An instance of its own: when its runtime goes, nothing of it says goodbye, as with `kill -9`.
    let doomed = Runtime::new().unwrap();
    let doomed_store = store_with(&server.url(), None, &keys, &clock, doomed.handle());
    let here = Sessions::new(Arc::new(doomed_store), 1000, LIFETIMES, clock.clone());
    let (cookie, (told, begins)) = (auth.cookie_value(), oneshot::channel());
    doomed.spawn(async move {
        let auth = here.find(&cookie).await.unwrap().unwrap();
        let exchange = async |_| {
            told.send(()).unwrap();
            std::future::pending().await
        };
        here.renew(&auth, exchange).await
    });
    begins.await.unwrap();
    // While it lives, it extends what it has: beyond the time of one lease nobody else gets in.
    let mut waiting = std::pin::pin!(there.renew(&auth, async |_| Ok(renewed(&clock))));
    let early = tokio::time::timeout(Lease::TIME + Duration::from_secs(2), &mut waiting).await;
    assert!(early.is_err(), "the winner was still at it");
    assert!(server.ask(&format!("EXISTS {PREFIX}lease:renew:{}", auth.sid)).starts_with(":1"));
    doomed.shutdown_background();
    assert_eq!(waiting.await.unwrap().bearer, "Bearer renewed");
}

#[tokio::test]
async fn rotated_tokens_survive_a_store_that_goes_away_before_they_are_saved() {
    if !installed() {
        return;
    }
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let here = instance(&server.url(), &keys, &clock);
    let auth = here.create(identity(), renewable(&clock), None).await.unwrap();
    let (gone, go) = (Notify::new(), Notify::new());
    let exchange = async |_| {
        gone.notify_one();
        go.notified().await;
        Ok(renewed(&clock))
    };
    let renewing = here.renew(&auth, exchange);
    let trouble = async {
        gone.notified().await;
        server.kill();
        go.notify_one();
        // The tokens are there, the store is not: nobody hears of them yet.
        within(Duration::from_secs(5), "the store is missed", async || here.latest(&auth).await.is_err())
            .await;
        server.restart();
    };
    let (fresh, ()) = tokio::join!(renewing, trouble);
    assert_eq!(fresh.unwrap().bearer, "Bearer renewed");
    here.live.invalidate_all();
    let loaded = here.find(&auth.cookie_value()).await.unwrap().unwrap();
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
    let auth = here.create(identity(), renewable(&clock), None).await.unwrap();
    let other = there.find(&auth.cookie_value()).await.unwrap().unwrap();
    let (used, heard) = (Notify::new(), Notify::new());
    // This one has its tokens, but is so slow that its lease is lost before it saves them.
    let slow = here.renew(&auth, async |_| {
        server.ask(&format!("DEL {PREFIX}lease:renew:{}", auth.sid));
        used.notify_one();
        heard.notified().await;
        Ok(renewed(&clock))
    });
    let quick = async {
        used.notified().await;
        let refused = async |_| {
            heard.notify_one();
            Err(ExchangeError::Final("invalid_grant".to_owned()))
        };
        there.renew(&other, refused).await
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!(slow.unwrap().bearer, "Bearer renewed");
    assert_eq!(quick.unwrap().bearer, "Bearer renewed");

    // And one that nobody has used since is refused for good.
    let auth = here.create(identity(), renewable(&clock), None).await.unwrap();
    let refused = here.renew(&auth, async |_| Err(ExchangeError::Final("invalid_grant".to_owned()))).await;
    assert!(matches!(refused, Err(NotRenewed::Refused(_))), "{refused:?}");
}
