//! Draining after SIGTERM: no request in flight is lost, and endless exchanges get the drain time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Empty};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::http1::PATIENCE;
use crate::support::http2_frames::{SETTINGS, frame, requests};
use crate::support::request::{self, RawRequest};
use crate::support::{World, eventually};

#[tokio::test]
async fn clients_that_keep_connections_see_every_answer() {
    let world = World::builder().config(|c| c.listen.drain_timeout = Duration::from_secs(10)).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let host = request::host(&world).to_owned();
    let answered = Arc::<AtomicUsize>::default();
    let stopping = Arc::<AtomicBool>::default();
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..24 {
        let mut line = request::connect(&world).await;
        let path = if number % 3 == 0 { "/demo/slow/20" } else { "/demo/echo" };
        let request = RawRequest::get(path).session(&alice).keep_alive(&host);
        let (answered, stopping) = (answered.clone(), stopping.clone());
        clients.spawn(async move {
            loop {
                line.send(&request).await;
                let answer = line.answer(false).await.expect("an answer to every request");
                assert_eq!(answer.status(), 200);
                answered.fetch_add(1, Ordering::Relaxed);
                if answer.field("connection") == Some("close") {
                    assert!(stopping.load(Ordering::Relaxed));
                    return;
                }
            }
        });
    }
    for _ in 0..8 {
        let mut sender = request::http2::<Empty<Bytes>>(&world).await;
        let (answered, host, alice) = (answered.clone(), host.clone(), alice.clone());
        clients.spawn(async move {
            while sender.ready().await.is_ok() {
                let request = http::Request::get(format!("https://{host}/demo/echo"))
                    .header("cookie", format!("__Host-imsgate={alice}"))
                    .body(Empty::new())
                    .unwrap();
                match sender.send_request(request).await {
                    Ok(response) => {
                        assert_eq!(response.status(), 200);
                        response.into_body().collect().await.expect("a whole answer");
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    // Not sent at all, or refused before processing (RFC 9113 §6.8): the client may send it elsewhere.
                    Err(error) => {
                        let reset = std::error::Error::source(&error).map(ToString::to_string);
                        let unsent = error.is_canceled() || error.is_closed();
                        let refused = reset.is_some_and(|reset| {
                            reset.contains("refused") || reset.contains("not a result of an error")
                        });
                        assert!(unsent || refused, "{error:?}");
                        return;
                    }
                }
            }
        });
    }
    eventually(async || answered.load(Ordering::Relaxed) >= 200).await;
    stopping.store(true, Ordering::Relaxed);
    world.stop().await;
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}

#[tokio::test]
async fn a_download_is_finished_and_a_websocket_lives_until_the_drain_time_is_over() {
    let world = World::builder().config(|c| c.listen.drain_timeout = Duration::from_secs(2)).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let host = request::host(&world).to_owned();
    let mut download = request::connect(&world).await;
    download.send(RawRequest::get("/demo/slow/900").session(&alice).keep_alive(&host)).await;
    let mut request = format!("ws://{host}/demo/ws").into_client_request().unwrap();
    request.headers_mut().insert("cookie", format!("__Host-imsgate={alice}").parse().unwrap());
    let (mut socket, _) = client_async(request, world.connect().await).await.unwrap();
    let idle = request::connect(&world).await;

    let (gateway, began) = (world.gateway, Instant::now());
    let stopped = tokio::spawn(async move {
        gateway.stop().await;
        Instant::now()
    });
    // Nothing must happen to the WebSocket while the gateway drains.
    tokio::time::sleep(Duration::from_millis(500)).await;
    socket.send(Message::text("still there?")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("still there?"));
    let answer = download.answer(false).await.unwrap();
    assert_eq!((answer.status(), answer.field("connection")), (200, Some("close")));
    assert!(!matches!(socket.next().await, Some(Ok(message)) if !message.is_close()));
    let took = stopped.await.unwrap() - began;
    assert!(took >= Duration::from_millis(1900) && took < Duration::from_secs(5), "{took:?}");
    drop(idle);
    world.campaign.stop().await;
    world.ims.stop().await;
}

#[tokio::test]
async fn a_gateway_without_work_stops_at_once() {
    let world = World::builder().config(|c| c.listen.drain_timeout = Duration::from_secs(30)).start().await;
    let mut line = request::connect(&world).await;
    line.send(RawRequest::get("/r/test").keep_alive(request::host(&world))).await;
    line.answer(false).await.unwrap();
    let _http2 = request::http2::<Empty<Bytes>>(&world).await;
    let began = Instant::now();
    world.stop().await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(line.rest().await.is_empty());
}

/// A client with nothing in flight does not delay the stop: the drain time is for requests.
#[tokio::test]
async fn idle_clients_do_not_delay_the_stop() {
    const HALF_A_HELLO: &[u8] = &[0x16, 3, 1, 2];
    let world = World::builder().config(|c| c.listen.drain_timeout = Duration::from_mins(2)).start().await;
    let host = request::host(&world).to_owned();
    // HTTP/2: one request is answered; then the client answers nothing.
    let mut http2 = world.connect_http2().await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut bytes, SETTINGS, 0, 0, &[]);
    bytes.extend(requests(&world, 1, false));
    http2.write_all(&bytes).await.unwrap();
    http2.flush().await.unwrap();
    world.eventually(|| world.campaign.requests().iter().any(|r| r.path_and_query == "/r/test")).await;
    // No TLS at all, and half of a handshake.
    let no_tls = TcpStream::connect(world.address()).await.unwrap();
    let mut half_tls = TcpStream::connect(world.address()).await.unwrap();
    half_tls.write_all(HALF_A_HELLO).await.unwrap();
    // HTTP/1.1: half a head, an idle connection, and an upload that continues after its refusal.
    let mut half = request::connect(&world).await;
    half.send(format!("GET /r/test HTTP/1.1\r\nHost: {host}\r\n")).await;
    let mut kept = request::connect(&world).await;
    kept.send(RawRequest::get("/r/test").keep_alive(&host)).await;
    assert_eq!(kept.answer(false).await.unwrap().status(), 200);
    let mut refused = request::connect(&world).await;
    refused
        .send(RawRequest::new("POST", "/view/home").with("Content-Length: 100000000").keep_alive(&host))
        .await;
    assert_eq!(refused.answer(false).await.unwrap().status(), 401);
    let sending = tokio::spawn(async move {
        while refused.try_send([b'x'; 1000]).await.is_ok() {
            // A client that goes on sending, but slowly.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let began = Instant::now();
    world.stop().await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    tokio::time::timeout(PATIENCE, sending).await.expect("its connection is closed").unwrap();
    drop((http2, no_tls, half_tls, half));
}

/// A request in flight gets the full drain time, independent of other clients.
#[tokio::test]
async fn a_request_in_flight_outlasts_idle_clients() {
    let world = World::builder().config(|c| c.listen.drain_timeout = Duration::from_mins(2)).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut line = request::connect(&world).await;
    line.send(RawRequest::get("/demo/slow/6000").session(&alice).keep_alive(request::host(&world))).await;
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let request = http::Request::get(format!("{}/demo/slow/6000", world.origin))
        .header("cookie", format!("__Host-imsgate={alice}"))
        .body(Empty::new())
        .unwrap();
    let second = tokio::spawn(sender.send_request(request));
    let slow = || world.campaign.requests().iter().filter(|r| r.path_and_query.contains("slow")).count();
    world.eventually(|| slow() == 2).await;
    let no_tls = TcpStream::connect(world.address()).await.unwrap();
    let stopped = tokio::spawn(world.stop());
    assert_eq!(line.answer(false).await.unwrap().status(), 200);
    assert_eq!(second.await.unwrap().unwrap().status(), 200);
    stopped.await.unwrap();
    drop(no_tls);
}
