//! Bodies of every length and speed are streamed.

use std::convert::Infallible;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::support::bodies::{CHUNK, LENGTH, chunk, counted, endless, hex};
use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{World, eventually};

#[tokio::test]
async fn events_arrive_one_by_one() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut line = request::connect(&world).await;
    line.send(RawRequest::get("/demo/events").session(&alice).keep_alive(request::host(&world))).await;
    let head = line.head().await.unwrap();
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    for count in 0..3 {
        let event = String::from_utf8(line.chunk().await.unwrap()).unwrap();
        assert_eq!(event, format!("id: {count}\nevent: tick\ndata: {{\"count\":{count}}}\n\n"));
    }

    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let request = signed(Request::get(format!("{}/demo/events", world.origin)), &alice).body(Empty::new());
    let mut body = sender.send_request(request.unwrap()).await.unwrap().into_body();
    for count in 0..3 {
        let event = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(event.starts_with(format!("id: {count}\n").as_bytes()), "{event:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn an_upload_over_http2_ends_however_the_client_ends_it() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            let body = line.body(&head).await.ok()?;
            line.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}", body.len())).await;
        }
    })
    .await;
    let world = upstream.world().await;
    let ends: [fn() -> Vec<Frame<Bytes>>; 3] = [
        Vec::new,
        || vec![Frame::data(Bytes::new()), Frame::data(Bytes::new())],
        || {
            vec![Frame::trailers(
                [("x-ims-user".parse().unwrap(), "eve".parse().unwrap())].into_iter().collect(),
            )]
        },
    ];
    for end in ends {
        let mut sender = request::http2(&world).await;
        // The end arrives alone, after everything before it was sent.
        let later =
            stream::once(tokio::time::sleep(Duration::from_millis(100))).map(move |()| stream::iter(end()));
        let frames = stream::iter([Frame::data(Bytes::from_static(b"four"))]).chain(later.flatten());
        let body = StreamBody::new(Box::pin(frames.map(Ok::<_, Infallible>)));
        let request = Request::post(format!("{}/r/x", world.origin)).body(body).unwrap();
        let answer =
            tokio::time::timeout(PATIENCE, sender.send_request(request)).await.expect("an answer").unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "4");
    }
    world.stop().await;
}

#[tokio::test]
async fn an_event_stream_ends_with_its_session() {
    let world = World::start().await;
    let (alice, erin) = (world.signed_in("alice").await, world.signed_in("erin").await);
    let mut lines = Vec::new();
    for browser in [&alice, &erin] {
        let mut line = request::connect(&world).await;
        line.send(
            RawRequest::get("/demo/events")
                .session(&browser.session().unwrap())
                .keep_alive(request::host(&world)),
        )
        .await;
        line.head().await.unwrap();
        line.chunk().await.unwrap();
        lines.push(line);
    }
    alice.post_form("/ims/logout", &[]).await;
    let end = async { while lines[0].chunk().await.is_ok_and(|event| !event.is_empty()) {} };
    tokio::time::timeout(PATIENCE, end).await.expect("the stream ends");
    assert!(!lines[1].chunk().await.unwrap().is_empty(), "somebody else's goes on");
    world.stop().await;
}

#[tokio::test]
async fn a_long_upload_and_a_long_download_keep_every_byte_over_http1() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let host = request::host(&world).to_owned();
    let io = hyper_util::rt::TokioIo::new(world.connect().await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let upload = signed(Request::post("/demo/upload"), &alice).header("host", &host).body(counted()).unwrap();
    assert_eq!(uploaded(sender.send_request(upload).await.unwrap().into_body()).await, expected());

    let io = hyper_util::rt::TokioIo::new(world.connect().await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let download = Request::get("/res/200m").header("host", &host).body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(download).await.unwrap();
    assert_eq!(answer.headers()["content-length"], LENGTH.to_string());
    assert_eq!(digest(answer.into_body()).await, (LENGTH, filled()));
    world.stop().await;
}

#[tokio::test]
async fn a_long_upload_and_a_long_download_keep_every_byte_over_http2() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut sender = request::http2(&world).await;
    let upload =
        signed(Request::post(format!("{}/demo/upload", world.origin)), &alice).body(counted()).unwrap();
    assert_eq!(uploaded(sender.send_request(upload).await.unwrap().into_body()).await, expected());

    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let download = Request::get(format!("{}/res/200m", world.origin)).body(Empty::new()).unwrap();
    let answer = sender.send_request(download).await.unwrap();
    assert_eq!(digest(answer.into_body()).await, (LENGTH, filled()));
    world.stop().await;
}

