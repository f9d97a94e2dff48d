//! Messages without a body: a response has no framing for a body that it lacks, and a request gets none that it lacked.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, header};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, Empty, StreamBody};
use tokio::sync::mpsc;

use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

/// Responses that leave the connection open. The next response shows whether the client found the end of this one.
const BODILESS: [(&str, u16, &str); 6] = [
    ("GET", 204, "Content-Length: 4\r\n"),
    ("GET", 204, "Transfer-Encoding: chunked\r\n"),
    ("HEAD", 204, "Content-Length: 4\r\n"),
    ("GET", 304, "Content-Length: 4\r\nETag: \"a\"\r\n"),
    ("GET", 304, "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\nETag: \"a\"\r\n"),
    ("HEAD", 304, "Content-Length: 4\r\nETag: \"a\"\r\n"),
];

async fn responses_without_body() -> Upstream {
    Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            let number: usize = head.first.split(['/', ' ']).nth(3)?.parse().ok()?;
            let (_, status, fields) = BODILESS[number];
            line.send(format!("HTTP/1.1 {status} None\r\n{fields}\r\n")).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_response_without_a_body_has_no_framing_over_http1() {
    let upstream = responses_without_body().await;
    let world = upstream.world().await;
    let mut line = request::connect(&world).await;
    for (number, (method, status, fields)) in BODILESS.into_iter().enumerate() {
        line.send(RawRequest::new(method, &format!("/r/{number}")).keep_alive(request::host(&world))).await;
        let answer = line.answer(true).await.unwrap();
        assert_eq!(answer.status(), status);
        for framing in ["content-length", "transfer-encoding", "trailer"] {
            assert_eq!(answer.field(framing), None, "{method} {status} {fields:?}");
        }
        assert_eq!(answer.field("etag").is_some(), status == 304, "the rest of the fields goes on");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_response_without_a_body_has_no_framing_over_http2() {
    let upstream = responses_without_body().await;
    let world = upstream.world().await;
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    for (number, (method, status, fields)) in BODILESS.into_iter().enumerate() {
        let request = Request::builder().method(method).uri(format!("{}/r/{number}", world.origin));
        let answer = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status);
        assert!(answer.body().is_end_stream(), "{method} {status} {fields:?}");
        for framing in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::TRAILER] {
            assert!(!answer.headers().contains_key(&framing), "{method} {status}: {:?}", answer.headers());
        }
        assert_eq!(answer.headers().contains_key(header::ETAG), status == 304);
    }
    world.stop().await;
}

/// RFC 9110 §9.3.2: what GET would have said.
#[tokio::test]
async fn the_content_length_of_a_response_to_head_stays() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            seen.request(&mut line).await?;
            line.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").await;
        }
    })
    .await;
    let world = upstream.world().await;
    assert_eq!(RawRequest::new("HEAD", "/r/x").send_to(&world).await.field("content-length"), Some("4"));
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let request = Request::head(format!("{}/r/x", world.origin)).body(Empty::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_LENGTH], "4");
    assert!(answer.body().is_end_stream());
    world.stop().await;
}

/// Reports the framing fields of each request, then answers.
async fn framings() -> (Upstream, mpsc::UnboundedReceiver<String>) {
    let (told, news) = mpsc::unbounded_channel();
    let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let told = told.clone();
        async move {
            loop {
                let head = seen.request(&mut line).await?;
                let framing = head
                    .fields
                    .iter()
                    .filter(|(name, _)| matches!(name.as_str(), "content-length" | "transfer-encoding"));
                let framing: Vec<_> = framing.map(|(name, value)| format!("{name}: {value}")).collect();
                told.send(framing.join(", ")).ok()?;
                let body = line.body(&head).await.ok()?;
                let to_head = head.first.starts_with("HEAD ");
                let length = body.len().to_string().len();
                line.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await;
                if !to_head {
                    line.send(body.len().to_string()).await;
                }
            }
        }
    })
    .await;
    (upstream, news)
}

type Frames = std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;

/// Over HTTP/2 the end of a request may follow its head, in an empty DATA frame.
#[tokio::test]
async fn a_request_whose_end_follows_its_head_has_no_body() {
    let (upstream, mut news) = framings().await;
    let world = upstream.world().await;
    let mut sender = request::http2::<StreamBody<Frames>>(&world).await;
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PROPFIND"] {
        for late in [false, true] {
            let frames: Frames = if late {
                // Nothing shows that the head has arrived, so the end comes after a pause.
                let pause = async { tokio::time::sleep(Duration::from_millis(100)).await };
                Box::pin(futures_util::stream::once(pause).filter_map(|()| async { None }))
            } else {
                Box::pin(futures_util::stream::empty())
            };
            let request = Request::builder().method(method).uri(format!("{}/r/x", world.origin));
            let request = request.body(StreamBody::new(frames)).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.status(), 200, "{method}");
            assert_eq!(news.recv().await.unwrap(), "", "{method} {late}");
        }
    }
    // Where a body is expected, its absence must be stated (RFC 9110 §8.6).
    for method in ["POST", "PUT", "PATCH"] {
        let frames: Frames = Box::pin(futures_util::stream::empty());
        let request = Request::builder().method(method).uri(format!("{}/r/x", world.origin));
        let answer = sender.send_request(request.body(StreamBody::new(frames)).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200, "{method}");
        assert_eq!(news.recv().await.unwrap(), "content-length: 0", "{method}");
    }
    world.stop().await;
}

/// Bytes that arrive are a body, also after empty pieces. The gateway does not wait endlessly for a body that does not arrive.
#[tokio::test]
async fn a_body_that_follows_the_head_is_forwarded_complete() {
    let (upstream, mut news) = framings().await;
    let world = upstream.world().await;
    let mut sender = request::http2::<StreamBody<Frames>>(&world).await;
    for method in ["GET", "DELETE", "POST"] {
        let pieces =
            ["", "", "four", "", "teen"].map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
        let frames: Frames = Box::pin(futures_util::stream::iter(pieces));
        let request = Request::builder().method(method).uri(format!("{}/r/x", world.origin));
        let answer = sender.send_request(request.body(StreamBody::new(frames)).unwrap()).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "8", "{method}");
        news.recv().await.unwrap();
    }
    let frames: Frames = Box::pin(futures_util::stream::pending());
    let request = Request::get(format!("{}/r/x", world.origin)).body(StreamBody::new(frames)).unwrap();
    let asking = tokio::spawn(sender.send_request(request));
    tokio::time::timeout(PATIENCE, news.recv()).await.expect("Campaign hears of the request").unwrap();
    asking.abort();
    world.stop().await;
}
