//! A failover of Redis during many logins, through two `imsgate serve` processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::support::redis_servers::Server;
use crate::support::{Lag, Site, Story, installed};

/// Fifty a second, on a machine that keeps up with it.
const PACE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_during_many_logins_loses_no_session_with_a_cookie() {
    if !installed() {
        return;
    }
    let mut group = Group::start().await;
    let mut site = Site::start(&format!("{}?wait_replicas=1", group.url())).await;
    let mut storm = Storm::new();
    storm.blow(&site, |_, begun| begun >= 150).await;
    // The master's machine goes: what is on its way to a replica never arrives.
    group.lag.cut();
    let at = Instant::now();
    storm.blow(&site, |_, _| at.elapsed() >= Duration::from_millis(500)).await;
    group.master.kill();
    // Until whoever was told to come again has done so, and a while longer.
    let begun = storm.begun;
    storm
        .blow(&site, |stories, _| {
            stories.iter().any(|(number, story)| *number > begun && story.troubles.is_empty())
        })
        .await;
    let begun = storm.begun;
    storm.blow(&site, |_, now| now >= begun + 100).await;
    let (took, begun) = (storm.since.unwrap().elapsed(), storm.begun);
    let stories = storm.calm().await;

    assert_eq!(stories.len(), begun);
    let troubled = stories.iter().filter(|story| !story.troubles.is_empty()).count();
    let sessions: Vec<&String> = stories.iter().flat_map(|story| &story.sessions).collect();
    assert!(troubled > 0, "the failover was felt");
    for answer in stories.iter().flat_map(|story| &story.troubles) {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "5");
    }
    assert!(stories.iter().all(|story| !story.sessions.is_empty()), "everybody is signed in in the end");

    // An instance that has none of them in its cache asks the new master.
    let fresh = site.another().await;
    let answers = site.ask_all(fresh, "/view/home", &sessions).await;
    let lost = answers.iter().filter(|status| **status != 200).count();
    let told: usize = stories.iter().map(|story| story.troubles.len()).sum();
    println!(
        "{begun} logins in {took:?}, {troubled} of them told {told} times to come again; {} sessions, {lost} lost",
        sessions.len()
    );
    assert_eq!(lost, 0, "of {}", sessions.len());
    site.stop().await;
}

/// People who sign in one after the other, whether or not those before them are done.
struct Storm {
    /// So many requests at a time: a machine that has much else to do has a storm as strong as it can bear.
    turns: Arc<Semaphore>,
    under_way: JoinSet<(usize, Story)>,
    over: Vec<(usize, Story)>,
    begun: usize,
    since: Option<Instant>,
}

impl Storm {
    fn new() -> Self {
        let turns = Arc::new(Semaphore::new(32));
        Self { turns, under_way: JoinSet::new(), over: Vec::new(), begun: 0, since: None }
    }

    /// Goes on until `enough` of the stories that are over and the number of those begun.
    async fn blow(&mut self, site: &Site, enough: impl Fn(&[(usize, Story)], usize) -> bool) {
        let since = *self.since.get_or_insert_with(Instant::now);
        let mut ticks = tokio::time::interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !enough(&self.over, self.begun) {
            assert!(since.elapsed() < Duration::from_secs(90), "the failover does not end");
            ticks.tick().await;
            while let Some(story) = self.under_way.try_join_next() {
                self.over.push(story.unwrap());
            }
            if self.turns.available_permits() == 0 {
                continue;
            }
            let (browser, number) = (site.browser(), self.begun);
            self.begun += 1;
            let turns = self.turns.clone();
            // People do not come again all at once.
            let later = Duration::from_millis(number as u64 * 370 % 6000);
            self.under_way
                .spawn(async move { (number, browser.sign_in_patiently("/view/home", later, &turns).await) });
        }
    }

    /// Lets everybody finish.
    async fn calm(self) -> Vec<Story> {
        let rest = self.under_way.join_all().await;
        self.over.into_iter().chain(rest).map(|(_, story)| story).collect()
    }
}

/// A master and two replicas a little behind it, watched by a Sentinel. A master takes writes only while it has a replica.
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
        // So that a busy machine is not taken for a dead master, nor the detour to it for a mistake.
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
