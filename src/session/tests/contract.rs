//! The contract of every store. The tests of each store run it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tower_sessions::SessionStore as _;
use tower_sessions::session::Record;

use super::super::key::new_id;
use super::super::vault::expiry_date;
use super::super::{Key, OneTime, Owner, SessionData, SessionLease, Vault};
use super::{LIFETIMES, data, memory, within};
use crate::clock::Clock;
use crate::unix_time::UnixTime;

/// Only a failing test waits this long.
const LONG: Duration = Duration::from_secs(10);

/// Checks everything, at the real time, because Redis has its own clock.
pub(super) async fn check(vault: Arc<Vault>) {
    created_is_loaded_and_deleted_is_gone(&vault).await;
    a_taken_id_is_replaced(&vault).await;
    a_save_updates_and_never_restores(&vault).await;
    replace_needs_the_revision_that_was_read(&vault).await;
    one_of_many_concurrent_replacements_succeeds(&vault).await;
    touch_changes_only_the_expiry(&vault).await;
    sessions_are_found_by_owner(&vault).await;
    pages_list_every_session(&vault).await;
    expired_records_are_gone(&vault).await;
    concurrent_sessions_are_independent(&vault).await;
    an_end_wins_over_concurrent_saves(&vault).await;
    one_of_many_concurrent_takes_gets_the_data(&vault).await;
    a_name_is_used_once_within_its_lifetime(&vault).await;
}

#[tokio::test]
async fn the_memory_store_fulfils_the_contract() {
    check(memory(10_000, &Clock::system())).await;
}

#[tokio::test]
async fn the_memory_store_is_bounded_and_evicts_the_least_recently_used() {
    let vault = memory(10, &Clock::system());
    let mut ids = Vec::new();
    for _ in 0..5000 {
        let mut record = record("alice");
        vault.create(&mut record).await.unwrap();
        ids.push(record.id);
    }
    let page = vault.store().page(None, 10_000).await.unwrap();
    // It evicts in batches.
    assert!(page.keys.len() <= 1000, "{}", page.keys.len());
    let newest = Key::of(*ids.last().unwrap());
    assert!(vault.get(newest).await.unwrap().is_some());
    let alices = vault.keys_of(Owner::User("alice@B2.e")).await.unwrap();
    assert!(alices.len() <= 1000 && alices.contains(&newest), "{} are in the index", alices.len());
}

/// A record of a new session that is not in any vault.
pub(super) fn record(user: &str) -> Record {
    record_until(user, Clock::system().now().plus(Duration::from_hours(1)))
}

fn record_until(user: &str, ends: UnixTime) -> Record {
    let data = SessionData { ends, ..data(user, Clock::system().now()) };
    Record { id: new_id(), data: data.to_record(), expiry_date: expiry_date(ends) }
}

async fn created(vault: &Vault, user: &str) -> Record {
    let mut record = record(user);
    vault.create(&mut record).await.unwrap();
    record
}

async fn created_is_loaded_and_deleted_is_gone(vault: &Vault) {
    let record = created(vault, "alice").await;
    let loaded = vault.load(&record.id).await.unwrap().unwrap();
    assert_eq!(loaded.data, record.data);
    assert_eq!(loaded.id, record.id);
    let apart = (loaded.expiry_date - record.expiry_date).whole_seconds().abs();
    assert!(apart <= 1, "{apart} s");
    let kept = vault.get(Key::of(record.id)).await.unwrap().unwrap();
    assert_eq!(kept.data, record.data);
    vault.delete(&record.id).await.unwrap();
    assert!(vault.load(&record.id).await.unwrap().is_none());
    vault.delete(&record.id).await.unwrap();
    assert!(vault.take(Key::of(record.id)).await.unwrap().is_none());
    assert!(vault.load(&new_id()).await.unwrap().is_none());
}

async fn a_taken_id_is_replaced(vault: &Vault) {
    let first = created(vault, "alice").await;
    let mut second = Record { id: first.id, ..record("bob") };
    vault.create(&mut second).await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(vault.load(&first.id).await.unwrap().unwrap().data, first.data);
    assert_eq!(vault.load(&second.id).await.unwrap().unwrap().data, second.data);
}

async fn a_save_updates_and_never_restores(vault: &Vault) {
    let mut record = created(vault, "alice").await;
    record.data = data("carol", Clock::system().now()).to_record();
    vault.save(&record).await.unwrap();
    assert_eq!(vault.load(&record.id).await.unwrap().unwrap().data, record.data);
    vault.delete(&record.id).await.unwrap();
    vault.save(&record).await.unwrap();
    assert!(vault.load(&record.id).await.unwrap().is_none());
}

