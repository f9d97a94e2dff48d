//! Requests that hyper refuses before they are parsed: a bare answer, a line in the access log, a metric.

use serde_json::Value;

use crate::support::World;
use crate::support::admin::{await_hits, value, with_admin};
use crate::support::request::{self, RawRequest};

const UNREADABLE: &str = "imsgate_requests_unreadable_total{protocol=\"http/1.1\"}";

#[tokio::test]
async fn a_head_that_cannot_be_parsed_is_refused_logged_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let named = file.clone();
    let world = with_admin().config(move |config| config.log.access_file = Some(named)).start().await;
    let host = request::host(&world);
    let long = "x".repeat(100_000);
    for (head, status) in [
        (format!("GET /r/test HTTP/1.1\r\nHost: {host}\r\nX\0: y\r\n\r\n"), 400),
        (format!("GET /r/test HTTP/1.1\r\nHost: {host}\r\nX : y\r\n\r\n"), 400),
        ("(GET) /r/test HTTP/1.1\r\n\r\n".to_owned(), 400),
        (format!("GET /{long} HTTP/1.1\r\n"), 414),
        (format!("GET /r/test HTTP/1.1\r\nX: {long}\r\n"), 431),
    ] {
        // As the first request of its connection, and after another one.
        for others in [0, 2] {
            let mut line = request::connect(&world).await;
            for _ in 0..others {
                line.send(RawRequest::get("/r/test").keep_alive(host)).await;
                assert_eq!(line.answer(false).await.unwrap().status(), 200);
            }
            line.send(&head).await;
            let answer = line.answer(false).await.unwrap();
            assert!([status, 431].contains(&answer.status()), "{}", answer.head.first);
            assert_eq!(answer.text(), "");
            assert_eq!(answer.field("connection"), Some("close"));
            assert!(line.rest().await.is_empty());
        }
    }
    await_hits(&world, "head", 4).await;
    assert_eq!(value(&world, UNREADABLE).await, 6);
    assert_eq!(value(&world, "imsgate_requests_total{status=\"4xx\"}").await, 10);
    world.stop().await;
    let lines = std::fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut refused: Vec<_> =
        lines.iter().filter(|line| line["method"] == "-" && line["path"] == "-").collect();
    assert!(refused.iter().all(|line| line["peer"] == "127.0.0.1"));
    refused.sort_by_key(|line| line["status"].as_u64());
    // A 414 is logged as 431.
    let statuses: Vec<_> = refused.iter().filter_map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [400, 400, 400, 400, 400, 400, 431, 431, 431, 431]);
}

/// The gateway closes the connection of a client that is still sending. The unread bytes must not
/// destroy the response.
#[tokio::test]
async fn the_refusal_of_an_endless_head_arrives() {
    let world = World::start().await;
    for _ in 0..10 {
        let mut line = request::connect(&world).await;
        let head = format!("GET /r/test HTTP/1.1\r\nX: {}\r\n", "y".repeat(1 << 20));
        line.send(&head).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 431);
    }
    world.stop().await;
}

/// The same for a body that is refused only because of its length.
#[tokio::test]
async fn the_refusal_of_an_upload_arrives_while_it_is_sent() {
    let world = World::builder().config(|config| config.limits.body_bytes = Some(1000)).start().await;
    for _ in 0..10 {
        assert_eq!(RawRequest::post("/r/test", &"x".repeat(8 << 20)).send_to(&world).await.status(), 413);
    }
    world.stop().await;
}
