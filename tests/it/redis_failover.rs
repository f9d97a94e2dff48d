//! A failover of Redis during many logins, through two `imsgate serve` processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::support::redis_servers::Server;
use crate::support::{Lag, LoginRun, Site, installed};

/// Fifty a second, if the machine can keep up.
const PACE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_during_many_logins_loses_no_session_with_a_cookie() {
    if !installed() {
        return;
    }
    let mut group = Group::start().await;
    let mut site = Site::start(&format!("{}?wait_replicas=1", group.url())).await;
    let mut logins = LoginLoad::new();
    logins.run_until(&site, |_, begun| begun >= 150).await;
    // The master loses its network: data in flight to a replica never arrives.
    group.lag.cut();
    let at = Instant::now();
    logins.run_until(&site, |_, _| at.elapsed() >= Duration::from_millis(500)).await;
    group.master.kill();
    // Until every client that was told to retry has done so, and a while longer.
    let begun = logins.begun;
    logins
        .run_until(&site, |runs, _| {
            runs.iter().any(|(number, run)| *number > begun && run.failures.is_empty())
        })
        .await;
    let begun = logins.begun;
    logins.run_until(&site, |_, now| now >= begun + 100).await;
    let (took, begun) = (logins.since.unwrap().elapsed(), logins.begun);
    let runs = logins.finish().await;

    assert_eq!(runs.len(), begun);
    let failed_once = runs.iter().filter(|run| !run.failures.is_empty()).count();
    let sessions: Vec<&String> = runs.iter().flat_map(|run| &run.sessions).collect();
    assert!(failed_once > 0, "the failover had an effect");
    for answer in runs.iter().flat_map(|run| &run.failures) {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "5");
    }
    assert!(runs.iter().all(|run| !run.sessions.is_empty()), "everybody is signed in in the end");

    // An instance without any of them in its cache asks the new master.
    let fresh = site.another().await;
    let answers = site.ask_all(fresh, "/view/home", &sessions).await;
    let lost = answers.iter().filter(|status| **status != 200).count();
    let told: usize = runs.iter().map(|run| run.failures.len()).sum();
    println!(
        "{begun} logins in {took:?}, {failed_once} of them got {told} refusals; {} sessions, {lost} lost",
        sessions.len()
    );
    assert_eq!(lost, 0, "of {}", sessions.len());
    site.stop().await;
}

/// People who sign in at a steady rate, whether or not earlier logins are done.
struct LoginLoad {
    /// The limit of concurrent requests, so that a busy machine is not overloaded.
    turns: Arc<Semaphore>,
    under_way: JoinSet<(usize, LoginRun)>,
    over: Vec<(usize, LoginRun)>,
    begun: usize,
    since: Option<Instant>,
}

impl LoginLoad {
    fn new() -> Self {
        let turns = Arc::new(Semaphore::new(32));
        Self { turns, under_way: JoinSet::new(), over: Vec::new(), begun: 0, since: None }
    }

    /// Starts logins until `enough` returns true for the finished logins and the number of those started.
    async fn run_until(&mut self, site: &Site, enough: impl Fn(&[(usize, LoginRun)], usize) -> bool) {
        let since = *self.since.get_or_insert_with(Instant::now);
        let mut ticks = tokio::time::interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !enough(&self.over, self.begun) {
            assert!(since.elapsed() < Duration::from_secs(90), "the failover does not end");
            ticks.tick().await;
            while let Some(run) = self.under_way.try_join_next() {
                self.over.push(run.unwrap());
            }
            if self.turns.available_permits() == 0 {
                continue;
            }
            let (browser, number) = (site.browser(), self.begun);
            self.begun += 1;
            let turns = self.turns.clone();
            // People do not retry all at once.
            let later = Duration::from_millis(number as u64 * 370 % 6000);
            self.under_way
                .spawn(async move { (number, browser.sign_in_patiently("/view/home", later, &turns).await) });
        }
    }

    /// Waits until all logins are finished.
    async fn finish(self) -> Vec<LoginRun> {
        let rest = self.under_way.join_all().await;
        self.over.into_iter().chain(rest).map(|(_, run)| run).collect()
    }
}

/// A master, two replicas that lag a little, and a Sentinel. A master accepts writes only while it has a replica.
struct Group {
    master: Server,
    lag: Lag,
    _replicas: [Server; 2],
    sentinel: Server,
}

impl Group {
    async fn start() -> Self {
        let safe = ["--min-replicas-to-write", "1", "--repl-diskless-sync-delay", "0"];
        let master = Server::start(&safe);
        let lag = Lag::start(master.port, Duration::from_millis(20)).await;
        let port = lag.port.to_string();
        let options = [&safe[..], &["--replicaof", "127.0.0.1", &port]].concat();
        let replicas = [Server::start(&options), Server::start(&options)];
        let sentinel = Server::sentinel(master.port);
        // So that a busy machine is not taken for a dead master, and the proxy in between not for a wrong configuration.
        for (option, value) in [("down-after-milliseconds", "2000"), ("failover-timeout", "90000")] {
            assert!(sentinel.ask(&format!("SENTINEL SET mymaster {option} {value}")).starts_with("+OK"));
        }
        let begun = Instant::now();
        while !(sentinel.ask("SENTINEL MASTER mymaster").contains("num-slaves\r\n$1\r\n2")
            && replicas.iter().all(|one| one.ask("INFO replication").contains("master_link_status:up"))
            && master.ask("INFO replication").contains("min_slaves_good_slaves:2"))
        {
            assert!(begun.elapsed() < Duration::from_secs(40), "no replication");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Self { master, lag, _replicas: replicas, sentinel }
    }

    fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/mymaster", self.sentinel.port)
    }
}
