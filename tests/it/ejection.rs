//! Campaign servers that fail: who is passed over, who is not, and who gets another chance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use imsgate::config::{Campaign, HealthCheck};
use tokio::sync::{Notify, Semaphore};

use crate::ask::{self, Ask};
use crate::balance::{OK, eventually, in_front_of, patient, prompt, requests};
use crate::raw::{Line, PATIENCE};
use crate::support::{World, logs};
use crate::upstream::{Seen, Upstream};

/// Asks until ten in a row went to `wanted` and none to `other`.
async fn all_go_to(world: &World, wanted: &Upstream, other: &Upstream) {
    eventually(async || {
        let (before, elsewhere) = (requests(wanted), requests(other));
        for _ in 0..10 {
            assert_eq!(Ask::get("/r/x").of(world).await.text(), "ok");
        }
        requests(wanted) == before + 10 && requests(other) == elsewhere
    })
    .await;
}

fn passed_over_for_an_hour(campaign: &mut Campaign) {
    campaign.health.ejection = Duration::from_hours(1);
    campaign.health.max_ejection = Duration::from_hours(1);
}

/// Asks for a page, whether its answer is whole or not.
async fn ask_and_read(world: &World) {
    let mut line = ask::line(world).await;
    line.send(Ask::get("/r/x").bytes(ask::host(world))).await;
    let head = line.head().await.unwrap();
    _ = line.body(&head).await;
}

