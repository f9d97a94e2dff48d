//! Interim responses of Campaign (RFC 9110 §15.2) end at the gateway.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};

use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </nav/main.css>; rel=preload\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn interim_responses_of_campaign_are_read_and_dropped() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            line.send(format!("HTTP/1.1 102 Processing\r\n\r\n{HINTS}")).await;
            line.body(&head).await.ok()?;
            line.send(format!("HTTP/1.1 188 \r\n\r\n{}{OK}", HINTS.repeat(29))).await;
        }
    })
    .await;
    let world = upstream.world().await;
    let mut line = request::connect(&world).await;
    for _ in 0..3 {
        line.send(RawRequest::get("/r/x").keep_alive(request::host(&world))).await;
        assert_eq!(line.answer(false).await.unwrap().text(), "ok");
    }
    assert_eq!(upstream.connections(), 1, "the count begins anew with each request");
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let request = Request::get(format!("{}/r/x", world.origin)).body(Empty::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    // The gateway still sends its own 100.
    let host = request::host(&world);
    line.send(format!(
        "POST /r/x HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    ))
    .await;
    assert_eq!(line.head().await.unwrap().status(), 100);
    line.send("3\r\na=b\r\n0\r\n\r\n").await;
    assert_eq!(line.answer(false).await.unwrap().text(), "ok");
    world.stop().await;
}

#[tokio::test]
async fn more_than_32_interim_responses_to_one_request_are_an_error_of_campaign() {
    let upstream =
        Upstream::answering([format!("{}{OK}", HINTS.repeat(32)), format!("{}{OK}", HINTS.repeat(33))]).await;
    let world = upstream.world().await;
    assert_eq!(RawRequest::get("/r/0").send_to(&world).await.text(), "ok");
    assert_eq!(RawRequest::get("/r/1").send_to(&world).await.status(), 502);
    world.stop().await;
}
