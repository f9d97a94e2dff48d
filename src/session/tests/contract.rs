//! What every store promises, tried on each of them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tower_sessions::session::Record;

use super::super::store::Store;
use super::super::{Key, Lease, MemoryStore, OneTime, Person, SessionData, expiry_date, new_id};
use super::{LIFETIMES, data};
use crate::clock::{Clock, UnixTime};

/// Everything. `now` is the real time: some stores have a clock of their own.
pub(super) async fn holds(store: Arc<dyn Store>) {
    created_is_loaded_and_deleted_is_gone(&*store).await;
    an_id_that_is_taken_is_drawn_again(&*store).await;
    a_save_updates_and_never_brings_back(&*store).await;
    a_swap_is_over_what_was_read_only(&*store).await;
    of_many_swaps_over_one_revision_one_is_done(&store).await;
    a_touch_moves_the_end_and_nothing_else(&*store).await;
    a_person_is_found_by_id_and_address(&*store).await;
    every_session_is_on_a_page(&*store).await;
    what_expired_is_gone(&*store).await;
    many_at_once_do_not_disturb_each_other(&store).await;
    an_end_wins_against_every_save(&store).await;
    of_all_who_end_a_session_one_gets_what_it_held(&store).await;
    a_name_is_used_once_at_a_time(&store).await;
}

#[tokio::test]
async fn the_memory_store_keeps_the_contract() {
    holds(Arc::new(MemoryStore::new(10_000, LIFETIMES, Clock::system()))).await;
}

#[tokio::test]
async fn the_memory_store_is_bounded_and_the_one_unused_for_longest_goes() {
    let store = MemoryStore::new(10, LIFETIMES, Clock::system());
    let mut ids = Vec::new();
    for _ in 0..5000 {
        let mut record = record("alice");
        tower_sessions::SessionStore::create(&store, &mut record).await.unwrap();
        ids.push(record.id);
    }
    let page = store.page(None, 10_000).await.unwrap();
    // It is tidied up in batches.
    assert!(page.keys.len() <= 1000, "{}", page.keys.len());
    let newest = Key::of(*ids.last().unwrap());
    assert!(store.kept(newest).await.unwrap().is_some());
    let alices = store.keys_of(Person::User("alice@B2.e")).await.unwrap();
    assert!(alices.len() <= 1000 && alices.contains(&newest), "{} of hers are known", alices.len());
}

/// A record of a new session that is not in any store.
pub(super) fn record(user: &str) -> Record {
    record_until(user, Clock::system().now().plus(Duration::from_hours(1)))
}

fn record_until(user: &str, ends: UnixTime) -> Record {
    let data = SessionData { ends, ..data(user, Clock::system().now()) };
    Record { id: new_id(), data: data.to_record(), expiry_date: expiry_date(ends) }
}

async fn created(store: &dyn Store, user: &str) -> Record {
    let mut record = record(user);
    store.create(&mut record).await.unwrap();
    record
}

async fn created_is_loaded_and_deleted_is_gone(store: &dyn Store) {
    let record = created(store, "alice").await;
    let loaded = store.load(&record.id).await.unwrap().unwrap();
    assert_eq!(loaded.data, record.data);
    assert_eq!(loaded.id, record.id);
    let apart = (loaded.expiry_date - record.expiry_date).whole_seconds().abs();
    assert!(apart <= 1, "{apart} s");
    let kept = store.kept(Key::of(record.id)).await.unwrap().unwrap();
    assert_eq!(kept.data, record.data);
    store.delete(&record.id).await.unwrap();
    assert!(store.load(&record.id).await.unwrap().is_none());
    store.delete(&record.id).await.unwrap();
    assert!(store.take(Key::of(record.id)).await.unwrap().is_none());
    assert!(store.load(&new_id()).await.unwrap().is_none());
}

async fn an_id_that_is_taken_is_drawn_again(store: &dyn Store) {
    let first = created(store, "alice").await;
    let mut second = Record { id: first.id, ..record("bob") };
    store.create(&mut second).await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(store.load(&first.id).await.unwrap().unwrap().data, first.data);
    assert_eq!(store.load(&second.id).await.unwrap().unwrap().data, second.data);
}

async fn a_save_updates_and_never_brings_back(store: &dyn Store) {
    let mut record = created(store, "alice").await;
    record.data = data("carol", Clock::system().now()).to_record();
    store.save(&record).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap().unwrap().data, record.data);
    assert!(store.update(&record).await.unwrap());
    store.delete(&record.id).await.unwrap();
    store.save(&record).await.unwrap();
    assert!(!store.update(&record).await.unwrap());
    assert!(store.load(&record.id).await.unwrap().is_none());
}