fn revised(record: &Record, user: &str, revision: u64) -> Record {
    let data = SessionData { revision, ..data(user, Clock::system().now()) };
    Record { data: data.to_record(), ..record.clone() }
}

async fn replace_needs_the_revision_that_was_read(vault: &Vault) {
    let record = created(vault, "alice").await;
    let (bob, carol) = (revised(&record, "bob", 1), revised(&record, "carol", 1));
    assert!(!vault.replace(&bob, 7).await.unwrap(), "no such revision");
    assert!(vault.replace(&bob, 0).await.unwrap());
    assert!(!vault.replace(&carol, 0).await.unwrap(), "another change came first");
    assert_eq!(vault.load(&record.id).await.unwrap().unwrap().data, bob.data);
    // A touch in between is not undone.
    let later = UnixTime(record.expiry_date.unix_timestamp()).plus(Duration::from_hours(3));
    assert!(vault.store().touch(Key::of(record.id), later).await.unwrap());
    assert!(vault.replace(&revised(&record, "frank", 2), 1).await.unwrap());
    let kept = vault.get(Key::of(record.id)).await.unwrap().unwrap();
    assert!((kept.expires.0 - later.0).abs() <= 1, "{:?} {later:?}", kept.expires);
    let further = Record { expiry_date: expiry_date(later.plus(Duration::from_hours(1))), ..record.clone() };
    assert!(vault.replace(&revised(&further, "grace", 3), 2).await.unwrap());
    let kept = vault.get(Key::of(record.id)).await.unwrap().unwrap();
    assert!((kept.expires.0 - further.expiry_date.unix_timestamp()).abs() <= 1);
    vault.delete(&record.id).await.unwrap();
    assert!(!vault.replace(&revised(&record, "grace", 4), 3).await.unwrap(), "it has ended");
    assert!(vault.load(&record.id).await.unwrap().is_none());
}

async fn one_of_many_concurrent_replacements_succeeds(vault: &Arc<Vault>) {
    let record = created(vault, "alice").await;
    let mut tasks = JoinSet::new();
    for i in 0..50 {
        let (vault, record) = (vault.clone(), revised(&record, &format!("user{i}"), 1));
        tasks.spawn(async move { vault.replace(&record, 0).await.unwrap().then_some(record) });
    }
    let done: Vec<Record> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(done.len(), 1);
    assert_eq!(vault.load(&record.id).await.unwrap().unwrap().data, done[0].data);
}

async fn touch_changes_only_the_expiry(vault: &Vault) {
    let record = created(vault, "alice").await;
    let later = UnixTime(record.expiry_date.unix_timestamp()).plus(Duration::from_hours(3));
    assert!(vault.store().touch(Key::of(record.id), later).await.unwrap());
    let loaded = vault.load(&record.id).await.unwrap().unwrap();
    assert_eq!(loaded.data, record.data);
    assert!((loaded.expiry_date.unix_timestamp() - later.0).abs() <= 1);
    vault.delete(&record.id).await.unwrap();
    assert!(!vault.store().touch(Key::of(record.id), later).await.unwrap());
    assert!(vault.load(&record.id).await.unwrap().is_none());
}

/// The contract of a shared store.
pub(super) async fn a_lease_has_one_owner(vault: &Vault) {
    let key = Key::of(new_id());
    let (mine, theirs) = (SessionLease::new("renew", key), SessionLease::new("renew", key));
    assert!(vault.store().lease(&mine).await.unwrap());
    assert!(!vault.store().lease(&theirs).await.unwrap());
    assert!(vault.store().lease(&SessionLease::new("recheck", key)).await.unwrap(), "another task");
    assert!(
        vault.store().lease(&SessionLease::new("renew", Key::of(new_id()))).await.unwrap(),
        "another session"
    );
    assert!(vault.store().lease(&mine).await.unwrap(), "extended");
    vault.store().release(&theirs).await.unwrap();
    assert!(!vault.store().lease(&theirs).await.unwrap(), "only its owner can release it");
    vault.store().release(&mine).await.unwrap();
    assert!(vault.store().lease(&theirs).await.unwrap());
}

