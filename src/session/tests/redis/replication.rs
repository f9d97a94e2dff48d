//! Writes that succeed only when a replica has them.

use super::*;

/// A master with one replica, which has caught up.
async fn pair() -> (Server, Server) {
    let master = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    within(Duration::from_secs(20), "replicates", async || {
        replica.ask("INFO replication").contains("master_link_status:up")
            && master.ask("INFO replication").contains("state=online")
    })
    .await;
    (master, replica)
}

#[tokio::test]
async fn waiting_for_replicas_fulfils_the_contract_for_concurrent_writes() {
    if !installed() {
        return;
    }
    let (master, replica) = pair().await;
    for server in [&master, &replica] {
        assert!(server.ask(&format!("ACL SETUSER {USER} +wait")).starts_with("+OK"));
    }
    let url = format!("redis://imsgate:p%40ss%2Fw0rd@127.0.0.1:{}?wait_replicas=1", master.port);
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let store = Arc::new(store(&url, &keys, &clock));
    within(Duration::from_secs(10), "the replica acknowledges a write", async || {
        store.create(&mut record("alice")).await.is_ok()
    })
    .await;
    contract::check(store.clone()).await;
    let before = sessions(&replica);
    let many = (0..200).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.create(&mut record("alice")).await })
    });
    for created in futures_util::future::join_all(many).await {
        created.unwrap().unwrap();
    }
    assert_eq!(sessions(&replica), before + 200, "the replica has every write that was acknowledged");
    let waits = master.ask("INFO commandstats");
    let waits = waits.split("cmdstat_wait:calls=").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    assert!(number(waits) < 200, "one `WAIT` covers many writes: {waits}");
}

#[tokio::test]
async fn a_session_that_no_replica_has_is_an_error() {
    if !installed() {
        return;
    }
    let (master, replica) = pair().await;
    let (keys, clock) = (KeyRing::random(), Clock::system());
    let careful = instance(&format!("{}?wait_replicas=1", master.url()), &keys, &clock);
    let careless = instance(&master.url(), &keys, &clock);
    // A replica that has just caught up may need a moment.
    let kept = eventually_created(&careful).await;
    replica.pause();
    let begun = Instant::now();
    assert!(careful.create(identity(), tokens(&clock), None, None).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    created(&careless).await;
    // Look-ups do not wait for the replica. A sign-out takes effect and returns the data of the session at once.
    careful.live.invalidate_all();
    let found = careful.find(&kept.cookie_value()).await.unwrap().unwrap();
    assert!(careful.end(&found).await.unwrap().is_some());
    replica.resume();
    eventually_created(&careful).await;
}

async fn eventually_created(sessions: &Sessions) -> Arc<LiveSession> {
    let mut made = None;
    within(Duration::from_secs(10), "a session is made", async || {
        made = sessions.create(identity(), tokens(&sessions.clock), None, None).await.ok();
        made.is_some()
    })
    .await;
    made.unwrap()
}

fn sessions(server: &Server) -> u32 {
    number(&server.ask(&format!("EVAL \"return #redis.call('KEYS', '{PREFIX}s:*')\" 0")))
}

fn number(text: &str) -> u32 {
    text.trim().trim_start_matches(':').parse().unwrap()
}