fn revised(record: &Record, user: &str, revision: u64) -> Record {
    let data = SessionData { revision, ..data(user, Clock::system().now()) };
    Record { data: data.to_record(), ..record.clone() }
}

async fn a_swap_is_over_what_was_read_only(store: &dyn Store) {
    let record = created(store, "alice").await;
    let (bob, carol) = (revised(&record, "bob", 1), revised(&record, "carol", 1));
    assert!(!store.swap(&bob, 7).await.unwrap(), "there is no such revision");
    assert!(store.swap(&bob, 0).await.unwrap());
    assert!(!store.swap(&carol, 0).await.unwrap(), "somebody was quicker");
    assert_eq!(store.load(&record.id).await.unwrap().unwrap().data, bob.data);
    // A touch in between is not undone.
    let later = UnixTime(record.expiry_date.unix_timestamp()).plus(Duration::from_hours(3));
    assert!(store.touch(Key::of(record.id), later).await.unwrap());
    assert!(store.swap(&revised(&record, "frank", 2), 1).await.unwrap());
    let kept = store.kept(Key::of(record.id)).await.unwrap().unwrap();
    assert!((kept.expires.0 - later.0).abs() <= 1, "{:?} {later:?}", kept.expires);
    let further = Record { expiry_date: expiry_date(later.plus(Duration::from_hours(1))), ..record.clone() };
    assert!(store.swap(&revised(&further, "grace", 3), 2).await.unwrap());
    let kept = store.kept(Key::of(record.id)).await.unwrap().unwrap();
    assert!((kept.expires.0 - further.expiry_date.unix_timestamp()).abs() <= 1);
    store.delete(&record.id).await.unwrap();
    assert!(!store.swap(&revised(&record, "grace", 4), 3).await.unwrap(), "an end is an end");
    assert!(store.load(&record.id).await.unwrap().is_none());
}

async fn of_many_swaps_over_one_revision_one_is_done(store: &Arc<dyn Store>) {
    let record = created(&**store, "alice").await;
    let mut tasks = JoinSet::new();
    for i in 0..50 {
        let (store, record) = (store.clone(), revised(&record, &format!("user{i}"), 1));
        tasks.spawn(async move { store.swap(&record, 0).await.unwrap().then_some(record) });
    }
    let done: Vec<Record> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(done.len(), 1);
    assert_eq!(store.load(&record.id).await.unwrap().unwrap().data, done[0].data);
}

async fn a_touch_moves_the_end_and_nothing_else(store: &dyn Store) {
    let record = created(store, "alice").await;
    let later = UnixTime(record.expiry_date.unix_timestamp()).plus(Duration::from_hours(3));
    assert!(store.touch(Key::of(record.id), later).await.unwrap());
    let loaded = store.load(&record.id).await.unwrap().unwrap();
    assert_eq!(loaded.data, record.data);
    assert!((loaded.expiry_date.unix_timestamp() - later.0).abs() <= 1);
    store.delete(&record.id).await.unwrap();
    assert!(!store.touch(Key::of(record.id), later).await.unwrap());
    assert!(store.load(&record.id).await.unwrap().is_none());
}

/// What a store promises that several processes use.
pub(super) async fn a_lease_is_held_by_one(store: &dyn Store) {
    let key = Key::of(new_id());
    let (mine, theirs) = (Lease::new("renew", key), Lease::new("renew", key));
    assert!(store.lease(&mine).await.unwrap());
    assert!(!store.lease(&theirs).await.unwrap());
    assert!(store.lease(&Lease::new("recheck", key)).await.unwrap(), "another task");
    assert!(store.lease(&Lease::new("renew", Key::of(new_id()))).await.unwrap(), "another session");
    assert!(store.lease(&mine).await.unwrap(), "extended");
    store.release(&theirs).await.unwrap();
    assert!(!store.lease(&theirs).await.unwrap(), "it was not theirs to give back");
    store.release(&mine).await.unwrap();
    assert!(store.lease(&theirs).await.unwrap());
}

