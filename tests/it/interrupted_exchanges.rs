//! A peer leaves, stalls or answers early during an exchange: no partial message passes as complete, and a connection is used
//! again only when it is idle.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use imsgate::config::Campaign;
use serde_json::json;
use tokio::sync::Notify;

use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{World, eventually, logs};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// One worker, so that the next request uses the connection of the previous one.
async fn in_front_of(upstream: &Upstream, change: impl FnOnce(&mut Campaign) + 'static) -> World {
    let url = upstream.url.parse().unwrap();
    World::builder()
        .instance(move |instance| {
            instance.campaign.upstreams = vec![url];
            change(&mut instance.campaign);
        })
        .config(|config| config.listen.workers = 1)
        .start()
        .await
}

/// Waits for an event.
async fn notified(notified: &Notify) {
    tokio::time::timeout(PATIENCE, notified.notified()).await.expect("it happens");
}

/// The first connection sends `first`, waits for its end, and then notifies `gone`. The others answer.
async fn stalling(first: &'static str, gone: Arc<Notify>) -> Upstream {
    Upstream::start(move |number, mut line: RawConnection, seen: Seen| {
        let gone = gone.clone();
        async move {
            seen.request(&mut line).await?;
            if number == 0 {
                line.send(first).await;
                line.rest().await;
                gone.notify_one();
                return None;
            }
            line.send(OK).await;
            seen.request(&mut line).await?;
            None
        }
    })
    .await
}

#[tokio::test]
async fn a_stalled_response_ends_with_its_connection() {
    for half in [
        "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhalf",
    ] {
        let gone = Arc::new(Notify::new());
        let upstream = stalling(half, gone.clone()).await;
        let world = in_front_of(&upstream, |campaign| {
            campaign.body_idle_timeout = Duration::from_millis(300);
        })
        .await;
        let mut line = request::connect(&world).await;
        line.send(RawRequest::get("/r/x").keep_alive(request::host(&world))).await;
        let head = line.head().await.unwrap();
        assert_eq!(head.status(), 200);
        assert!(line.body(&head).await.is_err(), "the client sees that it is not whole: {half:?}");
        notified(&gone).await;
        assert!(logs::say("300ms") && logs::say(&upstream.url), "the log tells why");
        assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
        assert_eq!(upstream.connections(), 2);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_stalled_response_ends_over_http2() {
    let gone = Arc::new(Notify::new());
    let upstream = stalling("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf", gone.clone()).await;
    let world = in_front_of(&upstream, |campaign| {
        campaign.body_idle_timeout = Duration::from_millis(300);
    })
    .await;
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let request = || http::Request::get(format!("{}/r/x", world.origin)).body(Empty::new()).unwrap();
    let answer = sender.send_request(request()).await.unwrap();
    assert!(answer.into_body().collect().await.is_err());
    notified(&gone).await;
    // Only the stream ends with an error.
    let answer = sender.send_request(request()).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    world.stop().await;
}

#[tokio::test]
async fn a_slow_response_does_not_time_out() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        line.send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n").await;
        // Each pause is shorter than the time-out, all together are longer.
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            line.send("x").await;
        }
        None
    })
    .await;
    let world = in_front_of(&upstream, |campaign| {
        campaign.body_idle_timeout = Duration::from_millis(1500);
        campaign.response_timeout = Duration::from_millis(1500);
    })
    .await;
    assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "x".repeat(20));
    world.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_exchange_at_campaign() {
    for before in ["HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin", ""] {
        let gone = Arc::new(Notify::new());
        let upstream = stalling(before, gone.clone()).await;
        let world = in_front_of(&upstream, |_| ()).await;
        let mut line = request::connect(&world).await;
        line.send(RawRequest::get("/r/x").keep_alive(request::host(&world))).await;
        if before.is_empty() {
            eventually(async || !upstream.seen().is_empty()).await;
        } else {
            assert_eq!(line.head().await.unwrap().status(), 200);
        }
        drop(line);
        notified(&gone).await;
        assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok");
        assert_eq!(upstream.connections(), 2, "over a connection of its own");
        world.stop().await;
    }
}

