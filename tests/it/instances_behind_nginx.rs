//! Two `imsgate serve` processes behind nginx under load: restarted one after the other, killed, and without their Redis.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::support::{Browser, OpenLogin, Redis, Site, Tally, installed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_fails_no_request() {
    if !installed() {
        return;
    }
    let redis = Redis::start().unwrap();
    let mut site = Site::start(&redis.url()).await;
    let session = site.signed_in().await.session().unwrap();
    let loads = [
        site.load("GET", "/demo/echo", &session, 12),
        site.load("POST", "/demo/echo", &session, 6),
        site.load("GET", "/demo/slow/20", &session, 6),
    ];
    for index in [0, 1, 0, 1] {
        site.answers(0, 50).await;
        site.answers(1, 50).await;
        site.instances[index].stop().await;
        site.instances[index].begin().await;
    }
    site.answers(0, 50).await;
    site.answers(1, 50).await;
    let mut tallies = Vec::new();
    for load in loads {
        tallies.push(load.stop().await);
    }
    let passed = site.front.passed();
    let again = passed.iter().filter(|passed| passed.tries.len() > 1).count();
    println!("{tallies:?}, {again} of them sent to the next instance");
    for tally in tallies {
        assert_eq!((tally.refused, tally.broken), (0, 0), "{tally:?}\n{}", site.front.errors());
    }
    assert!(site.campaign.logoffs().is_empty() && site.ims.revoked().is_empty(), "no session ended");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_sessions_in_use_go_on_and_nobody_is_signed_out() {
    if !installed() {
        return;
    }
    let mut redis = Redis::start().unwrap();
    let site = Site::start(&redis.url()).await;
    let mut people = Vec::new();
    for _ in 0..6 {
        people.push(site.signed_in().await);
    }
    let session = people[0].session().unwrap();
    let load = site.load("GET", "/demo/echo", &session, 8);
    site.answers(0, 50).await;
    site.answers(1, 50).await;

    redis.kill();
    let begun = Instant::now();
    let stranger = site.browser();
    let open = OpenLogin::begin(&stranger, "/view/home").await;
    let before = site.front.passed().len();
    let loaded = |site: &Site, status: u16| {
        let since = site.front.passed().split_off(before);
        since.iter().filter(|passed| passed.path == "/demo/echo" && passed.status == status).count()
    };
    // A new person gets 503. After the cache time, people with a session get it too.
    while loaded(&site, 503) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(40), "sessions go on without end");
        let login = stranger.get(&open.callback()).await;
        assert_eq!((login.status, login.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
        assert_eq!(login.set_cookies(), Vec::<String>::new());
        for person in &people {
            works_or_waits(person).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let went_on = loaded(&site, 200);
    assert!(went_on > 0, "a session in use at both");

    redis.restart();
    for person in &people {
        let begun = Instant::now();
        while works_or_waits(person).await != StatusCode::OK {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing was to be restarted");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    // Both instances have reconnected. From now on every request succeeds.
    site.answers(0, 50).await;
    site.answers(1, 50).await;
    let fresh = site.load("GET", "/demo/echo", &people[1].session().unwrap(), 8);
    site.answers(0, 50).await;
    site.answers(1, 50).await;
    assert_eq!(failures(fresh.stop().await), (0, 0));
    let answer = stranger.get(&open.callback()).await;
    assert_eq!(answer.location(), "/view/home", "{}", answer.text());
    site.signed_in().await;

    let tally = load.stop().await;
    println!("{tally:?}; {went_on} went on while Redis was away");
    assert_eq!(tally.broken, 0);
    // Meanwhile nobody was sent to the sign-in. 499 comes from wrk, which was stopped.
    let echoes = site.front.passed().into_iter().filter(|passed| passed.path == "/demo/echo");
    let statuses: BTreeSet<u16> = echoes.map(|passed| passed.status).collect();
    assert!(statuses.is_subset(&[200, 499, 503].into()), "{statuses:?}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_a_killed_instance_continue_at_the_other() {
    if !installed() {
        return;
    }
    let redis = Redis::start().unwrap();
    let mut site = Site::start(&redis.url()).await;
    let session = site.signed_in().await.session().unwrap();
    let reads = site.load("GET", "/demo/slow/5", &session, READERS);
    let writes = site.load("POST", "/demo/echo", &session, WRITERS);
    site.answers(0, 50).await;
    site.answers(1, 50).await;
    let mut logins = JoinSet::new();
    let (stop, stopping) = watch::channel(false);
    for _ in 0..8 {
        let (stopping, browsers) = (stopping.clone(), std::iter::repeat_with(|| site.browser()));
        let browsers: Vec<Browser> = browsers.take(500).collect();
        logins.spawn(async move {
            let (mut runs, turns) = (Vec::new(), Semaphore::new(1));
            for browser in browsers {
                if *stopping.borrow() {
                    break;
                }
                runs.push(browser.sign_in_patiently("/view/home", Duration::ZERO, &turns).await);
            }
            runs
        });
    }
    site.answers(0, 200).await;
    site.instances[0].kill();
    let before = site.front.passed().len();
    site.answers(1, 400).await;
    stop.send(true).unwrap();
    let runs = logins.join_all().await.into_iter().flatten().collect::<Vec<_>>();
    let (reads, writes) = (reads.stop().await, writes.stop().await);

    let sessions: Vec<&String> = runs.iter().flat_map(|run| &run.sessions).collect();
    let repeated: usize = runs.iter().map(|run| run.failures.len()).sum();
    let passed = site.front.passed();
    let again = passed.iter().filter(|passed| passed.tries.len() > 1).count();
    println!(
        "reads {reads:?}, writes {writes:?}, {} logins with {repeated} repetitions, {again} requests sent to the other",
        runs.len()
    );
    assert!(passed[before..].iter().any(|passed| passed.path == "/ims/callback" && passed.status == 303));
    for session in sessions {
        assert_eq!(works_or_waits(&site.browser_at(1, session)).await, StatusCode::OK);
    }
    // nginx sends a GET to the other instance, but never a POST that was in flight. Each connection had at most one.
    assert_eq!(failures(reads), (0, 0));
    assert!(writes.refused + writes.broken <= WRITERS as u64, "{writes:?}");
    assert!(runs.iter().all(|run| run.sessions.len() == 1));
    // An instance that gets SIGTERM as soon as it listens also stops cleanly.
    site.instances[0].begin().await;
    site.instances[0].stop().await;
    site.stop().await;
}

/// Asks for a page as a person with a session: 200, or 503 while the store is away. The cookie stays.
async fn works_or_waits(person: &Browser) -> StatusCode {
    let answer = person.get_json("/view/home").await;
    assert_eq!(answer.session_cookie(), None, "the cookie is never deleted");
    match answer.status {
        StatusCode::SERVICE_UNAVAILABLE => assert_eq!(answer.header("retry-after"), "5"),
        status => assert_eq!(status, StatusCode::OK, "{}", answer.text()),
    }
    answer.status
}

/// The number of failed responses and of failed connections.
fn failures(tally: Tally) -> (u64, u64) {
    (tally.refused, tally.broken)
}

const READERS: usize = 12;
const WRITERS: usize = 6;
