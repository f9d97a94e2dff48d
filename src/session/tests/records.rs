//! Records that an earlier build wrote open in this one: a session file and records of Redis, in `records/`.
//!
//! A new format gets new files. These files stay as long as a store may still have such records.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use secrecy::ExposeSecret as _;
use tokio::runtime::Handle;
use tower_sessions::SessionStore as _;
use tower_sessions::session::{Id, Record};

use super::super::{
    AsOf, CampaignSession, Embedded, FormId, Identity, Lifetimes, Owner, Redis, SavedForm, SavedForms,
    SessionData, Sessions, Tokens, Vault, expiry_date,
};
use super::servers::{Server, installed};
use crate::clock::Clock;
use crate::crypto::KeyRing;
use crate::policy::refreshed::Original;
use crate::policy::return_to::ReturnTo;
use crate::unix_time::UnixTime;

#[tokio::test]
async fn a_session_file_of_an_earlier_build_opens() {
    opens_file_of(&fixtures()).await;
}

#[tokio::test]
async fn redis_records_of_an_earlier_build_open() {
    if installed() {
        opens_redis_of(&fixtures()).await;
    }
}

/// With `IMSGATE_WRITE_RECORDS=1`, the records of this build replace the files in `records/`: for a new format.
#[tokio::test]
async fn records_of_this_build_open() {
    let directory = tempfile::tempdir().unwrap();
    let folder = match std::env::var_os("IMSGATE_WRITE_RECORDS") {
        Some(_) => fixtures(),
        None => directory.path().to_owned(),
    };
    write_file(&folder).await;
    opens_file_of(&folder).await;
    if installed() {
        write_redis(&folder).await;
        opens_redis_of(&folder).await;
    }
}

async fn opens_file_of(folder: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.redb");
    let mut bytes = Vec::new();
    let packed = std::fs::read(folder.join("sessions.redb.gz")).unwrap();
    GzDecoder::new(&*packed).read_to_end(&mut bytes).unwrap();
    std::fs::write(&path, bytes).unwrap();
    everything_is_there(embedded(&path)).await;
}

async fn opens_redis_of(folder: &Path) {
    let server = Server::start(&[]);
    for command in std::fs::read_to_string(folder.join("redis.txt")).unwrap().lines() {
        let answer = server.ask(command);
        assert!(answer.starts_with("+OK") || answer.starts_with(':'), "{command}: {answer}");
    }
    everything_is_there(redis(&server)).await;
}

async fn everything_is_there(store: Arc<Vault>) {
    let clock = Clock::system();
    let lifetimes = Lifetimes { idle: CENTURY, absolute: CENTURY };
    let sessions = Sessions::new(store.clone(), 100, lifetimes, clock.clone());
    for (id, expected) in [(FULL, full()), (BARE, bare())] {
        let session = sessions.find(&id.to_string()).await.unwrap().expect("a session");
        // `seen` follows from the expiry of the record, and is not compared.
        let held = SessionData { seen: expected.seen, ..session.data.clone() };
        assert_eq!(held.to_record(), expected.to_record());
    }
    let old = sessions.find(&OLD.to_string()).await.unwrap().expect("a session");
    assert_eq!((old.data.identity.user.as_str(), old.data.revision), ("old@B2.e", 0));
    assert_eq!((old.data.as_of.tokens, old.data.as_of.groups), (WRITTEN, WRITTEN));
    assert_eq!(sessions.list(None, 100).await.unwrap().sessions.len(), 3);
    for (person, count) in [
        (Owner::User("full@B2.e"), 1),
        (Owner::Email("FULL@example.com"), 1),
        (Owner::ImsSession("ims-full"), 1),
        (Owner::User("bare@B2.e"), 1),
        (Owner::User("old@B2.e"), 1),
        (Owner::User("nobody@B2.e"), 0),
    ] {
        assert_eq!(sessions.of(person).await.unwrap().len(), count, "{person:?}");
    }
    let forms = SavedForms::new(store, CENTURY, clock);
    let saved = FormId::parse(&FORM.to_string()).unwrap();
    let found = forms.take(saved, "full@B2.e").await.unwrap().expect("a form");
    let expected = form();
    assert_eq!(
        (found.target, found.page, found.content_type, found.body, found.sent),
        (expected.target, expected.page, expected.content_type, expected.body, expected.sent)
    );
    assert_eq!(found.security_token.unwrap().expose_secret(), "@security");
    // An old session can also be changed and ended.
    let full = sessions.find(&FULL.to_string()).await.unwrap().unwrap();
    let changed = sessions.change(&full, |data| data.identity.groups.clear()).await.unwrap().unwrap();
    assert!(changed.data.identity.groups.is_empty());
    assert!(sessions.end(&changed).await.unwrap().is_some());
}