#[tokio::test]
async fn an_http2_stream_that_is_reset_ends_the_exchange_at_campaign() {
    let gone = Arc::new(Notify::new());
    let upstream = stalling("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin", gone.clone()).await;
    let world = in_front_of(&upstream, |_| ()).await;
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let request = http::Request::get(format!("{}/r/x", world.origin)).body(Empty::new()).unwrap();
    drop(sender.send_request(request).await.unwrap());
    notified(&gone).await;
    world.stop().await;
}

#[tokio::test]
async fn a_stalled_upload_gets_408() {
    let gone = Arc::new(Notify::new());
    let upstream = stalling("", gone.clone()).await;
    let url = upstream.url.parse().unwrap();
    let world = World::builder()
        .instance(|instance| instance.campaign.upstreams = vec![url])
        .config(|config| config.limits.upload_timeout = Duration::from_secs(1))
        .start()
        .await;
    let mut line = request::connect(&world).await;
    line.send(
        RawRequest::new("POST", "/r/x").with("Content-Length: 100000").keep_alive(request::host(&world)),
    )
    .await;
    line.send("half").await;
    let answer = line.answer(false).await.unwrap();
    assert_eq!((answer.status(), &answer.json()["error"]), (408, &json!("incomplete_request")));
    assert_eq!(answer.field("connection"), Some("close"), "RFC 9110 §15.5.9");
    notified(&gone).await;
    assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok", "Campaign is not to blame");
    world.stop().await;
}

#[tokio::test]
async fn a_get_is_repeated_only_once() {
    let upstream = Upstream::start(|number, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        if number == 0 {
            line.send(OK).await;
            seen.request(&mut line).await?;
        }
        None
    })
    .await;
    let world = in_front_of(&upstream, |_| ()).await;
    assert_eq!(RawRequest::get("/r/1").send_to(&world).await.text(), "ok");
    assert_eq!(RawRequest::get("/r/2").send_to(&world).await.status(), 502);
    assert_eq!(upstream.seen().iter().filter(|line| line.contains("/r/2")).count(), 2);
    world.stop().await;
}

/// Campaign was restarted: it answers on none of the idle connections.
#[tokio::test]
async fn a_repeated_get_uses_a_new_connection() {
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let upstream = Upstream::start(move |number, mut line: RawConnection, seen: Seen| {
        let both = both.clone();
        async move {
            seen.request(&mut line).await?;
            if number < 2 {
                // At the same time, so that two connections become idle.
                both.wait().await;
            }
            line.send(OK).await;
            seen.request(&mut line).await?;
            None
        }
    })
    .await;
    let world = in_front_of(&upstream, |_| ()).await;
    let first = (RawRequest::get("/r/1"), RawRequest::get("/r/1"));
    let (one, other) = tokio::join!(first.0.send_to(&world), first.1.send_to(&world));
    assert_eq!((one.status(), other.status(), upstream.connections()), (200, 200, 2));
    assert_eq!(RawRequest::get("/r/2").send_to(&world).await.text(), "ok");
    assert_eq!(upstream.connections(), 3);
    world.stop().await;
}

/// While the client's body arrives, however slowly, Campaign may pause its response.
#[tokio::test]
async fn an_early_response_may_pause_while_its_upload_moves() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        let head = seen.request(&mut line).await?;
        line.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").await;
        line.body(&head).await.ok()?;
        line.send("ok").await;
        None
    })
    .await;
    let world = in_front_of(&upstream, |campaign| {
        campaign.body_idle_timeout = Duration::from_secs(1);
    })
    .await;
    let mut line = request::connect(&world).await;
    line.send(
        RawRequest::new("POST", "/r/x").with("Transfer-Encoding: chunked").bytes(request::host(&world)),
    )
    .await;
    line.send("1\r\nx\r\n").await;
    let head = line.head().await.unwrap();
    // Each pause is shorter than the time-out, all together are longer.
    for _ in 0..20 {
        line.send("1\r\nx\r\n").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    line.send("0\r\n\r\n").await;
    assert_eq!(line.body(&head).await.unwrap(), b"ok");
    world.stop().await;
}

