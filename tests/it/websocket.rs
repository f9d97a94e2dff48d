//! WebSockets, and other protocols that must not be tunnelled.

use http::StatusCode;
use imsgate::config::SessionMode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::World;
use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::websocket::{Socket, echoed, ended, next, open};

#[tokio::test]
async fn a_websocket_echoes_messages() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut socket = open(&world, &alice, None).await.unwrap();
    let long: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for message in [Message::text("hello"), Message::text(""), Message::binary(long), Message::text("again")]
    {
        assert_eq!(echoed(&mut socket, message.clone()).await, message);
    }
    let request = world.campaign.requests().pop().unwrap();
    assert_eq!(request.path_and_query, "/demo/ws");
    assert_eq!(request.header("x-campaign-groups"), Some("delivery,workflow"));
    assert!(!request.header("cookie").unwrap().contains(&alice));

    socket.close(None).await.unwrap();
    assert!(matches!(next(&mut socket).await, Some(Ok(Message::Close(_)))));
    world.stop().await;
}

#[tokio::test]
async fn a_page_of_another_origin_opens_no_websocket() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    for origin in ["https://evil.example.com", "null", "https://localhost", "http://localhost", ""] {
        assert_eq!(refused(open(&world, &alice, Some(origin)).await), StatusCode::FORBIDDEN, "{origin:?}");
    }
    assert_eq!(refused(open(&world, "nobody", Some(&world.origin)).await), StatusCode::UNAUTHORIZED);
    assert!(world.campaign.requests().is_empty());
    let mut socket = open(&world, &alice, Some(&world.origin)).await.unwrap();
    assert_eq!(echoed(&mut socket, Message::text("ours")).await, Message::text("ours"));
    world.stop().await;
}

#[tokio::test]
async fn a_websocket_ends_with_its_session() {
    let world = World::start().await;
    let (alice, bystander) = (world.signed_in("alice").await, world.signed_in("erin").await);
    let mut socket = open(&world, &alice.session().unwrap(), None).await.unwrap();
    let mut other = open(&world, &bystander.session().unwrap(), None).await.unwrap();
    assert_eq!(echoed(&mut socket, Message::text("still here")).await, Message::text("still here"));
    alice.post_form("/ims/logout", &[]).await;
    assert!(ended(&mut socket).await, "by logout");
    assert_eq!(echoed(&mut other, Message::text("not mine")).await, Message::text("not mine"));

    world.clock.advance(std::time::Duration::from_hours(13));
    assert!(ended(&mut other).await, "by time, though nobody asked for that session any more");
    world.stop().await;
}

#[tokio::test]
async fn no_protocol_but_websocket_gets_through() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    for upgrade in [
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings",
        "Upgrade: websocket, h2c\r\nConnection: Upgrade",
        "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade",
        "Upgrade: TLS/1.0\r\nConnection: Upgrade",
        "Upgrade: websocket",
    ] {
        let echo = RawRequest::get("/demo/echo").session(&alice).with(upgrade).echo(&world).await;
        for name in ["upgrade", "http2-settings", "connection"] {
            let left = echo.field(name);
            assert_eq!(left, None, "{name} of {upgrade:?}");
        }
    }
    // Only a GET opens a WebSocket.
    let post =
        RawRequest::post("/demo/echo", "").session(&alice).with("Upgrade: websocket\r\nConnection: Upgrade");
    assert_eq!(post.echo(&world).await.field("upgrade"), None);
    world.stop().await;
}

