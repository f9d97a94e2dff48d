//! Two host names on one address: a request for one of them never gets a response of the other.
//!
//! CVE-2026-2836 (Pingora before 0.8.0): the default cache key was the path without the host, and one tenant got the responses
//! of another. The gateway caches no responses, but it reuses connections, rendered headers and buffers. These could leak in the
//! same way.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};

use crate::support::World;
use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

const OTHER: &str = "track.example.com";

/// Answers with the host of the request. Every cache may store the response.
async fn cacheable() -> Upstream {
    Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            let body = format!("{} {}", head.all("host").join(","), head.all("x-forwarded-host").join(","));
            line.send(format!(
                "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=3600\r\nETag: \"1\"\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
        }
    })
    .await
}

/// One worker: everything that can be reused is in one place.
async fn world(upstream: &Upstream) -> World {
    let url = upstream.url.parse().unwrap();
    World::builder()
        .instance(|instance| {
            instance.campaign.upstreams = vec![url];
            instance.campaign.hosts = vec![OTHER.to_owned()];
        })
        .config(|config| config.listen.workers = 1)
        .start()
        .await
}

/// Each name after each name, and after itself.
fn in_turn(world: &World) -> [&str; 6] {
    let own = request::host(world);
    [own, OTHER, own, own, OTHER, OTHER]
}

#[tokio::test]
async fn one_connection_gets_the_response_of_each_host() {
    let upstream = cacheable().await;
    let world = world(&upstream).await;
    let mut line = request::connect(&world).await;
    for host in in_turn(&world) {
        line.send(RawRequest::get("/r/same").keep_alive(host)).await;
        assert_eq!(line.answer(false).await.unwrap().text(), format!("{host} {host}"));
    }
    // All at once: each response belongs to the request in its place.
    let asks: Vec<u8> =
        in_turn(&world).iter().flat_map(|host| RawRequest::get("/r/same").keep_alive(host)).collect();
    line.send(asks).await;
    for host in in_turn(&world) {
        assert_eq!(line.answer(false).await.unwrap().text(), format!("{host} {host}"));
    }
    assert_eq!(upstream.seen().len(), 12, "Campaign was asked every time");
    world.stop().await;
}

#[tokio::test]
async fn two_connections_get_the_response_of_each_host() {
    let upstream = cacheable().await;
    let world = world(&upstream).await;
    let (mut own, mut other) = (request::connect(&world).await, request::connect(&world).await);
    for _ in 0..3 {
        for (line, host) in [(&mut own, request::host(&world)), (&mut other, OTHER)] {
            line.send(RawRequest::get("/r/same").keep_alive(host)).await;
            assert_eq!(line.answer(false).await.unwrap().text(), format!("{host} {host}"));
        }
    }
    assert_eq!(
        (upstream.seen().len(), upstream.connections()),
        (6, 1),
        "over the same connection to Campaign"
    );
    world.stop().await;
}

#[tokio::test]
async fn streams_of_one_connection_get_the_response_of_each_host() {
    let upstream = cacheable().await;
    let world = world(&upstream).await;
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    let mut answers = Vec::new();
    for host in in_turn(&world) {
        let request = Request::get(format!("https://{host}/r/same")).body(Empty::new()).unwrap();
        answers.push((host, sender.send_request(request)));
    }
    for (host, answer) in answers {
        let body = answer.await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, format!("{host} {host}"));
    }
    assert_eq!(upstream.seen().len(), 6, "Campaign was asked every time");
    world.stop().await;
}

#[tokio::test]
async fn a_sign_in_begins_at_the_callback_servers_host_whichever_version_and_address_are_used() {
    let world =
        World::builder().instance(|instance| instance.campaign.hosts = vec![OTHER.to_owned()]).start().await;
    let mut http2 = request::http2::<Empty<Bytes>>(&world).await;
    for target in ["/view/home?a=1&b=%2F", "/ims/login?return_to=/view/home%3Fa%3D1", "/ims/login"] {
        let expected = format!("{}{target}", world.origin);
        let answer = RawRequest::get(target).navigation().for_host(&world, OTHER).await;
        assert_eq!((answer.status(), answer.field("location")), (303, Some(expected.as_str())));
        let request = Request::get(format!("https://{OTHER}{target}")).header("accept", "text/html");
        let answer = http2.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 303, "{target}");
        assert_eq!(answer.headers()["location"], expected.as_str());
        assert!(!answer.headers().contains_key("set-cookie"), "no login of the wrong host");
        answer.into_body().collect().await.unwrap();
    }
    // On its own host it goes to IMS, over both protocols.
    let answer = world.browser().over_http2().get("/view/home").await;
    assert!(answer.location().starts_with(&world.ims.url()));
    world.stop().await;
}
