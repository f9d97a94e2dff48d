//! What is refused before there is a request to decide on: an answer in words, an id, a line in the log, a number in the
//! metrics.

use std::time::Duration;

use serde_json::Value;

use crate::ask::{self, Ask};
use crate::raw::Line;
use crate::scrape::{await_hits, value, with_admin};
use crate::support::World;
use crate::upstream::{Seen, Upstream};

const UNREADABLE: &str = "imsgate_requests_unreadable_total{protocol=\"http/1.1\"}";

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let named = file.clone();
    let world = with_admin().config(move |config| config.log.access_file = Some(named)).start().await;
    let host = ask::host(&world);
    let long = "x".repeat(100_000);
    let mut ids = Vec::new();
    for (head, status, error) in [
        (format!("GET /r/test HTTP/1.1\r\nHost: {host}\r\nX\0: y\r\n\r\n"), 400, "bad_request"),
        (format!("GET /r/test HTTP/1.1\r\nHost: {host}\r\nX : y\r\n\r\n"), 400, "bad_request"),
        ("(GET) /r/test HTTP/1.1\r\n\r\n".to_owned(), 400, "bad_request"),
        (format!("GET /{long} HTTP/1.1\r\n"), 414, "request_head_too_large"),
        (format!("GET /r/test HTTP/1.1\r\nX: {long}\r\n"), 431, "request_head_too_large"),
    ] {
        // As the first of its connection, and after another.
        for others in [0, 2] {
            let mut line = ask::line(&world).await;
            for _ in 0..others {
                line.send(Ask::get("/r/test").kept(host)).await;
                assert_eq!(line.answer(false).await.unwrap().status(), 200);
            }
            line.send(&head).await;
            let answer = line.answer(false).await.unwrap();
            assert!([status, 431].contains(&answer.status()), "{}", answer.head.first);
            assert_eq!(answer.json()["error"], error, "{}", answer.text());
            let id = answer.field("x-request-id").unwrap().to_owned();
            assert_eq!(answer.json()["request_id"], id);
            assert_eq!(answer.field("connection"), Some("close"));
            assert_eq!(answer.field("content-type"), Some("application/json"));
            assert!(answer.field("date").is_some());
            ids.push((id, answer.status()));
            assert!(line.rest().await.is_empty());
        }
    }
    await_hits(&world, "head", 4).await;
    assert_eq!(value(&world, UNREADABLE).await, 6);
    assert_eq!(value(&world, "imsgate_requests_total{status=\"4xx\"}").await, 10);
    world.stop().await;
    let lines = std::fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (id, status) in ids {
        let line = lines.iter().find(|line| line["request"] == *id).unwrap();
        assert_eq!((line["status"].as_u64(), &line["method"]), (Some(status.into()), &"-".into()));
        assert_eq!(line["peer"], "127.0.0.1");
    }
}

/// A client that is still sending when it is refused has its connection closed over bytes that nobody reads; they must not
/// take the answer with them.
#[tokio::test]
async fn the_refusal_of_a_head_without_end_arrives() {
    let world = World::start().await;
    for _ in 0..10 {
        let mut line = ask::line(&world).await;
        let head = format!("GET /r/test HTTP/1.1\r\nX: {}\r\n", "y".repeat(1 << 20));
        line.send(&head).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 431);
    }
    world.stop().await;
}

/// The same for a body that is refused for its length alone.
#[tokio::test]
async fn the_refusal_of_an_upload_arrives_while_it_is_sent() {
    let world = World::builder().config(|config| config.limits.body_bytes = Some(1000)).start().await;
    for _ in 0..10 {
        assert_eq!(Ask::post("/r/test", &"x".repeat(8 << 20)).of(&world).await.status(), 413);
    }
    world.stop().await;
}

/// What looks like a refusal and is none: the end of an answer of Campaign, and what a WebSocket carries.
#[tokio::test]
async fn answers_and_tunnels_are_never_taken_for_a_refusal() {
    let upstream = Upstream::start(|_, mut line: Line, seen: Seen| async move {
        loop {
            let request = seen.request(&mut line).await?;
            let switches = request.field("upgrade").is_some();
            let plain = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 2 * FAKE.len());
            line.send(if switches { SWITCH } else { &plain }).await;
            for _ in 0..2 {
                // A piece by itself: nothing else is on its way to the client.
                tokio::time::sleep(Duration::from_millis(50)).await;
                line.send(FAKE).await;
            }
            if switches {
                return None;
            }
        }
    })
    .await;
    let world = upstream.world().await;
    let mut line = ask::line(&world).await;
    for _ in 0..2 {
        line.send(Ask::get("/r/test").kept(ask::host(&world))).await;
        assert_eq!(line.answer(false).await.unwrap().text(), FAKE.repeat(2));
    }
    let mut line = ask::line(&world).await;
    let ask = Ask::get("/r/test").with("Upgrade: websocket").with("Connection: Upgrade");
    line.send(ask.with("Sec-WebSocket-Version: 13").with(KEY).kept(ask::host(&world))).await;
    assert_eq!(line.head().await.unwrap().status(), 101);
    assert_eq!(String::from_utf8(line.rest().await).unwrap(), FAKE.repeat(2));
    world.stop().await;
}

const FAKE: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\
                    date: Sun, 22 Nov 2026 10:13:32 GMT\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
