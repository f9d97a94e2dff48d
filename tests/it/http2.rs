//! Behaviour that differs between HTTP/2 and HTTP/1.1.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::support::admin::{await_hits, hits, with_admin};
use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{World, request};

/// RFC 9110 §9.3.2. hyper's server sends over HTTP/2 whatever body there is.
#[tokio::test]
async fn no_response_to_head_has_a_body() {
    let world = World::start().await;
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let asked = |path: &str, page: bool| {
        let accept = if page { "text/html" } else { "application/json" };
        let request = Request::head(format!("{}{path}", world.origin)).header(header::ACCEPT, accept);
        request.body(Empty::new()).unwrap()
    };
    let mut cases = vec![
        ("/demo/echo", false, 401),
        ("/demo/echo", true, 401),
        ("/view/..%2fhome", true, 400),
        ("/ims/health/live", false, 200),
        ("/ims/nowhere", true, 404),
        ("/r/test", false, 200),
    ];
    for (path, page, status) in cases.drain(..) {
        let answer = sender.send_request(asked(path, page)).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.body().is_end_stream(), "{path}: {:?}", answer.headers());
    }
    world.campaign.stop().await;
    let answer = sender.send_request(asked("/r/test", true)).await.unwrap();
    assert_eq!(answer.status(), 502);
    assert!(answer.body().is_end_stream());
    let length = answer.headers()[header::CONTENT_LENGTH].to_str().unwrap().parse::<u64>().unwrap();
    assert!(length > 100, "that of the page");
    world.stop().await;
}

/// A stream that waits for its client must not hold a connection to Campaign. Other streams go on.
#[tokio::test]
async fn a_stream_that_is_never_read_ends_alone() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            if seen.request(&mut line).await?.first.contains("/r/long") {
                line.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").await;
                while line.try_send(vec![b'x'; 10_000]).await.is_ok() {}
                return None;
            }
            line.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let url = upstream.url.parse().unwrap();
    let world = with_admin()
        .instance(move |instance| {
            instance.campaign.upstreams = vec![url];
            instance.campaign.pool.max_connections = 1;
        })
        .config(|config| {
            config.listen.workers = 1;
            config.limits.download_timeout = Duration::from_millis(800);
        })
        .start()
        .await;
    let io = TokioIo::new(world.connect_http2().await);
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(65_535)
        .initial_connection_window_size(1 << 20)
        .handshake(io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let get =
        |path: &str| Request::get(format!("{}{path}", world.origin)).body(Empty::<Bytes>::new()).unwrap();
    let mut unread = sender.send_request(get("/r/long")).await.unwrap().into_body();
    let lively = async {
        // This connection always has other activity.
        loop {
            assert_eq!(sender.send_request(get("/ims/health/live")).await.unwrap().status(), 200);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = lively => {}
        () = await_hits(&world, "download", 1) => {}
    }
    let end = async {
        while unread.frame().await.transpose()?.is_some() {}
        Ok::<_, hyper::Error>(())
    };
    assert!(tokio::time::timeout(PATIENCE, end).await.unwrap().is_err(), "reset");
    // The only connection to Campaign is free, and the client's connection still works.
    let answer = sender.send_request(get("/r/short")).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    world.stop().await;
}

/// The same without other activity: it is counted once, and the connection stays open.
#[tokio::test]
async fn a_stream_that_is_never_read_does_not_end_its_connection() {
    let upstream = Upstream::answering([
        [b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n".as_slice(), &vec![b'x'; 3_000_000]].concat(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
    ])
    .await;
    let url = upstream.url.parse().unwrap();
    let world = with_admin()
        .instance(move |instance| instance.campaign.upstreams = vec![url])
        .config(|config| {
            config.listen.workers = 1;
            config.limits.download_timeout = Duration::from_millis(800);
        })
        .start()
        .await;
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let get = |path: &str| Request::get(format!("{}{path}", world.origin)).body(Empty::new()).unwrap();
    let unread = sender.send_request(get("/r/0")).await.unwrap();
    await_hits(&world, "download", 1).await;
    let answer = sender.send_request(get("/r/1")).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    assert_eq!(hits(&world, "download").await, 1);
    drop(unread);
    world.stop().await;
}

/// RFC 9110 §7.6.3: the version is that of the message that came.
#[tokio::test]
async fn via_has_the_protocol_version_of_the_request() {
    let world = World::start().await;
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let request = Request::get(format!("{}/r/test", world.origin)).body(Empty::new()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    assert_eq!(world.last_request().header("via"), Some("2.0 imsgate"));
    let mut line = request::connect(&world).await;
    line.send(format!("GET /r/test HTTP/1.0\r\nHost: {}\r\n\r\n", request::host(&world))).await;
    assert_eq!(line.answer(false).await.unwrap().status(), 200);
    assert_eq!(world.last_request().header("via"), Some("1.0 imsgate"));
    world.stop().await;
}

/// hyper sends no `100 Continue` over HTTP/2. A client that waits only for a limited time (RFC 9110 §10.1.1) is served.
#[tokio::test]
async fn an_expectation_over_http2_delays_no_request() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut sender = request::http2(&world).await;
    let request = Request::post(format!("{}/demo/upload", world.origin))
        .header(header::COOKIE, format!("__Host-imsgate={alice}"))
        .header(header::EXPECT, "100-continue")
        .body(http_body_util::Full::new(Bytes::from_static(b"four")))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(world.last_request().header("expect"), None);
    world.stop().await;
}
