//! Uploads over HTTP/2 that Campaign does not read: other requests of the connection go on.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use tokio::task::JoinSet;

use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{World, request};

type Body = BoxBody<Bytes, Infallible>;

/// Does not read the body of requests for `/r/stalled`. Answers all other requests.
async fn campaign() -> Upstream {
    Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            if head.first.contains("/r/stalled") {
                return std::future::pending().await;
            }
            let body = line.body(&head).await.ok()?.len().to_string();
            line.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
        }
    })
    .await
}

/// An endless body that counts how much of it was read.
fn endless(taken: &Arc<AtomicUsize>) -> Body {
    let taken = taken.clone();
    let pieces = futures_util::stream::repeat_with(move || {
        taken.fetch_add(PIECE, Ordering::Relaxed);
        Ok(Frame::data(Bytes::from_static(&[b'x'; PIECE])))
    });
    StreamBody::new(pieces).boxed()
}

fn post(world: &World, path: &str, body: Body) -> Request<Body> {
    Request::post(format!("{}{path}", world.origin)).body(body).unwrap()
}

/// Waits until no upload makes progress.
async fn until_stalled(taken: &AtomicUsize) {
    let (mut before, mut rounds) = (usize::MAX, 0);
    while rounds < 5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = taken.load(Ordering::Relaxed);
        rounds = if std::mem::replace(&mut before, now) == now { rounds + 1 } else { 0 };
    }
}

async fn other_request(world: &World, sender: &mut SendRequest<Body>, path: &str) -> Response<Incoming> {
    let body = Full::new(Bytes::from(vec![b'x'; OTHER_LENGTH])).boxed();
    let answer = sender.send_request(post(world, path, body));
    tokio::time::timeout(PATIENCE, answer).await.expect("its body gets through").unwrap()
}

#[tokio::test]
async fn uploads_that_campaign_does_not_read_block_no_other_request() {
    let upstream = campaign().await;
    let world = upstream.world().await;
    let mut sender = request::http2::<Body>(&world).await;
    let (taken, mut stalled) = (Arc::<AtomicUsize>::default(), JoinSet::new());
    for _ in 0..3 {
        stalled.spawn(sender.send_request(post(&world, "/r/stalled", endless(&taken))));
    }
    until_stalled(&taken).await;
    for _ in 0..3 {
        let answer = other_request(&world, &mut sender, "/r/fine").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), OTHER_LENGTH.to_string());
    }
    stalled.shutdown().await;
    drop(sender);
    world.stop().await;
}

/// All but one of the streams that a connection may have. Their buffers are limited.
#[tokio::test]
async fn however_many_uploads_wait_one_more_request_gets_through() {
    let upstream = campaign().await;
    let url = upstream.url.parse().unwrap();
    let world = World::builder()
        .instance(move |instance| {
            instance.campaign.upstreams = vec![url];
            instance.campaign.pool.max_connections = 1;
            instance.campaign.pool.queue_timeout = Duration::from_mins(5);
        })
        .config(|config| {
            config.listen.workers = 1;
            config.limits.http2_streams = STREAMS;
        })
        .start()
        .await;
    let mut sender = request::http2::<Body>(&world).await;
    let (taken, mut waiting) = (Arc::<AtomicUsize>::default(), JoinSet::new());
    for _ in 1..STREAMS {
        waiting.spawn(sender.send_request(post(&world, "/r/stalled", endless(&taken))));
    }
    until_stalled(&taken).await;
    // All but the one whose body Campaign's socket takes in part.
    assert!(taken.load(Ordering::Relaxed) < MOST, "{} bytes", taken.load(Ordering::Relaxed));
    let answer = other_request(&world, &mut sender, "/ims/backchannel-logout").await;
    assert_eq!(answer.status(), 400, "its body was read, and is no logout token");
    waiting.shutdown().await;
    drop(sender);
    world.stop().await;
}

const PIECE: usize = 16 * 1024;
const OTHER_LENGTH: usize = 50_000;
const STREAMS: u32 = 100;
/// A window of 64 kB for each of them and one more, and more than what the sockets of one connection to Campaign take.
const MOST: usize = 101 * 64 * 1024 + 32 * 1024 * 1024;
