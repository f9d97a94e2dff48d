//! The Redis store with one real server: notices, outages, dumps.

mod layouts;
mod refreshes;
mod replication;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tower_sessions::SessionStore as _;
use tower_sessions::session::Id;

use super::super::store::{RecordStore as _, SealedRecord};
use super::super::{Key, LiveSession, Redis, Sessions, Vault};
use super::contract::{self, record};
use super::servers::{Server, installed};
use super::{LIFETIMES, identity, tokens, within};
use crate::clock::Clock;
use crate::config::RedisAddress;
use crate::crypto::KeyRing;

const PREFIX: &str = "imsgate:campaign.example.com:";

fn store(url: &str, keys: &KeyRing, clock: &Clock) -> Vault {
    store_with(url, None, keys, clock, &Handle::current())
}

fn store_with(url: &str, ca_file: Option<&Path>, keys: &KeyRing, clock: &Clock, control: &Handle) -> Vault {
    let address: RedisAddress = url.parse().unwrap();
    let redis =
        Redis::start(&address, ca_file.map(Path::to_owned), PREFIX.to_owned(), clock.clone(), control)
            .unwrap();
    Vault::new(redis, keys, clock.clone())
}

/// An instance of the gateway, as far as sessions go.
fn instance(url: &str, keys: &KeyRing, clock: &Clock) -> Sessions {
    let sessions = Sessions::new(Arc::new(store(url, keys, clock)), 1000, LIFETIMES, clock.clone());
    let maintained = sessions.clone();
    tokio::spawn(async move { maintained.maintain().await });
    sessions
}

async fn created(sessions: &Sessions) -> Arc<LiveSession> {
    sessions.create(identity(), tokens(&sessions.clock), None, None).await.unwrap()
}

#[tokio::test]
async fn one_server_fulfils_the_contract() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let store = Arc::new(store(&server.url(), &KeyRing::random(), &Clock::system()));
    contract::check(store.clone()).await;
    contract::a_lease_has_one_owner(&store).await;
}

#[tokio::test]
async fn a_record_that_is_sent_twice_is_created_once_and_no_other_replaces_it() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let address: RedisAddress = server.url().parse().unwrap();
    let (clock, key) = (Clock::system(), Key::of(Id(1)));
    let redis = Redis::start(&address, None, PREFIX.to_owned(), clock.clone(), &Handle::current()).unwrap();
    let ends = clock.now().plus(Duration::from_mins(1));
    let create = async |sealed: &[u8]| {
        let record = SealedRecord { key, expires: ends, ends, tags: Vec::new(), sealed: sealed.to_vec() };
        redis.create(record).await.unwrap()
    };
    assert!(create(b"one").await);
    assert!(create(b"one").await, "sent again after the connection was lost");
    assert!(!create(b"two").await, "another session has this id");
}

#[tokio::test]
async fn an_end_at_one_instance_is_an_end_at_every_other_within_a_second() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let (here, there) = (instance(&server.url(), &keys, &clock), instance(&server.url(), &keys, &clock));
    let session = created(&here).await;
    let cookie = session.cookie_value();
    let other = there.find(&cookie).await.unwrap().unwrap();
    assert_eq!((&other.data.identity, &other.sid), (&identity(), &session.sid));
    // Evicted from the cache: a WebSocket is still closed at the end.
    there.live.invalidate_all();
    here.end(&session).await.unwrap();
    within(Duration::from_secs(1), "the end at the other", async || other.ended.is_cancelled()).await;
    assert!(there.find(&cookie).await.unwrap().is_none());
}

#[tokio::test]
async fn a_change_at_one_instance_is_seen_at_the_other_within_a_second() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let (here, there) = (instance(&server.url(), &keys, &clock), instance(&server.url(), &keys, &clock));
    let session = created(&here).await;
    let cookie = session.cookie_value();
    let before = there.find(&cookie).await.unwrap().unwrap();
    let changed =
        here.change(&session, |data| data.identity.groups = vec!["admin".to_owned()]).await.unwrap().unwrap();
    assert_eq!(changed.credentials.identity.groups, "admin");
    within(Duration::from_secs(1), "the new groups at the other", async || {
        there.find(&cookie).await.unwrap().unwrap().credentials.identity.groups == "admin"
    })
    .await;
    assert!(!before.ended.is_cancelled());
    // An end also cancels the value of the session from before the change.
    here.end(&changed).await.unwrap();
    within(Duration::from_secs(1), "the end", async || before.ended.is_cancelled()).await;
    assert!(here.change(&changed, |_| ()).await.unwrap().is_none());
}