/// A session with everything that a session can hold.
fn full() -> SessionData {
    let identity = Identity {
        name: Some("Full Name".to_owned()),
        organization_name: Some("Acme".to_owned()),
        original: Some(Original {
            issuer: "https://ims.example.com".to_owned(),
            audience: vec!["Campaign1".to_owned()],
            auth_time: Some(WRITTEN),
            nonce: Some("nonce".to_owned()),
        }),
        ..super::data("full", WRITTEN).identity
    };
    let campaign = CampaignSession {
        session_token: "___session".into(),
        security_token: "@security".into(),
        ends: UnixTime::MAX,
        upstream: None,
        client: None,
    };
    let as_of = AsOf { tokens: WRITTEN.plus(Duration::from_secs(1)), groups: WRITTEN };
    let base = SessionData { identity, campaign: Some(campaign), ..super::data("full", WRITTEN) };
    SessionData { revision: 7, as_of, ends: ENDS, ..base }
}

/// A session with as little as a session can hold.
fn bare() -> SessionData {
    let data = super::data("bare", WRITTEN);
    let identity = Identity { email: None, ims_session: None, groups: Vec::new(), ..data.identity };
    SessionData { identity, tokens: Tokens { refresh: None, ..data.tokens }, ends: ENDS, ..data }
}

fn form() -> SavedForm {
    SavedForm {
        user: "full@B2.e".to_owned(),
        target: ReturnTo::parse("/xtk/form?x=1").unwrap(),
        page: ReturnTo::parse("/view/home").unwrap(),
        content_type: "text/plain".to_owned(),
        body: Bytes::from_static(b"a=b\x00\xff"),
        security_token: Some("@security".into()),
        sent: WRITTEN,
        expires: None,
    }
}

async fn write_file(folder: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.redb");
    write(&embedded(&path)).await;
    redb::Database::open(&path).unwrap().compact().unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&std::fs::read(&path).unwrap()).unwrap();
    std::fs::write(folder.join("sessions.redb.gz"), packed.finish().unwrap()).unwrap();
}

async fn write_redis(folder: &Path) {
    let server = Server::start(&[]);
    write(&redis(&server)).await;
    let dump = "local lines = {} \
        for _, name in ipairs(redis.call('KEYS', '*')) do \
        local kind = redis.call('TYPE', name).ok \
        if kind == 'string' then \
        local text = redis.call('GET', name):gsub('.', function(c) return string.format('\\\\x%02x', c:byte()) end) \
        text = text:gsub('\\n', '\\\\x0a') \
        lines[#lines + 1] = 'SET ' .. name .. ' \"' .. text .. '\" PXAT ' .. redis.call('PEXPIRETIME', name) \
        else for i, pair in ipairs(redis.call('ZRANGE', name, 0, -1)) do \
        lines[#lines + 1] = 'ZADD ' .. name .. ' ' .. redis.call('ZSCORE', name, pair) .. ' ' .. pair end end end \
        table.sort(lines) return table.concat(lines, '\\n')";
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let text: String = redis::cmd("EVAL").arg(dump).arg(0).query_async(&mut connection).await.unwrap();
    std::fs::write(folder.join("redis.txt"), text + "\n").unwrap();
}

async fn write(store: &Vault) {
    // Before these fields were added.
    let mut old = SessionData { ends: ENDS, ..super::data("old", WRITTEN) }.to_record();
    let fields = old.get_mut("imsgate/1").unwrap().as_object_mut().unwrap();
    for name in ["revision", "as_of"] {
        fields.remove(name).unwrap();
    }
    for name in ["ims_session", "original"] {
        fields["identity"].as_object_mut().unwrap().remove(name).unwrap();
    }
    let form = std::collections::HashMap::from([(
        "imsgate form/1".to_owned(),
        serde_json::to_value(form()).unwrap(),
    )]);
    for (id, data) in [(FULL, full().to_record()), (BARE, bare().to_record()), (OLD, old), (FORM, form)] {
        store.create(&mut Record { id, data, expiry_date: expiry_date(ENDS) }).await.unwrap();
    }
}

fn embedded(path: &Path) -> Arc<Vault> {
    let file = Embedded::open(path, Clock::system()).unwrap();
    Arc::new(Vault::new(file, &keys(), Clock::system()))
}

fn redis(server: &Server) -> Arc<Vault> {
    let (address, prefix) = (server.url().parse().unwrap(), "imsgate:records:".to_owned());
    let redis = Redis::start(&address, None, prefix, Clock::system(), &Handle::current()).unwrap();
    Arc::new(Vault::new(redis, &keys(), Clock::system()))
}

/// Not a secret: these records belong to no person.
fn keys() -> KeyRing {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    std::fs::write(&path, STANDARD.encode(b"the same 32 bytes in every build")).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, private).unwrap();
    KeyRing::read(&path).unwrap()
}

fn fixtures() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src", "session", "tests", "records"].iter().collect()
}

const FULL: Id = Id(1);
const BARE: Id = Id(2);
const OLD: Id = Id(3);
const FORM: Id = Id(4);
/// When the records were written, and in 2096.
const WRITTEN: UnixTime = UnixTime(1_790_000_000);
const ENDS: UnixTime = UnixTime(4_000_000_000);
const CENTURY: Duration = Duration::from_hours(24 * 365 * 100);