async fn a_person_is_found_by_id_and_address(store: &dyn Store) {
    let mut mine = HashSet::new();
    for _ in 0..3 {
        mine.insert(Key::of(created(store, "dave").await.id));
    }
    let other = created(store, "erin").await;
    let found = async |person| -> HashSet<Key> { store.keys_of(person).await.unwrap().into_iter().collect() };
    assert_eq!(found(Person::User("dave@B2.e")).await, mine);
    assert_eq!(found(Person::Email("DAVE@example.com")).await, mine);
    assert_eq!(found(Person::User("dave@example.com")).await, HashSet::new());
    assert_eq!(found(Person::ImsSession("ims-dave")).await, mine);
    assert_eq!(found(Person::User("ims-dave")).await, HashSet::new());
    let gone = *mine.iter().next().unwrap();
    assert!(store.take(gone).await.unwrap().is_some());
    let left = found(Person::User("dave@B2.e")).await;
    let mut alive = HashSet::new();
    for key in left {
        if store.kept(key).await.unwrap().is_some() {
            alive.insert(key);
        }
    }
    mine.remove(&gone);
    assert_eq!(alive, mine);
    assert_eq!(found(Person::User("erin@B2.e")).await, HashSet::from([Key::of(other.id)]));
}

async fn every_session_is_on_a_page(store: &dyn Store) {
    let mut all = HashSet::new();
    for _ in 0..25 {
        all.insert(Key::of(created(store, "alice").await.id));
    }
    let (mut seen, mut after) = (HashSet::new(), None);
    for _ in 0..1000 {
        let page = store.page(after, 10).await.unwrap();
        seen.extend(page.keys);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(after.is_none() && all.is_subset(&seen), "{} of {}", seen.len(), all.len());
}

async fn what_expired_is_gone(store: &dyn Store) {
    let mut record = record_until("alice", Clock::system().now().plus(Duration::from_secs(1)));
    store.create(&mut record).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert!(store.load(&record.id).await.unwrap().is_none());
    assert!(store.kept(Key::of(record.id)).await.unwrap().is_none());
}

async fn many_at_once_do_not_disturb_each_other(store: &Arc<dyn Store>) {
    let mut tasks = JoinSet::new();
    for i in 0..100 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut record = created(&*store, &format!("user{i}")).await;
            record.data = data(&format!("again{i}"), Clock::system().now()).to_record();
            store.save(&record).await.unwrap();
            let loaded = store.load(&record.id).await.unwrap().unwrap();
            assert_eq!(loaded.data, record.data);
            if i % 2 == 0 {
                store.delete(&record.id).await.unwrap();
            }
            assert_eq!(store.load(&record.id).await.unwrap().is_some(), i % 2 == 1);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

async fn an_end_wins_against_every_save(store: &Arc<dyn Store>) {
    let record = created(&**store, "alice").await;
    let mut tasks = JoinSet::new();
    for i in 0..60 {
        let (store, record) = (store.clone(), record.clone());
        tasks.spawn(async move {
            match i {
                30 => store.delete(&record.id).await.unwrap(),
                _ if i % 2 == 0 => store.save(&record).await.unwrap(),
                _ => drop(
                    store
                        .touch(Key::of(record.id), Clock::system().now().plus(LIFETIMES.idle))
                        .await
                        .unwrap(),
                ),
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert!(store.load(&record.id).await.unwrap().is_none());
}

async fn of_all_who_end_a_session_one_gets_what_it_held(store: &Arc<dyn Store>) {
    let record = created(&**store, "alice").await;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (store, key) = (store.clone(), Key::of(record.id));
        tasks.spawn(async move { store.take(key).await.unwrap() });
    }
    let taken: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].data, record.data);
    assert!(store.keys_of(Person::ImsSession("nobody's")).await.unwrap().is_empty());
}

async fn a_name_is_used_once_at_a_time(store: &Arc<dyn Store>) {
    let (what, lifetime) = (OneTime::LoginState, Duration::from_secs(2));
    let name = new_id().to_string();
    assert!(!store.was_used(what, &name).await.unwrap(), "asking uses nothing");
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (store, name) = (store.clone(), name.clone());
        tasks.spawn(async move { store.once(what, &name, lifetime).await.unwrap() });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|first| *first).count(), 1);
    assert!(store.was_used(what, &name).await.unwrap());
    assert!(!store.was_used(OneTime::LogoutToken, &name).await.unwrap(), "another kind");
    assert!(store.once(what, &new_id().to_string(), lifetime).await.unwrap(), "another name");
    assert!(store.once(OneTime::LogoutToken, &name, lifetime).await.unwrap(), "another kind");
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert!(!store.was_used(what, &name).await.unwrap(), "its lifetime is over");
    assert!(store.once(what, &name, lifetime).await.unwrap(), "its lifetime is over");
}
