//! Limits: a request over a limit is answered and counted, and other clients are not affected.

use std::time::Duration;

use imsgate::config::Config;

use crate::support::admin::{await_hits, hits, value, with_admin};
use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{World, eventually};

/// Connections that had a response, so the gateway has certainly counted them.
async fn lines(world: &World, count: usize) -> Vec<RawConnection> {
    let mut lines = Vec::new();
    for _ in 0..count {
        let mut line = request::connect(world).await;
        line.send(RawRequest::get("/r/test").keep_alive(request::host(world))).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 200);
        lines.push(line);
    }
    lines
}

#[tokio::test]
async fn a_connection_over_the_limit_gets_a_response_and_is_closed() {
    for (status, limit, per_ip) in [(503, "connections", false), (429, "connections_per_ip", true)] {
        let world = with_admin()
            .config(move |config| {
                config.listen.workers = 1;
                config.limits.connections = if per_ip { 1000 } else { 3 };
                config.limits.connections_per_ip = per_ip.then_some(3);
            })
            .start()
            .await;
        let held = lines(&world, 3).await;
        let mut line = request::connect(&world).await;
        line.send(RawRequest::get("/r/test").keep_alive(request::host(&world))).await;
        let answer = line.answer(false).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.field("connection"), Some("close"));
        assert_eq!(answer.field("retry-after"), Some("5"));
        assert_eq!(answer.json()["error"], "too_many_connections");
        assert!(line.rest().await.is_empty());
        let answer = world.browser().over_http2().get("/r/test").await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(hits(&world, limit).await, 2);
        drop((held, line));
        eventually(async || value(&world, "imsgate_connections_open").await == 0).await;
        lines(&world, 3).await;
        world.stop().await;
    }
}

#[tokio::test]
async fn connections_of_trusted_proxies_are_not_limited() {
    let world = World::builder()
        .config(|config| {
            config.limits.connections_per_ip = Some(1);
            (config.limits.requests_per_second, config.limits.request_burst) = (1, 1);
            config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        })
        .start()
        .await;
    lines(&world, 10).await;
    world.stop().await;
}

#[tokio::test]
async fn requests_over_the_rate_are_refused_and_the_connection_stays_open() {
    let world = with_admin()
        .config(|config| (config.limits.requests_per_second, config.limits.request_burst) = (10, 4))
        .start()
        .await;
    let mut line = request::connect(&world).await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        line.send(RawRequest::get("/r/test").keep_alive(request::host(&world))).await;
        let answer = line.answer(false).await.unwrap();
        if answer.status() == 429 {
            assert_eq!(answer.json()["error"], "too_many_requests");
            assert_eq!(answer.field("retry-after"), Some("5"));
        }
        statuses.push(answer.status());
    }
    assert!(statuses[..4].iter().all(|status| *status == 200), "{statuses:?}");
    assert!(statuses[4..].contains(&429), "{statuses:?}");
    assert!(hits(&world, "requests").await >= 1);
    eventually(async || {
        line.send(RawRequest::get("/r/test").keep_alive(request::host(&world))).await;
        line.answer(false).await.unwrap().status() == 200
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_and_without_a_length() {
    let world = with_admin().config(|config| config.limits.body_bytes = Some(1000)).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let post = |body: &str| RawRequest::post("/demo/echo", body).session(&alice);
    assert_eq!(post(&"x".repeat(1000)).echo(&world).await.body_len(), 1000);
    assert_eq!(post(&"x".repeat(1001)).send_to(&world).await.status(), 413);
    let chunked = |length: usize| {
        let head = RawRequest::new("POST", "/demo/echo").session(&alice).with("Transfer-Encoding: chunked");
        let chunk = format!("{length:x}\r\n{}\r\n", "x".repeat(length));
        [head.bytes(request::host(&world)), format!("{chunk}{chunk}0\r\n\r\n").into_bytes()].concat()
    };
    assert_eq!(request::send(&world, chunked(500)).await.unwrap().status(), 200);
    let answer = request::send(&world, chunked(501)).await.unwrap();
    assert_eq!((answer.status(), answer.json()["error"].as_str()), (413, Some("request_body_too_large")));
    assert_eq!(hits(&world, "body").await, 2);
    // The gateway's own pages accept no more than a form.
    let world2 = World::start().await;
    assert_eq!(RawRequest::post("/ims/logout", &"x".repeat(100_000)).send_to(&world2).await.status(), 413);
    world2.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn fields_and_bytes_of_a_head_are_counted_as_configured() {
    let limit = |config: &mut Config| (config.limits.head_bytes, config.limits.head_fields) = (8000, 150);
    let world = with_admin().config(limit).start().await;
    let many = |count: usize| {
        (0..count).fold(RawRequest::get("/ims/health/live"), |ask, n| ask.with(&format!("X-{n}: y")))
    };
    assert_eq!(many(140).send_to(&world).await.status(), 200);
    assert_eq!(many(150).send_to(&world).await.status(), 431);
    let long = |length: usize| RawRequest::get("/r/test").with(&format!("X: {}", "y".repeat(length)));
    assert_eq!(long(7500).send_to(&world).await.status(), 200);
    assert_eq!(long(8000).send_to(&world).await.status(), 431);
    assert!(hits(&world, "head").await >= 1);
    world.stop().await;
}

#[tokio::test]
async fn an_upload_that_stalls_gets_408() {
    let world =
        with_admin().config(|config| config.limits.upload_timeout = Duration::from_millis(300)).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    for path in ["/demo/upload", "/ims/logout"] {
        let mut line = request::connect(&world).await;
        let head = RawRequest::new("POST", path).session(&alice).with("Content-Length: 100");
        line.send(head.keep_alive(request::host(&world))).await;
        line.send("half").await;
        assert_eq!(line.answer(false).await.unwrap().status(), 408, "{path}");
    }
    assert_eq!(hits(&world, "upload").await, 2);
    // A slow upload that makes progress is accepted, and so is a slow response.
    let mut line = request::connect(&world).await;
    let head = RawRequest::new("POST", "/demo/slow/1000").session(&alice).with("Content-Length: 8");
    line.send(head.keep_alive(request::host(&world))).await;
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        line.send("x").await;
    }
    assert_eq!(line.answer(false).await.unwrap().status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_after_an_early_response_is_counted() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        let head = seen.request(&mut line).await?;
        line.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf").await;
        assert!(line.body(&head).await.is_err(), "it is never whole");
        None
    })
    .await;
    let url = upstream.url.parse().unwrap();
    let world = with_admin()
        .instance(|instance| instance.campaign.upstreams = vec![url])
        .config(|config| config.limits.body_bytes = Some(1000))
        .start()
        .await;
    let mut line = request::connect(&world).await;
    line.send(
        RawRequest::new("POST", "/r/x").with("Transfer-Encoding: chunked").bytes(request::host(&world)),
    )
    .await;
    assert_eq!(line.head().await.unwrap().status(), 200);
    line.send(format!("3e9\r\n{}\r\n", "x".repeat(1001))).await;
    await_hits(&world, "body", 1).await;
    world.stop().await;
}
