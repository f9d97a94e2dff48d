//! Saved forms, in each store.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tower_sessions::SessionStore as _;

use super::super::{Embedded, FormId, Redis, SavedForm, SavedForms, Sessions, Vault};
use super::contract::record;
use super::servers::{Server, installed};
use super::{LIFETIMES, memory};
use crate::clock::Clock;
use crate::crypto::KeyRing;
use crate::policy::return_to::ReturnTo;

const LIFETIME: Duration = Duration::from_mins(30);

fn form(user: &str, clock: &Clock) -> SavedForm {
    SavedForm {
        user: user.to_owned(),
        target: ReturnTo::parse("/secret-path?secret-query").unwrap(),
        page: ReturnTo::parse("/secret-page").unwrap(),
        content_type: "application/x-www-form-urlencoded".to_owned(),
        body: Bytes::from_static(b"secret-field=secret-value&\x00\xff"),
        security_token: Some("secret-token".into()),
        sent: clock.now(),
        expires: None,
    }
}

async fn saved(forms: &SavedForms, form: &SavedForm) -> FormId {
    let slot = forms.reserve(&form.user, form.body.len()).unwrap();
    forms.save(slot, form).await.unwrap().0
}

/// What each store must do.
async fn check(store: Arc<Vault>) {
    let clock = Clock::system();
    let forms = SavedForms::new(store.clone(), LIFETIME, clock.clone());
    let sent = form("alice", &clock);
    let id = saved(&forms, &sent).await;
    let id = FormId::parse(&id.to_string()).unwrap();
    for _ in 0..2 {
        let found = forms.get(id).await.unwrap().unwrap();
        assert_eq!(
            (found.body, found.target, found.content_type),
            (sent.body.clone(), sent.target.clone(), sent.content_type.clone())
        );
    }
    assert!(forms.take(id, "bob").await.unwrap().is_none(), "not for another person");

    // One of many concurrent callers gets it, at all instances together.
    let elsewhere = SavedForms::new(store.clone(), LIFETIME, clock.clone());
    let asking = (0..16).map(|number| {
        let forms = if number % 2 == 0 { forms.clone() } else { elsewhere.clone() };
        tokio::spawn(async move { forms.take(id, "alice").await.unwrap().is_some() })
    });
    let got = futures_util::future::join_all(asking.collect::<Vec<_>>()).await;
    assert_eq!(got.into_iter().filter(|got| *got.as_ref().unwrap()).count(), 1);
    assert!(forms.get(id).await.unwrap().is_none());

    forms.put_back(id, &sent).await.unwrap();
    assert!(forms.take(id, "alice").await.unwrap().is_some(), "under the same id");
    assert!(!forms.discard(id).await.unwrap());

    // A form is no session, a session is no form.
    let sessions = Sessions::new(store.clone(), 100, LIFETIMES, clock.clone());
    let id = saved(&forms, &sent).await;
    assert!(sessions.find(&id.to_string()).await.unwrap().is_none());
    let mut session = record("alice");
    store.create(&mut session).await.unwrap();
    let posing = FormId::parse(&session.id.to_string()).unwrap();
    assert!(forms.take(posing, "alice@B2.e").await.unwrap().is_none());
    assert!(store.load(&session.id).await.unwrap().is_some());
    assert_eq!(sessions.list(None, 100).await.unwrap().sessions.len(), 1);

    // The fifth form of a person deletes the first.
    let mut names = vec![id];
    for _ in 0..4 {
        names.push(saved(&forms, &sent).await);
    }
    assert!(forms.get(names[0]).await.unwrap().is_none());
    for name in &names[1..] {
        assert!(forms.get(*name).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn the_memory_store_saves_forms() {
    check(memory(10_000, &Clock::system())).await;
}

#[tokio::test]
async fn the_embedded_store_saves_forms_sealed_and_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (path, keys) = (directory.path().join("sessions.redb"), KeyRing::random());
    let open =
        || Arc::new(Vault::new(Embedded::open(&path, Clock::system()).unwrap(), &keys, Clock::system()));
    check(open()).await;
    let store = open();
    let id =
        saved(&SavedForms::new(store.clone(), LIFETIME, Clock::system()), &form("alice", &Clock::system()))
            .await;
    drop(store);
    let bytes = fs::read(&path).unwrap();
    for secret in ["secret", "alice", "x-www-form", "imsgate form", &id.to_string()] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    assert!(SavedForms::new(open(), LIFETIME, Clock::system()).get(id).await.unwrap().is_some());
}

#[tokio::test]
async fn redis_saves_forms_sealed() {
    if !installed() {
        return;
    }
    let server = Server::start(&["--rdbcompression", "no"]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let address = server.url().parse().unwrap();
    let redis =
        Redis::start(&address, None, "imsgate:test:".to_owned(), clock.clone(), &Handle::current()).unwrap();
    let store = Arc::new(Vault::new(redis, &keys, clock.clone()));
    check(store.clone()).await;
    let large = SavedForm { body: vec![b'x'; 1 << 20].into(), ..form("carol", &clock) };
    let id = saved(&SavedForms::new(store, LIFETIME, clock.clone()), &large).await;
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
async fn a_form_expires_and_releases_its_quota() {
    let clock = Clock::movable();
    let store = memory(100, &clock);
    let forms = SavedForms::new(store.clone(), LIFETIME, clock.clone());
    let id = saved(&forms, &form("alice", &clock)).await;
    clock.advance(LIFETIME.checked_sub(Duration::from_secs(2)).unwrap());
    let taken = forms.take(id, "alice").await.unwrap().unwrap();
    forms.put_back(id, &taken).await.unwrap();
    clock.advance(Duration::from_secs(2));
    assert!(forms.get(id).await.unwrap().is_none(), "the expiry has not changed");
    assert!(forms.take(id, "alice").await.unwrap().is_none());
}

#[tokio::test]
async fn an_unused_slot_is_released() {
    let clock = Clock::movable();
    let sessions = super::sessions(&clock);
    let forms = SavedForms::new(sessions.vault.clone(), LIFETIME, clock.clone());
    let slots: Vec<_> = (0..4).map(|_| forms.reserve("alice", 1).unwrap()).collect();
    assert!(forms.reserve("alice", 1).is_none());
    drop(slots);
    assert!(forms.reserve("alice", 1).is_some());
}
