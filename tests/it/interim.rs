//! Interim answers of Campaign (RFC 9110 §15.2): they reach a client of HTTP/1.1 in time, whole, and in their place.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use tokio::sync::Notify;

use crate::ask::{self, Ask};
use crate::raw::Line;
use crate::upstream::{Seen, Upstream};

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </nav/main.css>; rel=preload\r\nLink: </b.js>\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn hints_come_before_campaign_has_answered() {
    let told = Arc::new(Notify::new());
    let go_on = told.clone();
    let upstream = Upstream::start(move |_, mut line: Line, seen: Seen| {
        let told = told.clone();
        async move {
            loop {
                seen.request(&mut line).await?;
                line.send("HTTP/1.1 102 Processing\r\n\r\n").await;
                line.send(HINTS).await;
                // Only once the client has them.
                told.notified().await;
                line.send(OK).await;
            }
        }
    })
    .await;
    let world = upstream.world().await;
    let mut line = ask::line(&world).await;
    for _ in 0..3 {
        line.send(Ask::get("/r/x").kept(ask::host(&world))).await;
        assert_eq!(line.head().await.unwrap().first, "HTTP/1.1 102 Processing");
        let hints = line.head().await.unwrap();
        assert_eq!(hints.first, "HTTP/1.1 103 Early Hints");
        let links = [("link", "</nav/main.css>; rel=preload"), ("link", "</b.js>")];
        assert!(hints.fields.iter().map(|(name, value)| (&**name, &**value)).eq(links), "{hints:?}");
        go_on.notify_one();
        assert_eq!(line.answer(false).await.unwrap().text(), "ok");
    }
    world.stop().await;
}

#[tokio::test]
async fn hints_that_come_with_the_answer_stand_before_it() {
    let upstream = Upstream::answering([
        format!("{HINTS}{HINTS}{OK}"),
        // Under a name of its own, and one that nobody knows.
        format!("HTTP/1.1 103 Look Here\r\n\r\nHTTP/1.1 188 \r\nA: b\r\n\r\n{OK}"),
        format!("HTTP/1.1 100 Continue\r\n\r\n{HINTS}HTTP/1.1 204 No Content\r\n\r\n"),
    ])
    .await;
    let world = upstream.world().await;
    let mut line = ask::line(&world).await;
    // At once, so that answers wait for one another.
    for number in 0..3 {
        line.send(Ask::get(&format!("/r/{number}")).kept(ask::host(&world))).await;
    }
    let mut first = async || line.head().await.unwrap().first;
    assert_eq!([first().await, first().await], ["HTTP/1.1 103 Early Hints"; 2]);
    assert_eq!(line.answer(false).await.unwrap().text(), "ok");
    let mut first = async || line.head().await.unwrap().first;
    assert_eq!([first().await, first().await], ["HTTP/1.1 103 Look Here", "HTTP/1.1 188 "]);
    assert_eq!(line.answer(false).await.unwrap().text(), "ok");
    assert_eq!(line.head().await.unwrap().status(), 103, "100 is the gateway's own affair");
    assert_eq!(line.answer(false).await.unwrap().status(), 204);
    world.stop().await;
}

#[tokio::test]
async fn a_form_that_waits_for_continue_gets_that_and_hints_each_whole() {
    let upstream = Upstream::start(|_, mut line: Line, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            line.send(HINTS).await;
            line.body(&head).await.ok()?;
            line.send(OK).await;
        }
    })
    .await;
    let world = upstream.world().await;
    let mut line = ask::line(&world).await;
    let host = ask::host(&world);
    let head = format!(
        "POST /r/x HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    );
    line.send(head).await;
    let mut before = [line.head().await.unwrap().status(), line.head().await.unwrap().status()];
    before.sort_unstable();
    assert_eq!(before, [100, 103]);
    line.send("3\r\na=b\r\n0\r\n\r\n").await;
    assert_eq!(line.answer(false).await.unwrap().text(), "ok");
    world.stop().await;
}

#[tokio::test]
async fn who_cannot_understand_hints_gets_none() {
    let upstream = Upstream::start(|_, mut line: Line, seen: Seen| async move {
        loop {
            seen.request(&mut line).await?;
            line.send(format!("{HINTS}{OK}")).await;
        }
    })
    .await;
    let world = upstream.world().await;
    let mut line = ask::line(&world).await;
    line.send(format!("GET /r/x HTTP/1.0\r\nHost: {}\r\n\r\n", ask::host(&world))).await;
    assert_eq!(line.answer(false).await.unwrap().text(), "ok");
    // hyper's server has no way for them.
    let mut sender = ask::http2::<Empty<Bytes>>(&world).await;
    let request = Request::get(format!("{}/r/x", world.origin)).body(Empty::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    world.stop().await;
}

#[tokio::test]
async fn hints_for_a_client_that_reads_nothing_go_out_whole_or_not_at_all() {
    let hints = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "x".repeat(60_000));
    let upstream = Upstream::answering([format!("{}{OK}", hints.repeat(30)), OK.to_owned()]).await;
    let world = upstream.world().await;
    let mut line = ask::line(&world).await;
    for number in 0..2 {
        line.send(Ask::get(&format!("/r/{number}")).kept(ask::host(&world))).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let mut head = line.head().await.unwrap();
    assert_eq!(head.status(), 103);
    while head.status() == 103 {
        assert_eq!(head.field("link").map(str::len), Some(60_000));
        head = line.head().await.unwrap();
    }
    assert_eq!((head.status(), &line.body(&head).await.unwrap()[..]), (200, &b"ok"[..]));
    assert_eq!(line.answer(false).await.unwrap().text(), "ok");
    world.stop().await;
}
