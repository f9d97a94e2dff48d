//! Idle connections: they can be used again, and they are closed after the time-out.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::World;
use crate::support::admin::{hits, value, with_admin};
use crate::support::http1::RawConnection;
use crate::support::http2_frames::{SETTINGS, frame, requests};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

/// A gateway with this idle time-out and one worker.
async fn world(idle: Duration) -> World {
    with_admin()
        .config(move |config| {
            config.listen.workers = 1;
            config.limits.idle_timeout = idle;
        })
        .start()
        .await
}

/// Longer than the gateway keeps the buffers of an idle connection: two checks, 250 ms apart.
const REST: Duration = Duration::from_millis(900);

#[tokio::test]
async fn a_connection_that_was_idle_can_be_used_again() {
    // The gateway checks for idle connections every 250 ms. Two checks without data, and it releases the buffers.
    let world = world(Duration::from_secs(2)).await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let host = request::host(&world);
    let mut line = request::connect(&world).await;
    for number in 0..3 {
        line.send(RawRequest::get(&format!("/demo/echo/{number}")).session(&alice).keep_alive(host)).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 200);
        // Shorter than the idle time-out.
        tokio::time::sleep(REST).await;
    }
    // After a body, twice.
    for _ in 0..2 {
        line.send(RawRequest::post("/demo/echo", "body").session(&alice).keep_alive(host)).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 200);
        tokio::time::sleep(REST).await;
    }
    // Half a head, a pause, the other half.
    let ask = RawRequest::get("/demo/echo").session(&alice).keep_alive(host);
    let (first, second) = ask.split_at(20);
    line.send(first).await;
    tokio::time::sleep(REST).await;
    line.send(second).await;
    assert_eq!(line.answer(false).await.unwrap().status(), 200);
    assert_eq!(value(&world, "imsgate_connections_served_total{protocol=\"http/1.1\"}").await, 3);
    world.stop().await;
}

#[tokio::test]
async fn a_body_answered_early_is_never_read_as_the_next_request() {
    let world = world(Duration::from_secs(1)).await;
    let mut line = request::connect(&world).await;
    let head =
        RawRequest::new("POST", "/view/home").with("Content-Length: 1000").keep_alive(request::host(&world));
    line.send(head).await;
    assert_eq!(line.answer(false).await.unwrap().status(), 401);
    // Nothing must be read from the connection while it is idle.
    tokio::time::sleep(Duration::from_millis(500)).await;
    line.send("GET /r/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(line.rest().await.is_empty());
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn idle_connections_of_either_protocol_end() {
    let world = world(Duration::from_millis(600)).await;
    let request = b"GET /r/test HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let half = b"GET /r/test HTTP/1.1\r\nHost: ";
    for (http2, bytes) in [
        (false, &b""[..]),
        (false, request),
        (false, half),
        (true, b""),
        (true, preface),
        (true, &preface[..9]),
    ] {
        let mut stream = if http2 { world.connect_http2().await } else { world.connect().await };
        stream.write_all(bytes).await.unwrap();
        let began = Instant::now();
        let mut said = Vec::new();
        // Until the end of TLS, or of the connection if half a message was sent.
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut said)).await;
        assert!(ended.is_ok(), "{http2} {}", bytes.escape_ascii());
        assert!(began.elapsed() >= Duration::from_millis(500), "{http2} {}", bytes.escape_ascii());
    }
    assert!(hits(&world, "idle").await >= 4, "those that never sent a request");
    world.stop().await;
}

#[tokio::test]
async fn pings_do_not_keep_a_connection_open() {
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0imsgate!";
    let world = world(Duration::from_millis(400)).await;
    let mut stream = world.connect_http2().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let (mut from, mut to) = tokio::io::split(stream);
    let pinging = async {
        while to.write_all(PING).await.is_ok() && to.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let reading = async {
        let mut said = Vec::new();
        let _ = from.read_to_end(&mut said).await;
        said
    };
    let ended = async {
        tokio::select! {
            said = reading => said,
            () = pinging => Vec::new(),
        }
    };
    tokio::time::timeout(crate::support::http1::PATIENCE, ended).await.expect("the connection ends");
    world.stop().await;
}

#[tokio::test]
async fn a_stream_without_data_is_not_idle() {
    let world = world(Duration::from_millis(400)).await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let answer = RawRequest::get("/demo/slow/1500").session(&alice).send_to(&world).await;
    assert_eq!(answer.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_disconnected_and_counted() {
    // After the longer one, the kernel would have closed the connection without a report.
    tokio::join!(never_reads(Duration::from_millis(800)), never_reads(Duration::from_secs(8)));
}

async fn never_reads(download: Duration) {
    let world = with_admin()
        .config(move |config| {
            config.listen.workers = 1;
            config.limits.download_timeout = download;
        })
        .start()
        .await;
    let mut line = request::connect(&world).await;
    line.send(RawRequest::get("/res/100m").keep_alive(request::host(&world))).await;
    let until = Instant::now() + download + Duration::from_secs(15);
    while value(&world, "imsgate_connections_open").await > 0 {
        assert!(Instant::now() < until, "still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(line);
    assert_eq!(hits(&world, "download").await, 1);
    world.stop().await;
}

/// Over HTTP/2 the gateway sends a PING (RFC 9113 §6.7) at most 40 s after the client's last frame. The client has 20 s to answer.
#[tokio::test]
async fn a_vanished_http2_client_is_detected_during_a_request() {
    let (gone, left) = tokio::sync::oneshot::channel();
    let gone = std::sync::Arc::new(std::sync::Mutex::new(Some(gone)));
    let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let gone = gone.clone();
        async move {
            seen.request(&mut line).await?;
            // The response is still outstanding: it ends when the client's connection ends.
            let ended = tokio::time::timeout(Duration::from_mins(2), line.next()).await;
            gone.lock().unwrap().take()?.send(ended.is_ok()).ok()
        }
    })
    .await;
    let url = upstream.url.parse().unwrap();
    let world = World::builder()
        .instance(move |instance| {
            instance.campaign.upstreams = vec![url];
            instance.campaign.response_timeout = Duration::from_mins(5);
        })
        .config(|config| {
            config.listen.workers = 1;
            config.limits.idle_timeout = Duration::from_secs(1);
        })
        .start()
        .await;
    let mut client = world.connect_http2().await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut bytes, SETTINGS, 0, 0, &[]);
    bytes.extend(requests(&world, 1, false));
    client.write_all(&bytes).await.unwrap();
    client.flush().await.unwrap();
    let began = Instant::now();
    assert!(left.await.unwrap(), "the client is found missing");
    assert!(began.elapsed() < Duration::from_secs(80), "{:?}", began.elapsed());
    drop(client);
    world.stop().await;
}