#[tokio::test]
async fn an_unrequested_101_is_an_error() {
    const TUNNEL: &str = "secret bytes of a tunnel";
    let cases = [
        ("Upgrade: websocket\r\nConnection: Upgrade", RawRequest::get("/r/0")),
        ("Upgrade: h2c\r\nConnection: Upgrade", RawRequest::get("/r/1")),
        ("Upgrade: h2c\r\nConnection: Upgrade", handshake("/r/2")),
        ("Connection: Upgrade", handshake("/r/3")),
        ("Upgrade: websocket", handshake("/r/4")),
    ];
    let answer = |fields| format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n{TUNNEL}");
    let upstream = Upstream::answering(cases.iter().map(|(fields, _)| answer(fields))).await;
    let world = upstream.world().await;
    for (fields, ask) in cases {
        let mut line = request::connect(&world).await;
        line.send(ask.keep_alive(request::host(&world))).await;
        let first = line.answer(false).await.unwrap();
        assert_eq!(
            (first.status(), &first.json()["error"]),
            (502, &"campaign_unavailable".into()),
            "{fields:?}"
        );
        line.send(RawRequest::get("/ims/health/live").bytes(request::host(&world))).await;
        let rest = String::from_utf8_lossy(&line.rest().await).into_owned();
        assert!(rest.starts_with("HTTP/1.1 200") && !rest.contains(TUNNEL), "{rest}");
    }
    world.stop().await;
}

#[tokio::test]
async fn bytes_after_a_refused_handshake_are_a_new_request() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        line.send("HTTP/1.1 403 Forbidden\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno").await;
        while seen.request(&mut line).await.is_some() {}
        None
    })
    .await;
    let world = upstream.world().await;
    let host = request::host(&world);
    let mut line = request::connect(&world).await;
    line.send([handshake("/r/x").keep_alive(host), RawRequest::get("/view/home").bytes(host)].concat()).await;
    let first = line.answer(false).await.unwrap();
    assert_eq!((first.status(), first.field("upgrade")), (403, None));
    assert_eq!(line.answer(false).await.unwrap().status(), 401);
    assert_eq!(upstream.seen(), ["GET /r/x HTTP/1.1"]);
    world.stop().await;
}

#[tokio::test]
async fn a_websocket_handshake_with_a_body_is_refused() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let host = request::host(&world);
    let smuggled = "GET /r/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (framing, body) in [
        (format!("Content-Length: {}", smuggled.len()), smuggled.to_owned()),
        ("Transfer-Encoding: chunked".to_owned(), format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len())),
    ] {
        let mut line = request::connect(&world).await;
        line.send(handshake("/demo/ws").session(&alice).with(&framing).keep_alive(host)).await;
        line.send(body).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 400, "{framing}");
        assert!(line.rest().await.is_empty(), "and the connection ends");
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_101_is_filtered_like_any_response() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        line.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade, X-Private\r\n\
             X-Private: 1\r\nSet-Cookie: __sessiontoken=___x\r\nSet-Cookie: __Host-imsgate=planted\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\nfrom upstream",
        )
        .await;
        let mut heard = Vec::new();
        while heard.len() < 11 {
            heard.push(line.next().await.ok()??);
        }
        line.send(heard).await;
        None
    })
    .await;
    let world = upstream.world().await;
    let mut line = request::connect(&world).await;
    line.send(handshake("/r/x").keep_alive(request::host(&world))).await;
    let head = line.head().await.unwrap();
    assert_eq!(head.status(), 101);
    assert_eq!((head.field("x-private"), head.field("set-cookie")), (None, None));
    assert_eq!(head.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(head.field("sec-websocket-protocol"), Some("chat"));
    line.send("from client").await;
    assert_eq!(line.rest().await, b"from upstreamfrom client");
    world.stop().await;
}

#[tokio::test]
async fn a_websocket_works_in_every_session_mode() {
    for mode in [SessionMode::Bearer, SessionMode::Headers] {
        let world = World::builder().session_mode(mode).start().await;
        let alice = world.signed_in("alice").await.session().unwrap();
        let mut socket = open(&world, &alice, Some(&world.origin)).await.unwrap();
        assert_eq!(echoed(&mut socket, Message::text("hello")).await, Message::text("hello"));
        world.stop().await;
    }
}

fn handshake(path: &str) -> RawRequest {
    RawRequest::get(path)
        .with("Upgrade: websocket")
        .with("Connection: Upgrade")
        .with("Sec-WebSocket-Version: 13")
        .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
}

fn refused(outcome: Result<Socket, Error>) -> StatusCode {
    match outcome {
        Err(Error::Http(answer)) => answer.status(),
        other => panic!("{:?}", other.map(|_| "a WebSocket")),
    }
}
