//! Several Campaign servers: which one gets a request, and how many connections there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::eventually;
use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::upstreams::{OK, gated_upstream, in_front_of, prompt_upstream, requests};

#[tokio::test]
async fn weights_share_requests_that_come_one_by_one() {
    let (strong, weak) = (prompt_upstream(Arc::default()).await, prompt_upstream(Arc::default()).await);
    let world = in_front_of(&[(&strong, 2), (&weak, 1)], |_| ()).await;
    for _ in 0..30 {
        assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
    }
    assert_eq!((requests(&strong), requests(&weak)), (20, 10));
    world.stop().await;
}

#[tokio::test]
async fn a_busy_server_gets_fewer_requests() {
    let permits = Arc::new(Semaphore::new(0));
    let (busy, free) = (gated_upstream(permits.clone()).await, prompt_upstream(Arc::default()).await);
    let world = in_front_of(&[(&busy, 1), (&free, 1)], |_| ()).await;
    // The first requests are spread. One hangs, so the other server then has fewer in flight.
    let mut hanging = request::connect(&world).await;
    eventually(async || {
        if requests(&busy) == 0 {
            hanging = request::connect(&world).await;
            hanging.send(RawRequest::get("/r/hanging").bytes(request::host(&world))).await;
            // Time to arrive at a server. If it is too short, one more request is sent.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        requests(&busy) == 1
    })
    .await;
    let before = requests(&free);
    for _ in 0..10 {
        assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
    }
    assert_eq!((requests(&busy), requests(&free)), (1, before + 10));
    permits.add_permits(1);
    assert_eq!(hanging.answer(false).await.unwrap().text(), "ok");
    world.stop().await;
}

#[tokio::test]
async fn a_get_is_repeated_once_however_many_servers_there_are() {
    let failing = async || {
        Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
            seen.request(&mut line).await?;
            None
        })
        .await
    };
    let servers = [failing().await, failing().await, failing().await];
    let world = in_front_of(&servers.each_ref().map(|server| (server, 1)), |_| ()).await;
    assert_eq!(RawRequest::get("/r/x").send_to(&world).await.status(), 502);
    assert_eq!(servers.iter().map(requests).sum::<usize>(), 2);
    assert_eq!(RawRequest::post("/r/x", "a=b").send_to(&world).await.status(), 502);
    assert_eq!(servers.iter().map(requests).sum::<usize>(), 3);
    world.stop().await;
}

#[tokio::test]
async fn a_request_waits_for_a_connection_but_not_for_ever() {
    let permits = Arc::new(Semaphore::new(0));
    let upstream = gated_upstream(permits.clone()).await;
    let world = in_front_of(&[(&upstream, 1)], |campaign| {
        campaign.pool.max_connections = 1;
        campaign.pool.queue_timeout = Duration::from_millis(100);
    })
    .await;
    let mut first = request::connect(&world).await;
    first.send(RawRequest::get("/r/first").bytes(request::host(&world))).await;
    eventually(async || requests(&upstream) == 1).await;

    let refused = RawRequest::post("/r/second", "a=b").send_to(&world).await;
    assert_eq!((refused.status(), &refused.json()["error"]), (503, &json!("campaign_unavailable")));
    assert!(refused.field("retry-after").is_some());
    assert_eq!(requests(&upstream), 1, "it never got there");

    permits.add_permits(2);
    assert_eq!(first.answer(false).await.unwrap().text(), "ok");
    assert_eq!(RawRequest::post("/r/third", "a=b").send_to(&world).await.text(), "ok");
    world.stop().await;
}

#[tokio::test]
async fn waiting_requests_share_one_connection_in_order() {
    let permits = Arc::new(Semaphore::new(0));
    let upstream = gated_upstream(permits.clone()).await;
    let world = in_front_of(&[(&upstream, 1)], |campaign| campaign.pool.max_connections = 1).await;
    let mut lines = Vec::new();
    for _ in 0..5 {
        let mut line = request::connect(&world).await;
        line.send(RawRequest::get("/r/x").bytes(request::host(&world))).await;
        lines.push(line);
    }
    eventually(async || requests(&upstream) == 1).await;
    permits.add_permits(5);
    for mut line in lines {
        assert_eq!(line.answer(false).await.unwrap().text(), "ok");
    }
    assert_eq!((requests(&upstream), upstream.connections()), (5, 1));
    world.stop().await;
}

#[tokio::test]
async fn many_clients_share_few_persistent_connections() {
    for answer in [OK, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"] {
        let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| async move {
            loop {
                let head = seen.request(&mut line).await?;
                line.body(&head).await.ok()?;
                line.send(answer).await;
            }
        })
        .await;
        let world = in_front_of(&[(&upstream, 1)], |campaign| {
            campaign.pool.max_connections = 8;
            campaign.pool.queue_timeout = Duration::from_mins(1);
            campaign.pool.idle_timeout = Duration::from_mins(1);
        })
        .await;
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..24 {
            let mut line = request::connect(&world).await;
            let host = request::host(&world).to_owned();
            clients.spawn(async move {
                for _ in 0..20 {
                    let ask = if number % 3 == 0 {
                        RawRequest::post("/r/x", "a=b")
                    } else {
                        RawRequest::get("/r/x")
                    };
                    line.send(ask.keep_alive(&host)).await;
                    assert_eq!(line.answer(false).await.unwrap().text(), "ok");
                }
            });
        }
        clients.join_all().await;
        assert_eq!(requests(&upstream), 480);
        assert!(upstream.connections() <= 8, "{} connections", upstream.connections());
        world.stop().await;
    }
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed() {
    let ended = Arc::new(AtomicBool::new(false));
    let flag = ended.clone();
    let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let ended = flag.clone();
        async move {
            seen.request(&mut line).await?;
            line.send(OK).await;
            ended.store(line.next().await.ok()?.is_none(), Ordering::Relaxed);
            None
        }
    })
    .await;
    let world =
        in_front_of(&[(&upstream, 1)], |campaign| campaign.pool.idle_timeout = Duration::from_millis(50))
            .await;
    assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
    eventually(async || ended.load(Ordering::Relaxed)).await;
    world.stop().await;
}
