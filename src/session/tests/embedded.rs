//! The embedded store: its file, its locks, its sweep.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tower_sessions::SessionStore as _;

use super::super::{Embedded, Key, OpenError, Owner, SealedRecord, Sessions, StoredRecord, Vault};
use super::contract::{self, record};
use super::{LIFETIMES, identity, tokens};
use crate::clock::Clock;
use crate::crypto::KeyRing;

fn open(path: &Path, keys: &KeyRing, clock: &Clock) -> Vault {
    Vault::new(Embedded::open(path, clock.clone()).unwrap(), keys, clock.clone())
}

#[tokio::test]
async fn the_embedded_store_fulfils_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("sessions.redb"), &KeyRing::random(), &Clock::system());
    contract::check(Arc::new(store)).await;
}

#[tokio::test]
async fn a_session_survives_a_restart_and_its_file_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let (path, clock, keys) = (directory.path().join("sessions.redb"), Clock::movable(), KeyRing::random());
    let sessions = || Sessions::new(Arc::new(open(&path, &keys, &clock)), 100, LIFETIMES, clock.clone());
    let first = sessions();
    let cookie = first.create(identity(), tokens(&clock), None, None).await.unwrap().cookie_value();
    let ended = first.create(identity(), tokens(&clock), None, None).await.unwrap();
    first.end(&ended).await.unwrap();
    drop(first);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let second = sessions();
    let session = second.find(&cookie).await.unwrap().unwrap();
    assert_eq!(session.data.identity, identity());
    assert!(second.find(&ended.cookie_value()).await.unwrap().is_none());
    clock.advance(LIFETIMES.idle);
    assert!(second.find(&cookie).await.unwrap().is_none());
}

#[tokio::test]
async fn nothing_readable_is_in_the_file_and_foreign_keys_open_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (path, clock, keys) = (directory.path().join("sessions.redb"), Clock::system(), KeyRing::random());
    let store = open(&path, &keys, &clock);
    let mut record = record("alice");
    store.create(&mut record).await.unwrap();
    drop(store);
    let bytes = fs::read(&path).unwrap();
    let id = record.id.to_string();
    for secret in ["alice", "example.com", "secret", "delivery", "AdobeOrg", "imsgate/1", &id] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    assert!(!bytes.windows(16).any(|window| window == record.id.0.to_le_bytes()));
    let foreign = open(&path, &KeyRing::random(), &clock);
    assert!(foreign.load(&record.id).await.unwrap().is_none());
    assert!(foreign.keys_of(Owner::User("alice@B2.e")).await.unwrap().is_empty());
    drop(foreign);
    assert!(open(&path, &keys, &clock).load(&record.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_record_under_another_key_does_not_open() {
    let directory = tempfile::tempdir().unwrap();
    let (clock, keys) = (Clock::system(), KeyRing::random());
    let store = open(&directory.path().join("sessions.redb"), &keys, &clock);
    let (mut victim, other) = (record("alice"), record("mallory"));
    store.create(&mut victim).await.unwrap();
    let StoredRecord { expires, sealed } = store.store().load(Key::of(victim.id)).await.unwrap().unwrap();
    let moved = SealedRecord { key: Key::of(other.id), expires, ends: expires, tags: Vec::new(), sealed };
    assert!(store.store().create(moved).await.unwrap());
    assert!(store.load(&other.id).await.unwrap().is_none());
    assert!(store.load(&victim.id).await.unwrap().is_some());
}

#[test]
fn a_file_in_use_or_damaged_is_refused_with_a_fix() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.redb");
    let first = Embedded::open(&path, Clock::system()).unwrap();
    let error = Embedded::open(&path, Clock::system()).unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    drop(first);
    Embedded::open(&path, Clock::system()).unwrap();

    fs::write(&path, vec![b'x'; 10_000]).unwrap();
    let error = Embedded::open(&path, Clock::system()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(..)), "{error}");
    assert!(error.to_string().contains("move it away"), "{error}");
    Embedded::open(&directory.path().join("new/sessions.redb"), Clock::system()).unwrap();
    let error =
        Embedded::open(&directory.path().join("none/new/sessions.redb"), Clock::system()).unwrap_err();
    assert!(error.to_string().contains("must exist"), "{error}");
    let error = Embedded::open(directory.path(), Clock::system()).unwrap_err();
    assert!(matches!(error, OpenError::Io(..)), "{error}");
}

#[tokio::test]
async fn the_sweep_removes_expired_keeps_touched_and_blocks_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let (clock, keys) = (Clock::movable(), KeyRing::random());
    let store = open(&directory.path().join("sessions.redb"), &keys, &clock);
    let store = Arc::new(store);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..1500 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut record = record("alice");
            store.create(&mut record).await.unwrap();
            record
        });
    }
    let records = tasks.join_all().await;
    let touched = Key::of(records[0].id);
    let later = clock.now().plus(Duration::from_hours(5));
    assert!(store.store().touch(touched, later).await.unwrap());
    clock.advance(Duration::from_hours(2));
    let (begun, mut slowest) = (Instant::now(), Duration::ZERO);
    loop {
        let asked = Instant::now();
        assert!(store.store().touch(touched, later).await.unwrap());
        slowest = slowest.max(asked.elapsed());
        let left = store.store().page(None, 10_000).await.unwrap().keys;
        if left == [touched] {
            break;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{} are left", left.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert_eq!(store.keys_of(Owner::User("alice@B2.e")).await.unwrap(), [touched]);
    assert!(store.get(touched).await.unwrap().is_some());
}