#[tokio::test]
async fn the_check_passes_over_a_server_and_takes_it_back() {
    let healthy = Arc::new(AtomicBool::new(true));
    let (first, second) = (prompt(healthy.clone()).await, prompt(Arc::new(AtomicBool::new(true))).await);
    let world = in_front_of(&[(&first, 1), (&second, 1)], |campaign| {
        campaign.health.check = Some(HealthCheck {
            interval: Duration::from_millis(10),
            timeout: Duration::from_secs(5),
            rise: 2,
            fall: 2,
        });
    })
    .await;
    healthy.store(false, Ordering::Relaxed);
    all_go_to(&world, &second, &first).await;
    assert!(logs::say(&first.url), "the log names it");
    assert!(logs::say("/r/test does not say status='OK'"));
    healthy.store(true, Ordering::Relaxed);
    let before = requests(&first);
    eventually(async || {
        assert_eq!(Ask::get("/r/x").of(&world).await.text(), "ok");
        requests(&first) > before
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn a_check_that_finds_everybody_away_is_no_outage() {
    let (first, second) = (prompt(Arc::default()).await, prompt(Arc::default()).await);
    let world = in_front_of(&[(&first, 1), (&second, 1)], |campaign| {
        campaign.health.check = Some(HealthCheck {
            interval: Duration::from_millis(10),
            timeout: Duration::from_secs(5),
            rise: 1,
            fall: 1,
        });
    })
    .await;
    eventually(async || logs::say(&first.url) && logs::say(&second.url)).await;
    for _ in 0..10 {
        assert_eq!(Ask::get("/r/x").of(&world).await.text(), "ok");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_server_that_fails_is_passed_over_without_any_check() {
    // Reads requests and closes without an answer.
    let failing = Upstream::start(|_, mut line: Line, seen: Seen| async move {
        seen.request(&mut line).await?;
        None
    })
    .await;
    let good = prompt(Arc::default()).await;
    let world = in_front_of(&[(&failing, 1), (&good, 1)], passed_over_for_an_hour).await;
    for _ in 0..20 {
        assert_eq!(Ask::get("/r/x").of(&world).await.text(), "ok", "safe to repeat, so it went to the other");
    }
    assert_eq!((requests(&failing), requests(&good)), (3, 20));
    world.stop().await;
}

#[tokio::test]
async fn a_server_whose_answers_break_off_is_passed_over_too() {
    let breaking = Upstream::start(|_, mut line: Line, seen: Seen| async move {
        seen.request(&mut line).await?;
        line.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").await;
        None
    })
    .await;
    let good = prompt(Arc::default()).await;
    let world = in_front_of(&[(&breaking, 1), (&good, 1)], passed_over_for_an_hour).await;
    for _ in 0..20 {
        ask_and_read(&world).await;
    }
    assert_eq!((requests(&breaking), requests(&good)), (3, 17));
    assert!(logs::say(&breaking.url) && logs::say("passed over"), "the log names it");
    world.stop().await;
}

#[tokio::test]
async fn heads_in_flight_do_not_make_up_for_answers_that_break_off() {
    // Twenty are under way before the first of them breaks off.
    let permits = Arc::new(Semaphore::new(0));
    let gate = permits.clone();
    let breaking = Upstream::start(move |_, mut line: Line, seen: Seen| {
        let gate = gate.clone();
        async move {
            seen.request(&mut line).await?;
            gate.acquire().await.ok()?.forget();
            line.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").await;
            None
        }
    })
    .await;
    let patience = Arc::new(Semaphore::new(0));
    let good = patient(patience.clone()).await;
    let world = in_front_of(&[(&breaking, 1), (&good, 1)], passed_over_for_an_hour).await;
    let mut lines = Vec::new();
    for _ in 0..40 {
        let mut line = ask::line(&world).await;
        line.send(Ask::get("/r/x").bytes(ask::host(&world))).await;
        lines.push(line);
    }
    eventually(async || requests(&breaking) + requests(&good) == 40).await;
    assert_eq!(requests(&breaking), 20, "the fewest in flight");
    permits.add_permits(20);
    patience.add_permits(1000);
    for mut line in lines {
        let head = line.head().await.unwrap();
        _ = line.body(&head).await;
    }
    for _ in 0..10 {
        ask_and_read(&world).await;
    }
    assert_eq!((requests(&breaking), requests(&good)), (20, 30));
    world.stop().await;
}

#[tokio::test]
async fn a_slow_reader_is_not_held_against_the_server() {
    const LENGTH: usize = 64 * 1024 * 1024;
    // Gives up on a client that does not read, as servers do.
    let gave_up = Arc::new(Notify::new());
    let notify = gave_up.clone();
    let impatient = Upstream::start(move |_, mut line: Line, seen: Seen| {
        let gave_up = notify.clone();
        async move {
            loop {
                let head = seen.request(&mut line).await?;
                if !head.first.starts_with("GET /r/large ") {
                    line.send(OK).await;
                    continue;
                }
                line.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")).await;
                let piece = "x".repeat(64 * 1024);
                while tokio::time::timeout(Duration::from_millis(300), line.send(&piece)).await.is_ok() {}
                gave_up.notify_one();
                return None;
            }
        }
    })
    .await;
    let good = prompt(Arc::default()).await;
    let world = in_front_of(&[(&impatient, 1), (&good, 1)], passed_over_for_an_hour).await;
    let mut cut = 0;
    while cut < 3 {
        let mut line = ask::line(&world).await;
        line.send(Ask::get("/r/large").bytes(ask::host(&world))).await;
        let head = line.head().await.unwrap();
        if head.field("content-length") == Some(&LENGTH.to_string()) {
            tokio::time::timeout(PATIENCE, gave_up.notified()).await.expect("it gives up");
            assert!(line.body(&head).await.is_err(), "the client sees that");
            cut += 1;
        }
    }
    let before = requests(&impatient);
    for _ in 0..10 {
        ask_and_read(&world).await;
    }
    assert_eq!(requests(&impatient), before + 5, "it gets its share");
    world.stop().await;
}

#[tokio::test]
async fn an_upload_that_is_cut_short_is_not_held_against_the_server() {
    // Answers before it has read the request, and closes over what is still to come.
    let hasty = Upstream::start(|_, mut line: Line, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            if head.first.starts_with("POST ") {
                line.send("HTTP/1.1 413 Too Large\r\nContent-Length: 1000\r\n\r\nhalf").await;
                return None;
            }
            line.send(OK).await;
        }
    })
    .await;
    let good = prompt(Arc::default()).await;
    let world = in_front_of(&[(&hasty, 1), (&good, 1)], passed_over_for_an_hour).await;
    for number in 1..=6 {
        let before = requests(&hasty);
        let mut line = ask::line(&world).await;
        let head =
            format!("POST /r/x HTTP/1.1\r\nHost: {}\r\nContent-Length: 9\r\n\r\nhalf", ask::host(&world));
        line.send(head).await;
        eventually(async || requests(&hasty) + requests(&good) == number).await;
        if requests(&hasty) > before {
            let head = line.head().await.unwrap();
            assert_eq!(head.status(), 413);
            assert!(line.body(&head).await.is_err(), "the client sees that");
        } else {
            line.send("whole").await;
            assert_eq!(line.answer(false).await.unwrap().text(), "ok");
        }
    }
    assert_eq!(requests(&hasty), 3);
    let before = requests(&hasty);
    for _ in 0..10 {
        ask_and_read(&world).await;
    }
    assert_eq!(requests(&hasty), before + 5, "it gets its share");
    world.stop().await;
}

#[tokio::test]
async fn a_server_that_was_passed_over_gets_its_chance() {
    let broken = Arc::new(AtomicBool::new(true));
    let flag = broken.clone();
    let flapping = Upstream::start(move |_, mut line: Line, seen: Seen| {
        let broken = flag.clone();
        async move {
            loop {
                seen.request(&mut line).await?;
                if broken.load(Ordering::Relaxed) {
                    return None;
                }
                line.send(OK).await;
            }
        }
    })
    .await;
    let good = prompt(Arc::default()).await;
    let world = in_front_of(&[(&flapping, 1), (&good, 1)], |campaign| {
        campaign.health.ejection = Duration::from_millis(5);
        campaign.health.max_ejection = Duration::from_millis(40);
    })
    .await;
    for _ in 0..20 {
        assert_eq!(Ask::get("/r/x").of(&world).await.text(), "ok");
    }
    broken.store(false, Ordering::Relaxed);
    let before = requests(&flapping);
    eventually(async || {
        assert_eq!(Ask::get("/r/x").of(&world).await.text(), "ok");
        requests(&flapping) >= before + 5
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn an_answer_without_an_end_is_answer_enough_for_another_chance() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (endless, fields) in [(switch, upgrade), (events, "")] {
        let broken = Arc::new(AtomicBool::new(true));
        let flag = broken.clone();
        let flapping = Upstream::start(move |_, mut line: Line, seen: Seen| {
            let broken = flag.clone();
            async move {
                seen.request(&mut line).await?;
                if !broken.load(Ordering::Relaxed) {
                    line.send(endless).await;
                    line.rest().await;
                }
                None
            }
        })
        .await;
        let good = prompt(Arc::default()).await;
        let world = in_front_of(&[(&flapping, 1), (&good, 1)], |campaign| {
            campaign.health.ejection = Duration::from_millis(5);
            campaign.health.max_ejection = Duration::from_millis(40);
            // Who is tried again and says nothing is tried once in twice this time.
            campaign.connect_timeout = PATIENCE;
        })
        .await;
        let ask = async || {
            let mut line = ask::line(&world).await;
            line.send(format!("GET /r/x HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", ask::host(&world))).await;
            line.head().await.unwrap();
        };
        eventually(async || {
            ask().await;
            requests(&flapping) >= 3
        })
        .await;
        broken.store(false, Ordering::Relaxed);
        let before = requests(&flapping);
        eventually(async || {
            ask().await;
            requests(&flapping) >= before + 3
        })
        .await;
        world.stop().await;
    }
}

#[tokio::test]
async fn the_only_server_is_tried_however_often_it_failed() {
    let broken = Arc::new(AtomicBool::new(true));
    let flag = broken.clone();
    let upstream = Upstream::start(move |_, mut line: Line, seen: Seen| {
        let broken = flag.clone();
        async move {
            seen.request(&mut line).await?;
            if !broken.load(Ordering::Relaxed) {
                line.send(OK).await;
            }
            None
        }
    })
    .await;
    let world = in_front_of(&[(&upstream, 1)], |_| ()).await;
    for _ in 0..6 {
        assert_eq!(Ask::get("/r/x").of(&world).await.status(), 502);
    }
    broken.store(false, Ordering::Relaxed);
    assert_eq!(Ask::get("/r/x").of(&world).await.text(), "ok");
    world.stop().await;
}