#[tokio::test]
async fn after_missed_notices_the_store_is_asked() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let (keys, clock) = (KeyRing::random(), Clock::movable());
    let sessions = instance(&server.url(), &keys, &clock);
    let (session, silent) = (created(&sessions).await, created(&sessions).await);
    // The gateway asks the store after the first subscription. A test cannot see when that is done.
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Ended elsewhere without a notice.
    assert_eq!(server.ask(&format!("DEL {PREFIX}s:{}", session.sid)).trim(), ":1");
    assert!(sessions.find(&session.cookie_value()).await.unwrap().is_some());
    assert_eq!(server.ask("CLIENT KILL TYPE pubsub").trim(), ":1");
    within(Duration::from_secs(2), "asked again", async || session.ended.is_cancelled()).await;
    // Without notices, it ends within the cache time.
    assert_eq!(server.ask(&format!("DEL {PREFIX}s:{}", silent.sid)).trim(), ":1");
    clock.advance(Sessions::CACHE_TIME);
    assert!(sessions.find(&silent.cookie_value()).await.unwrap().is_none());
}

#[tokio::test]
async fn an_outage_is_an_error_within_a_second_and_needs_no_restart() {
    if !installed() {
        return;
    }
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (keys, clock) = (KeyRing::random(), Clock::movable());
    let sessions = instance(&server.url(), &keys, &clock);
    let (session, other) = (created(&sessions).await, created(&sessions).await);
    let cookie = session.cookie_value();
    server.kill();
    // Sessions in use go on for the cache time.
    clock.advance(Sessions::CACHE_TIME.saturating_sub(Duration::from_secs(1)));
    assert!(sessions.find(&cookie).await.unwrap().is_some());
    clock.advance(Duration::from_secs(1));
    for _ in 0..3 {
        let begun = Instant::now();
        assert!(sessions.find(&cookie).await.is_err());
        assert!(sessions.create(identity(), tokens(&clock), None, None).await.is_err());
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    // A logout is valid here, and is repeated in the store.
    assert!(sessions.end(&other).await.is_err());
    assert!(sessions.find(&other.cookie_value()).await.unwrap().is_none());
    assert!(!session.ended.is_cancelled());
    server.restart();
    within(Duration::from_secs(3), "found again", async || {
        sessions.find(&cookie).await.is_ok_and(|session| session.is_some())
    })
    .await;
    within(Duration::from_secs(3), "the logout is repeated", async || {
        server.ask(&format!("EXISTS {PREFIX}s:{}", other.sid)).trim() == ":0"
    })
    .await;
    created(&sessions).await;
}

#[tokio::test]
async fn a_hanging_redis_is_an_error_within_a_second() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let store = store(&server.url(), &KeyRing::random(), &Clock::system());
    let mut record = record("alice");
    store.create(&mut record).await.unwrap();
    assert!(server.ask("CLIENT PAUSE 2500 ALL").starts_with("+OK"));
    for _ in 0..2 {
        let begun = Instant::now();
        assert!(store.load(&record.id).await.is_err());
        assert!(begun.elapsed() < Duration::from_millis(1200), "{:?}", begun.elapsed());
    }
    within(Duration::from_secs(5), "it answers again", async || store.load(&record.id).await.is_ok()).await;
}

#[tokio::test]
async fn nothing_readable_is_in_a_dump_and_foreign_keys_open_nothing() {
    if !installed() {
        return;
    }
    let server = Server::start(&["--rdbcompression", "no"]);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let store = store(&server.url(), &keys, &clock);
    let mut record = record("alice");
    store.create(&mut record).await.unwrap();
    assert!(server.ask("SAVE").starts_with("+OK"));
    let bytes = std::fs::read(server.directory.path().join("dump.rdb")).unwrap();
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    let id = record.id.to_string();
    for secret in ["alice", "@example.com", "secret", "delivery", "AdobeOrg", "imsgate/1", &id] {
        assert!(!has(secret.as_bytes()), "{secret}");
    }
    assert!(has(PREFIX.as_bytes()) && !has(&record.id.0.to_le_bytes()));
    let foreign = self::store(&server.url(), &KeyRing::random(), &clock);
    assert!(foreign.load(&record.id).await.unwrap().is_none());
    assert!(store.load(&record.id).await.unwrap().is_some());
}

#[test]
fn connections_belong_to_the_control_runtime() {
    if !installed() {
        return;
    }
    let server = Server::start(&[]);
    let control = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = store_with(&server.url(), None, &KeyRing::random(), &Clock::system(), control.handle());
    let mut record = record("alice");
    // The worker that opened the connection is gone; the connection still works.
    let worker = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    worker().block_on(store.create(&mut record)).unwrap();
    let before = server.ask("INFO stats");
    assert!(worker().block_on(store.load(&record.id)).unwrap().is_some());
    let connections = |info: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix("total_connections_received:")).unwrap();
        line.trim().parse::<u32>().unwrap()
    };
    assert_eq!(
        connections(&server.ask("INFO stats")),
        connections(&before) + 1,
        "only the connection of this `INFO`"
    );
}

/// The rights that docs/sessions.md names.
const USER: &str = "imsgate on >p@ss/w0rd ~imsgate:* &imsgate:* +get +set +getdel +del +pttl +pexpire +zadd +zrange \
                    +zremrangebyscore +eval +publish +subscribe +ping +scan";