async fn sessions_are_found_by_owner(vault: &Vault) {
    let mut mine = HashSet::new();
    for _ in 0..3 {
        mine.insert(Key::of(created(vault, "dave").await.id));
    }
    let other = created(vault, "erin").await;
    let found = async |person| -> HashSet<Key> { vault.keys_of(person).await.unwrap().into_iter().collect() };
    assert_eq!(found(Owner::User("dave@B2.e")).await, mine);
    assert_eq!(found(Owner::Email("DAVE@example.com")).await, mine);
    assert_eq!(found(Owner::User("dave@example.com")).await, HashSet::new());
    assert_eq!(found(Owner::ImsSession("ims-dave")).await, mine);
    assert_eq!(found(Owner::User("ims-dave")).await, HashSet::new());
    let gone = *mine.iter().next().unwrap();
    assert!(vault.take(gone).await.unwrap().is_some());
    let left = found(Owner::User("dave@B2.e")).await;
    let mut alive = HashSet::new();
    for key in left {
        if vault.get(key).await.unwrap().is_some() {
            alive.insert(key);
        }
    }
    mine.remove(&gone);
    assert_eq!(alive, mine);
    assert_eq!(found(Owner::User("erin@B2.e")).await, HashSet::from([Key::of(other.id)]));
}

async fn pages_list_every_session(vault: &Vault) {
    let mut all = HashSet::new();
    for _ in 0..25 {
        all.insert(Key::of(created(vault, "alice").await.id));
    }
    let (mut seen, mut after) = (HashSet::new(), None);
    for _ in 0..1000 {
        let page = vault.store().page(after, 10).await.unwrap();
        seen.extend(page.keys);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(after.is_none() && all.is_subset(&seen), "{} of {}", seen.len(), all.len());
}

async fn expired_records_are_gone(vault: &Vault) {
    let mut record = record_until("alice", Clock::system().now().plus(Duration::from_secs(1)));
    vault.create(&mut record).await.unwrap();
    within(LONG, "it expires", async || vault.load(&record.id).await.unwrap().is_none()).await;
    assert!(vault.get(Key::of(record.id)).await.unwrap().is_none());
}

async fn concurrent_sessions_are_independent(vault: &Arc<Vault>) {
    let mut tasks = JoinSet::new();
    for i in 0..100 {
        let vault = vault.clone();
        tasks.spawn(async move {
            let mut record = created(&vault, &format!("user{i}")).await;
            record.data = data(&format!("again{i}"), Clock::system().now()).to_record();
            vault.save(&record).await.unwrap();
            let loaded = vault.load(&record.id).await.unwrap().unwrap();
            assert_eq!(loaded.data, record.data);
            if i % 2 == 0 {
                vault.delete(&record.id).await.unwrap();
            }
            assert_eq!(vault.load(&record.id).await.unwrap().is_some(), i % 2 == 1);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

async fn an_end_wins_over_concurrent_saves(vault: &Arc<Vault>) {
    let record = created(vault, "alice").await;
    let mut tasks = JoinSet::new();
    for i in 0..60 {
        let (vault, record) = (vault.clone(), record.clone());
        tasks.spawn(async move {
            match i {
                30 => vault.delete(&record.id).await.unwrap(),
                _ if i % 2 == 0 => vault.save(&record).await.unwrap(),
                _ => drop(
                    vault
                        .store()
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
    assert!(vault.load(&record.id).await.unwrap().is_none());
}

async fn one_of_many_concurrent_takes_gets_the_data(vault: &Arc<Vault>) {
    let record = created(vault, "alice").await;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (vault, key) = (vault.clone(), Key::of(record.id));
        tasks.spawn(async move { vault.take(key).await.unwrap() });
    }
    let taken: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].data, record.data);
    assert!(vault.keys_of(Owner::ImsSession("nobody's")).await.unwrap().is_empty());
}

async fn a_name_is_used_once_within_its_lifetime(vault: &Arc<Vault>) {
    let (what, lifetime) = (OneTime::LoginState, Duration::from_secs(2));
    let name = new_id().to_string();
    assert!(!vault.store().was_used(what, &name).await.unwrap(), "the question does not use it up");
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (vault, name) = (vault.clone(), name.clone());
        tasks.spawn(async move { vault.store().first_use(what, &name, lifetime).await.unwrap() });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|first| *first).count(), 1);
    assert!(vault.store().was_used(what, &name).await.unwrap());
    assert!(!vault.store().was_used(OneTime::LogoutToken, &name).await.unwrap(), "another kind");
    assert!(vault.store().first_use(what, &new_id().to_string(), lifetime).await.unwrap(), "another name");
    assert!(vault.store().first_use(OneTime::LogoutToken, &name, lifetime).await.unwrap(), "another kind");
    within(LONG, "its lifetime ends", async || !vault.store().was_used(what, &name).await.unwrap()).await;
    assert!(vault.store().first_use(what, &name, lifetime).await.unwrap(), "its lifetime is over");
}
