//! A Cluster of three, a pair with a Sentinel, a server with TLS; each with a user of limited rights.

use super::super::servers::free_port;
use super::*;

#[tokio::test]
async fn a_cluster_of_three_fulfils_the_contract_and_delivers_notices() {
    if !installed() {
        return;
    }
    let nodes = Server::cluster();
    for node in &nodes {
        assert!(node.ask(&format!("ACL SETUSER {USER} +cluster|slots +asking")).starts_with("+OK"));
    }
    let (first, second) = (nodes[0].port, nodes[1].port);
    let url = format!("redis+cluster://imsgate:p%40ss%2Fw0rd@127.0.0.1:{first},127.0.0.1:{second}");
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let several = Arc::new(store(&url, &keys, &clock));
    contract::check(several.clone()).await;
    contract::a_lease_has_one_owner(&several).await;
    drop(several);
    for node in &nodes {
        assert_ne!(node.ask("DBSIZE").trim(), ":0", "the sessions are spread");
    }
    let (here, there) = (instance(&url, &keys, &clock), instance(&url, &keys, &clock));
    // A test cannot see when both instances have subscribed to the channel of the Cluster.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..5 {
        let session = created(&here).await;
        let other = there.find(&session.cookie_value()).await.unwrap().unwrap();
        here.end(&session).await.unwrap();
        within(Duration::from_secs(1), "the end at the other", async || other.ended.is_cancelled()).await;
    }
}

#[tokio::test]
async fn a_sentinel_failover_takes_seconds_and_loses_no_session() {
    if !installed() {
        return;
    }
    let mut master = Server::start(&[]);
    let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    let sentinel = Server::sentinel(master.port);
    within(Duration::from_secs(20), "replicates and is known", async || {
        replica.ask("INFO replication").contains("master_link_status:up")
            && sentinel.ask("SENTINEL MASTER mymaster").contains("num-slaves\r\n$1\r\n1")
    })
    .await;
    for server in [&master, &replica] {
        assert!(server.ask(&format!("ACL SETUSER {USER} +role")).starts_with("+OK"));
    }
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let url = format!("redis+sentinel://imsgate:p%40ss%2Fw0rd@127.0.0.1:{}/mymaster", sentinel.port);
    let several = Arc::new(store(&url, &keys, &clock));
    contract::check(several.clone()).await;
    contract::a_lease_has_one_owner(&several).await;
    drop(several);
    let (here, there) = (instance(&url, &keys, &clock), instance(&url, &keys, &clock));
    let mut cookies = Vec::new();
    for _ in 0..50 {
        cookies.push(created(&here).await.cookie_value());
    }
    within(Duration::from_secs(10), "the sessions are on the replica", async || {
        replica.ask("DBSIZE") == master.ask("DBSIZE")
    })
    .await;
    master.kill();
    let mut slowest = Duration::ZERO;
    let took = within(Duration::from_secs(30), "logins go on at the new master", async || {
        let begun = Instant::now();
        let done = here.create(identity(), tokens(&clock), None, None).await.is_ok();
        slowest = slowest.max(begun.elapsed());
        done
    })
    .await;
    println!("a failover took {took:?}, one login at most {slowest:?}");
    assert!(slowest < Duration::from_millis(1500), "{slowest:?}");
    here.live.invalidate_all();
    for cookie in &cookies {
        assert!(here.find(cookie).await.unwrap().is_some());
    }
    // The channel has moved too.
    within(Duration::from_secs(10), "the channel at the new master", async || {
        replica.ask(&format!("PUBSUB NUMSUB {PREFIX}news")).contains(":2")
    })
    .await;
    let session = created(&here).await;
    let other = there.find(&session.cookie_value()).await.unwrap().unwrap();
    here.end(&session).await.unwrap();
    within(Duration::from_secs(1), "the end at the other", async || other.ended.is_cancelled()).await;
}

/// A server with a new certificate, `cert.pem` in this folder.
fn with_tls(folder: &Path, tls_port: u16) -> Server {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    Server::start(&[
        "--tls-port",
        &tls_port.to_string(),
        "--tls-cert-file",
        cert.to_str().unwrap(),
        "--tls-key-file",
        key.to_str().unwrap(),
        "--tls-auth-clients",
        "no",
    ])
}

#[tokio::test]
async fn new_certificate_authorities_are_used_for_the_next_connection() {
    if !installed() {
        return;
    }
    let (files, tls_port) = (tempfile::tempdir().unwrap(), free_port());
    let mut server = with_tls(files.path(), tls_port);
    let (ca_file, cert) = (files.path().join("ca.pem"), files.path().join("cert.pem"));
    std::fs::copy(&cert, &ca_file).unwrap();
    let url = format!("rediss://localhost:{tls_port}");
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let store = store_with(&url, Some(&ca_file), &keys, &clock, &Handle::current());
    let answers = async || store.load(&record("alice").id).await.is_ok();
    let wait = Duration::from_secs(10);
    within(wait, "it answers", &answers).await;

    // A file without a certificate changes nothing.
    std::fs::write(&ca_file, "-----BEGIN CERTIFICATE-----\n").unwrap();
    server.kill();
    server.restart();
    within(wait, "the previous authorities are used", &answers).await;
    std::fs::remove_file(&ca_file).unwrap();
    server.kill();
    server.restart();
    within(wait, "they are used without a file too", &answers).await;

    // Another certificate is trusted only when the file has its authority.
    server.kill();
    let _server = with_tls(files.path(), tls_port);
    for _ in 0..5 {
        assert!(!answers().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    std::fs::copy(&cert, &ca_file).unwrap();
    within(wait, "the new authority is used", &answers).await;
}

#[tokio::test]
async fn the_documented_rights_are_enough_over_tls() {
    if !installed() {
        return;
    }
    let (files, tls_port) = (tempfile::tempdir().unwrap(), free_port());
    let server = with_tls(files.path(), tls_port);
    assert!(server.ask(&format!("ACL SETUSER {USER}")).starts_with("+OK"));
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let cert = files.path().join("cert.pem");
    let authorities = Some(cert.as_path());
    let url = |password: &str| format!("rediss://imsgate:{password}@localhost:{tls_port}");
    let good = store_with(&url("p%40ss%2Fw0rd"), authorities, &keys, &clock, &Handle::current());
    let good = Arc::new(good);
    contract::check(good.clone()).await;
    contract::a_lease_has_one_owner(&good).await;
    within(Duration::from_secs(2), "it is subscribed", async || {
        server.ask(&format!("PUBSUB NUMSUB {PREFIX}news")).contains(":1")
    })
    .await;
    let refused = store_with(&url("hunter2"), authorities, &keys, &clock, &Handle::current());
    let error = refused.load(&record("alice").id).await.unwrap_err();
    assert!(!format!("{error} {error:?} {refused:?}").contains("hunter2"), "{error}");
    let stranger = store_with(&url("p%40ss%2Fw0rd"), None, &keys, &clock, &Handle::current());
    assert!(stranger.load(&record("alice").id).await.is_err(), "an untrusted certificate");
}
