//! Kept forms, on each store.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;

use super::super::store::Store;
use super::super::{Embedded, Form, FormId, Forms, MemoryStore, Redis, SealedStore, Sessions};
use super::LIFETIMES;
use super::contract::record;
use super::servers::{Server, installed};
use crate::clock::Clock;
use crate::crypto::KeyRing;
use crate::policy::return_to::ReturnTo;

const LIFETIME: Duration = Duration::from_mins(30);

fn form(user: &str, clock: &Clock) -> Form {
    Form {
        user: user.to_owned(),
        target: ReturnTo::parse("/secret-path?secret-query").unwrap(),
        page: ReturnTo::parse("/secret-page").unwrap(),
        content_type: "application/x-www-form-urlencoded".to_owned(),
        body: Bytes::from_static(b"secret-field=secret-value&\x00\xff"),
        security_token: Some("secret-token".into()),
        sent: clock.now().0,
    }
}

async fn kept(forms: &Forms, form: &Form) -> FormId {
    let place = forms.reserve(&form.user, form.body.len()).unwrap();
    forms.keep(place, form).await.unwrap().0
}

/// What is promised whatever the store.
async fn holds(store: Arc<dyn Store>) {
    let clock = Clock::system();
    let forms = Forms::new(store.clone(), LIFETIME, clock.clone());
    let sent = form("alice", &clock);
    let id = kept(&forms, &sent).await;
    let id = FormId::parse(&id.to_string()).unwrap();
    for _ in 0..2 {
        let found = forms.look(id).await.unwrap().unwrap();
        assert_eq!(
            (found.body, found.target, found.content_type),
            (sent.body.clone(), sent.target.clone(), sent.content_type.clone())
        );
    }
    assert!(forms.take(id, "bob").await.unwrap().is_none(), "nobody else's");

    // However many ask at once, one gets it; elsewhere, too.
    let elsewhere = Forms::new(store.clone(), LIFETIME, clock.clone());
    let asking = (0..16).map(|number| {
        let forms = if number % 2 == 0 { forms.clone() } else { elsewhere.clone() };
        tokio::spawn(async move { forms.take(id, "alice").await.unwrap().is_some() })
    });
    let got = futures_util::future::join_all(asking.collect::<Vec<_>>()).await;
    assert_eq!(got.into_iter().filter(|got| *got.as_ref().unwrap()).count(), 1);
    assert!(forms.look(id).await.unwrap().is_none());

    forms.put_back(id, &sent).await.unwrap();
    assert!(forms.take(id, "alice").await.unwrap().is_some(), "under the same name");
    assert!(!forms.discard(id).await.unwrap());

    // A form is no session, a session is no form.
    let sessions = Sessions::new(store.clone(), 100, LIFETIMES, clock.clone());
    let id = kept(&forms, &sent).await;
    assert!(sessions.find(&id.to_string()).await.unwrap().is_none());
    let mut session = record("alice");
    store.create(&mut session).await.unwrap();
    let posing = FormId::parse(&session.id.to_string()).unwrap();
    assert!(forms.take(posing, "alice@B2.e").await.unwrap().is_none());
    assert!(store.load(&session.id).await.unwrap().is_some());
    assert_eq!(sessions.list(None, 100).await.unwrap().sessions.len(), 1);

    // The fifth of a person ends the first.
    let mut names = vec![id];
    for _ in 0..4 {
        names.push(kept(&forms, &sent).await);
    }
    assert!(forms.look(names[0]).await.unwrap().is_none());
    for name in &names[1..] {
        assert!(forms.look(*name).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn the_memory_store_keeps_forms() {
    holds(Arc::new(MemoryStore::new(10_000, LIFETIMES, Clock::system()))).await;
}

#[tokio::test]
async fn the_embedded_store_keeps_forms_sealed_and_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (path, keys) = (directory.path().join("sessions.redb"), KeyRing::random());
    let open = || {
        Arc::new(SealedStore::new(Embedded::open(&path, Clock::system()).unwrap(), &keys, Clock::system()))
    };
    holds(open()).await;
    let store = open();
    let id =
        kept(&Forms::new(store.clone(), LIFETIME, Clock::system()), &form("alice", &Clock::system())).await;
    drop(store);
    let bytes = fs::read(&path).unwrap();
    for secret in ["secret", "alice", "x-www-form", "imsgate form", &id.to_string()] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    assert!(Forms::new(open(), LIFETIME, Clock::system()).look(id).await.unwrap().is_some());
}

#[tokio::test]
async fn redis_keeps_forms_sealed() {
    if !installed() {
        return;
    }
    let server = Server::start(&["--rdbcompression", "no"]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let address = server.url().parse().unwrap();
    let redis =
        Redis::start(&address, None, "imsgate:test:".to_owned(), clock.clone(), &Handle::current()).unwrap();
    let store = Arc::new(SealedStore::new(redis, &keys, clock.clone()));
    holds(store.clone()).await;
    let large = Form { body: vec![b'x'; 1 << 20].into(), ..form("carol", &clock) };
    let id = kept(&Forms::new(store, LIFETIME, clock.clone()), &large).await;
    assert!(server.ask("SAVE").starts_with("+OK"));
    let dump = fs::read(server.directory.path().join("dump.rdb")).unwrap();
    assert!(dump.len() > 1 << 20, "the form is in it: {}", dump.len());
    for secret in [
        "secret",
        "alice",
        "carol",
        "xxxxxxxx",
        "eHh4eHh4eHh4",
        "x-www-form",
        "imsgate form",
        &id.to_string(),
    ] {
        assert!(!dump.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

#[tokio::test]
async fn a_form_is_kept_for_a_while_and_makes_room_again() {
    let clock = Clock::movable();
    let store = Arc::new(MemoryStore::new(100, LIFETIMES, clock.clone()));
    let forms = Forms::new(store.clone(), LIFETIME, clock.clone());
    let id = kept(&forms, &form("alice", &clock)).await;
    clock.advance(LIFETIME.checked_sub(Duration::from_secs(2)).unwrap());
    let taken = forms.take(id, "alice").await.unwrap().unwrap();
    forms.put_back(id, &taken).await.unwrap();
    clock.advance(Duration::from_secs(2));
    assert!(forms.look(id).await.unwrap().is_none(), "for no longer than at first");
    assert!(forms.take(id, "alice").await.unwrap().is_none());
}

#[tokio::test]
async fn a_place_that_is_not_used_is_given_back() {
    let clock = Clock::movable();
    let sessions = super::sessions(&clock);
    let forms = Forms::new(sessions.store.clone(), LIFETIME, clock.clone());
    let places: Vec<_> = (0..4).map(|_| forms.reserve("alice", 1).unwrap()).collect();
    assert!(forms.reserve("alice", 1).is_none());
    drop(places);
    assert!(forms.reserve("alice", 1).is_some());
}