#[tokio::test]
async fn an_early_response_does_not_wait_for_the_upload() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        line.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo long")
            .await;
        // Reads on for a while, like a careful server: a reset could destroy the response on its way.
        line.rest().await;
        None
    })
    .await;
    let world = upstream.world().await;
    let mut line = request::connect(&world).await;
    line.send(
        RawRequest::new("POST", "/r/x").with("Content-Length: 1000000000").keep_alive(request::host(&world)),
    )
    .await;
    line.send(vec![b'x'; CHUNK]).await;
    let answer = line.answer(false).await.unwrap();
    assert_eq!((answer.status(), answer.text().as_str()), (413, "too long"));

    let mut sender = request::http2(&world).await;
    let request = Request::post(format!("{}/r/x", world.origin)).body(endless()).unwrap();
    let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "too long");
    world.stop().await;
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_upload() {
    let world = World::start().await;
    let mut line = request::connect(&world).await;
    let head = RawRequest::new("POST", "/demo/upload")
        .with("Content-Length: 1000000000")
        .with("Expect: 100-continue");
    line.send(head.keep_alive(request::host(&world))).await;
    let answer = line.answer(false).await.unwrap();
    assert_eq!(answer.status(), 401, "and no 100 Continue before it");
    assert!(world.campaign.requests().is_empty());

    // The gateway's own pages do not wait for a body that they refuse, either.
    for path in ["/ims/logout", "/ims/nowhere"] {
        let mut line = request::connect(&world).await;
        let head =
            RawRequest::new("POST", path).with("Content-Length: 1000000000").with("Expect: 100-continue");
        line.send(head.keep_alive(request::host(&world))).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 413, "{path}");
        let mut line = request::connect(&world).await;
        line.send(
            RawRequest::new("POST", path)
                .with("Transfer-Encoding: chunked")
                .keep_alive(request::host(&world)),
        )
        .await;
        line.send("no chunk\r\n").await;
        assert_eq!(line.answer(false).await.unwrap().status(), 400, "{path}");
    }

    let alice = world.signed_in("alice").await.session().unwrap();
    let mut line = request::connect(&world).await;
    let head = RawRequest::new("POST", "/demo/upload")
        .session(&alice)
        .with("Content-Length: 4")
        .with("Expect: 100-continue");
    line.send(head.keep_alive(request::host(&world))).await;
    assert_eq!(line.head().await.unwrap().status(), 100);
    line.send("four").await;
    assert_eq!(line.answer(false).await.unwrap().json()["bytes"], json!(4));
    assert_eq!(world.campaign.requests().last().unwrap().header("expect"), None);
    world.stop().await;
}

#[tokio::test]
async fn an_incomplete_upload_stays_incomplete_at_campaign() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let mut line = request::connect(&world).await;
    line.send(
        RawRequest::new("POST", "/demo/upload")
            .session(&alice)
            .with("Content-Length: 100000")
            .keep_alive(request::host(&world)),
    )
    .await;
    line.send("half").await;
    eventually(async || world.campaign.requests().last().is_some_and(|request| request.body_len >= 4)).await;
    drop(line);
    // Nothing completes it, and nothing is sent again.
    assert_eq!(RawRequest::get("/view/home").session(&alice).send_to(&world).await.status(), 200);
    let uploads: Vec<_> = world
        .campaign
        .requests()
        .into_iter()
        .filter(|request| request.path_and_query == "/demo/upload")
        .collect();
    assert_eq!((uploads.len(), uploads[0].body_len), (1, 4));
    world.stop().await;
}

/// The response of the upload address for [`counted`].
fn expected() -> Value {
    let mut hash = Context::new(&SHA256);
    (0..LENGTH / CHUNK).for_each(|number| hash.update(&chunk(number)));
    json!({ "bytes": LENGTH, "sha256": hex(hash.finish().as_ref()) })
}

/// The digest of the simulator's asset.
fn filled() -> String {
    let (mut hash, filling) = (Context::new(&SHA256), vec![b'c'; CHUNK]);
    (0..LENGTH / CHUNK).for_each(|_| hash.update(&filling));
    hex(hash.finish().as_ref())
}

async fn uploaded(body: Incoming) -> Value {
    serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap()
}

async fn digest(mut body: Incoming) -> (usize, String) {
    let (mut hash, mut length) = (Context::new(&SHA256), 0);
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        hash.update(&data);
        length += data.len();
    }
    (length, hex(hash.finish().as_ref()))
}

fn signed(request: http::request::Builder, session: &str) -> http::request::Builder {
    request.header("cookie", format!("__Host-imsgate={session}"))
}
