//! The end: no request on its way is lost, and what has no end of its own gets the drain time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Empty};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::ask::{self, Ask};
use crate::support::World;

#[tokio::test]
async fn clients_that_keep_connections_see_every_answer() {
    let world = World::builder().config(|c| c.listen.drain_timeout = Duration::from_secs(10)).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let host = ask::host(&world).to_owned();
    let answered = Arc::<AtomicUsize>::default();
    let stopping = Arc::<AtomicBool>::default();
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..24 {
        let mut line = ask::line(&world).await;
        let path = if number % 3 == 0 { "/demo/slow/20" } else { "/demo/echo" };
        let request = Ask::get(path).session(&alice).kept(&host);
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
        let mut sender = ask::http2::<Empty<Bytes>>(&world).await;
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
                    // Not sent at all, or told that it was not looked at (RFC 9113 §6.8): the client may send it elsewhere.
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
    while answered.load(Ordering::Relaxed) < 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
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
    let host = ask::host(&world).to_owned();
    let mut download = ask::line(&world).await;
    download.send(Ask::get("/demo/slow/900").session(&alice).kept(&host)).await;
    let mut request = format!("ws://{host}/demo/ws").into_client_request().unwrap();
    request.headers_mut().insert("cookie", format!("__Host-imsgate={alice}").parse().unwrap());
    let (mut socket, _) = client_async(request, world.connect().await).await.unwrap();
    let idle = ask::line(&world).await;

    let (gateway, began) = (world.gateway, Instant::now());
    let stopped = tokio::spawn(async move {
        gateway.stop().await;
        Instant::now()
    });
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
    let mut line = ask::line(&world).await;
    line.send(Ask::get("/r/test").kept(ask::host(&world))).await;
    line.answer(false).await.unwrap();
    let _http2 = ask::http2::<Empty<Bytes>>(&world).await;
    let began = Instant::now();
    world.stop().await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(line.rest().await.is_empty());
}