#[tokio::test]
async fn a_connection_with_an_early_response_is_reused_only_after_the_upload() {
    let whole = Arc::new(Notify::new());
    let told = whole.clone();
    let upstream = Upstream::start(move |number, mut line: RawConnection, seen: Seen| {
        let whole = told.clone();
        async move {
            loop {
                let head = seen.request(&mut line).await?;
                // Sends the number of the connection before it reads the body.
                line.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}")).await;
                if line.body(&head).await.ok()? == b"halfhalf" {
                    whole.notify_one();
                }
            }
        }
    })
    .await;
    let world = in_front_of(&upstream, |_| ()).await;
    let host = request::host(&world).to_owned();
    let mut line = request::connect(&world).await;
    line.send(RawRequest::new("POST", "/r/x").with("Transfer-Encoding: chunked").keep_alive(&host)).await;
    line.send("4\r\nhalf\r\n").await;
    assert_eq!(line.answer(false).await.unwrap().text(), "0");
    assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "1", "the first one is still in use");
    line.send("4\r\nhalf\r\n0\r\n\r\n").await;
    notified(&whole).await;
    line.send(RawRequest::get("/r/x").bytes(&host)).await;
    assert_eq!(line.answer(false).await.unwrap().status(), 200, "the client's connection is in step");
    world.stop().await;
}

#[tokio::test]
async fn an_open_websocket_leaves_the_connection_pool() {
    let upstream = Upstream::start(|number, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        if number == 0 {
            line.send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            )
            .await;
            while let Some(byte) = line.next().await.ok()? {
                line.send([byte]).await;
            }
        }
        line.send(OK).await;
        None
    })
    .await;
    let world = in_front_of(&upstream, |campaign| campaign.pool.max_connections = 1).await;
    let mut line = request::connect(&world).await;
    let open = RawRequest::get("/r/x").with("Connection: Upgrade").with("Upgrade: websocket");
    line.send(open.keep_alive(request::host(&world))).await;
    assert_eq!(line.head().await.unwrap().status(), 101);
    assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok", "there is room for one");
    line.send("x").await;
    assert_eq!(line.next().await.unwrap(), Some(b'x'), "and the tunnel stands");
    world.stop().await;
}

#[tokio::test]
async fn trailers_come_after_the_body() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            seen.request(&mut line).await?;
            line.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n",
            )
            .await;
            // Fields that must not be trailers, and would break an HTTP/2 stream or set a session cookie.
            line.send("Connection: close\r\nKeep-Alive: 1\r\nSet-Cookie: __sessiontoken=theirs\r\nContent-Length: 7\r\n\r\n").await;
        }
    })
    .await;
    let world = in_front_of(&upstream, |_| ()).await;
    let mut line = request::connect(&world).await;
    line.send(RawRequest::get("/r/x").with("TE: trailers").bytes(request::host(&world))).await;
    let head = line.head().await.unwrap();
    assert_eq!(head.field("trailer"), Some("X-Sum"));
    let rest = String::from_utf8(line.rest().await).unwrap();
    assert!(rest.to_ascii_lowercase().ends_with("0\r\nx-sum: 42\r\n\r\n"), "{rest:?}");

    // A client that does not ask for trailers gets none (RFC 9110 §6.5.1).
    let answer = RawRequest::get("/r/x").send_to(&world).await;
    assert_eq!(answer.text(), "ok");

    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let request = http::Request::get(format!("{}/r/x", world.origin)).body(Empty::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(answer.trailers().unwrap()["x-sum"], "42");
    assert_eq!(answer.trailers().unwrap().len(), 1);
    assert_eq!(answer.to_bytes(), "ok");
    assert_eq!(upstream.connections(), 1, "and the connection is in step");
    world.stop().await;
}
