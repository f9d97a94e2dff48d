//! Campaign servers that fail: which are ejected, and when they are used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use imsgate::config::{CheckMode, HealthCheck};
use tokio::sync::Semaphore;

use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::upstreams::{
    OK, ejected_for_an_hour, gated_upstream, in_front_of, prompt_upstream, request_page, requests,
};
use crate::support::{World, eventually, logs};

/// Sends requests until ten in a row went to `wanted` and none to `other`.
async fn all_go_to(world: &World, wanted: &Upstream, other: &Upstream) {
    eventually(async || {
        let (before, elsewhere) = (requests(wanted), requests(other));
        for _ in 0..10 {
            assert_eq!(RawRequest::get("/r/x").send_to(world).await.text(), "ok");
        }
        requests(wanted) == before + 10 && requests(other) == elsewhere
    })
    .await;
}

#[tokio::test]
async fn a_failed_health_check_ejects_a_server_until_a_check_succeeds() {
    let healthy = Arc::new(AtomicBool::new(true));
    let (first, second) =
        (prompt_upstream(healthy.clone()).await, prompt_upstream(Arc::new(AtomicBool::new(true))).await);
    let world = in_front_of(&[(&first, 1), (&second, 1)], |campaign| {
        campaign.health.mode = CheckMode::On;
        campaign.health.check = HealthCheck {
            path: Some("/r/test".to_owned()),
            interval: Duration::from_millis(10),
            timeout: Duration::from_secs(5),
            rise: 2,
            fall: 2,
        };
    })
    .await;
    healthy.store(false, Ordering::Relaxed);
    all_go_to(&world, &second, &first).await;
    assert!(logs::say(&first.url), "the log names it");
    assert!(logs::say("/r/test does not say status='OK'"));
    healthy.store(true, Ordering::Relaxed);
    let before = requests(&first);
    eventually(async || {
        assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
        requests(&first) > before
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn without_a_path_any_response_proves_that_a_server_is_alive() {
    // The health page of the first does not say OK, as on Tomcat's port, where there is none.
    let (first, second) =
        (prompt_upstream(Arc::default()).await, prompt_upstream(Arc::new(AtomicBool::new(true))).await);
    let world = in_front_of(&[(&first, 1), (&second, 1)], |campaign| {
        campaign.health.mode = CheckMode::On;
        campaign.health.check = HealthCheck {
            path: None,
            interval: Duration::from_millis(10),
            timeout: Duration::from_secs(5),
            rise: 1,
            fall: 1,
        };
    })
    .await;
    let checks =
        |upstream: &Upstream| upstream.seen().iter().filter(|line| line.starts_with("GET /r/test ")).count();
    eventually(async || checks(&first) > 3 && checks(&second) > 3).await;
    for _ in 0..10 {
        assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
    }
    assert!(requests(&first) > 0 && requests(&second) > 0, "both are used");
    world.stop().await;
}

#[tokio::test]
async fn if_all_health_checks_fail_servers_are_still_tried() {
    let (first, second) = (prompt_upstream(Arc::default()).await, prompt_upstream(Arc::default()).await);
    let world = in_front_of(&[(&first, 1), (&second, 1)], |campaign| {
        campaign.health.mode = CheckMode::On;
        campaign.health.check = HealthCheck {
            path: Some("/r/test".to_owned()),
            interval: Duration::from_millis(10),
            timeout: Duration::from_secs(5),
            rise: 1,
            fall: 1,
        };
    })
    .await;
    eventually(async || logs::say(&first.url) && logs::say(&second.url)).await;
    for _ in 0..10 {
        assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_server_that_fails_is_ejected_without_a_health_check() {
    // Reads requests and closes without a response.
    let failing = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        None
    })
    .await;
    let good = prompt_upstream(Arc::default()).await;
    let world = in_front_of(&[(&failing, 1), (&good, 1)], ejected_for_an_hour).await;
    for _ in 0..20 {
        assert_eq!(
            RawRequest::get("/r/x").send_to(&world).await.text(),
            "ok",
            "safe to repeat, so it went to the other"
        );
    }
    assert_eq!((requests(&failing), requests(&good)), (3, 20));
    world.stop().await;
}

#[tokio::test]
async fn a_server_whose_responses_break_off_is_ejected() {
    let breaking = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        line.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").await;
        None
    })
    .await;
    let good = prompt_upstream(Arc::default()).await;
    let world = in_front_of(&[(&breaking, 1), (&good, 1)], ejected_for_an_hour).await;
    for _ in 0..20 {
        request_page(&world).await;
    }
    assert_eq!((requests(&breaking), requests(&good)), (3, 17));
    assert!(logs::say(&breaking.url) && logs::say("gets no requests for a while"), "the log names it");
    world.stop().await;
}

#[tokio::test]
async fn response_heads_do_not_count_against_responses_that_break_off() {
    // Twenty responses are in flight before the first of them breaks off.
    let permits = Arc::new(Semaphore::new(0));
    let gate = permits.clone();
    let breaking = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
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
    let good = gated_upstream(patience.clone()).await;
    let world = in_front_of(&[(&breaking, 1), (&good, 1)], ejected_for_an_hour).await;
    let mut lines = Vec::new();
    for _ in 0..40 {
        let mut line = request::connect(&world).await;
        line.send(RawRequest::get("/r/x").bytes(request::host(&world))).await;
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
        request_page(&world).await;
    }
    assert_eq!((requests(&breaking), requests(&good)), (20, 30));
    world.stop().await;
}

#[tokio::test]
async fn an_ejected_server_is_tried_again() {
    let broken = Arc::new(AtomicBool::new(true));
    let flag = broken.clone();
    let flapping = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
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
    let good = prompt_upstream(Arc::default()).await;
    let world = in_front_of(&[(&flapping, 1), (&good, 1)], |campaign| {
        campaign.health.ejection = Duration::from_millis(5);
        campaign.health.max_ejection = Duration::from_millis(40);
    })
    .await;
    for _ in 0..20 {
        assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
    }
    broken.store(false, Ordering::Relaxed);
    let before = requests(&flapping);
    eventually(async || {
        assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
        requests(&flapping) >= before + 5
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn an_open_websocket_counts_as_a_success_of_an_ejected_server() {
    let broken = Arc::new(AtomicBool::new(true));
    let flag = broken.clone();
    let flapping = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let broken = flag.clone();
        async move {
            seen.request(&mut line).await?;
            if !broken.load(Ordering::Relaxed) {
                line.send(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                )
                .await;
                line.rest().await;
            }
            None
        }
    })
    .await;
    let good = prompt_upstream(Arc::default()).await;
    let world = in_front_of(&[(&flapping, 1), (&good, 1)], |campaign| {
        campaign.health.ejection = Duration::from_millis(5);
        campaign.health.max_ejection = Duration::from_millis(40);
        // A server that is tried again and does not answer is tried once in twice this time.
        campaign.connect_timeout = PATIENCE;
    })
    .await;
    let ask = async || {
        let mut line = request::connect(&world).await;
        let open = RawRequest::get("/r/x").with("Connection: Upgrade").with("Upgrade: websocket");
        line.send(open.keep_alive(request::host(&world))).await;
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

#[tokio::test]
async fn the_only_server_is_tried_however_often_it_failed() {
    let broken = Arc::new(AtomicBool::new(true));
    let flag = broken.clone();
    let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
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
        assert_eq!(RawRequest::get("/r/x").send_to(&world).await.status(), 502);
    }
    broken.store(false, Ordering::Relaxed);
    assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
    world.stop().await;
}
