//! WebSockets over HTTP/2 (RFC 8441): each is one stream of the connection.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::support::admin::{value, with_admin};
use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{World, eventually, request};

type Socket = WebSocketStream<TokioIo<Upgraded>>;
type Sender = SendRequest<Empty<Bytes>>;

#[tokio::test]
async fn a_websocket_over_http2_echoes_beside_other_requests() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut sender = connect(&world).await;
    let mut first = open(&mut sender, &world, &alice).await;
    let received = world.last_request();
    assert_eq!((received.method.as_str(), received.path_and_query.as_str()), ("GET", "/demo/ws"));
    assert_eq!(received.header("x-campaign-groups"), Some("delivery,workflow"));
    assert!(!received.header("cookie").unwrap().contains(&alice));
    let mut second = open(&mut sender, &world, &alice).await;
    let key =
        |request: &imsgate::demo::campaign::Recorded| request.header("sec-websocket-key").map(str::to_owned);
    assert_ne!(key(&received), key(&world.last_request()), "each with a key of its own");

    let long: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for message in [Message::text("hello"), Message::text(""), Message::binary(long), Message::text("again")]
    {
        first.send(message.clone()).await.unwrap();
        assert_eq!(status(&mut sender, &world, "/r/test").await, 200);
        assert_eq!(next(&mut first).await, Some(message));
    }
    first.close(None).await.unwrap();
    assert!(matches!(next(&mut first).await, Some(Message::Close(_))));
    second.send(Message::text("still here")).await.unwrap();
    assert_eq!(next(&mut second).await, Some(Message::text("still here")));
    world.stop().await;
}

#[tokio::test]
async fn a_page_of_another_origin_opens_no_websocket_over_http2_either() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let mut sender = connect(&world).await;
    for origin in ["https://evil.example.com", "null", "https://localhost"] {
        let request = handshake(&world, &alice, "/demo/ws").header("origin", origin);
        assert_eq!(send(&mut sender, request).await.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    let nobody = handshake(&world, "nobody", "/demo/ws").header("origin", &world.origin);
    assert_eq!(send(&mut sender, nobody).await.status(), StatusCode::UNAUTHORIZED);
    assert!(world.campaign.requests().iter().all(|request| request.path_and_query == "/r/test"));
    let ours = handshake(&world, &alice, "/demo/ws").header("origin", &world.origin);
    assert_eq!(send(&mut sender, ours).await.status(), StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn a_websocket_over_http2_ends_with_its_session_and_leaves_the_connection() {
    let world = World::start().await;
    let (alice, erin) = (world.signed_in("alice").await, world.signed_in("erin").await);
    let mut sender = connect(&world).await;
    let mut hers = open(&mut sender, &world, &alice.session().unwrap()).await;
    let mut other = open(&mut sender, &world, &erin.session().unwrap()).await;
    alice.post_form("/ims/logout", &[]).await;
    assert!(!matches!(next(&mut hers).await, Some(message) if !message.is_close()), "it ends");
    other.send(Message::text("not mine")).await.unwrap();
    assert_eq!(next(&mut other).await, Some(Message::text("not mine")));
    assert_eq!(status(&mut sender, &world, "/r/test").await, 200);
    world.stop().await;
}

#[tokio::test]
async fn connect_opens_nothing_but_a_websocket() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut sender = connect(&world).await;
    world.campaign.forget_requests();
    for (protocol, path) in [
        (Some("connect-udp"), "/demo/ws"),
        (Some("WebSocket"), "/demo/ws"),
        (Some("h2c"), "/r/test"),
        // The gateway's own pages: a success would open a tunnel to nothing.
        (Some("websocket"), "/ims/auth"),
        (Some("websocket"), "/ims/health/live"),
        (None, ""),
    ] {
        let uri =
            if protocol.is_some() { format!("{}{path}", world.origin) } else { request::host(&world).into() };
        let mut request = Request::connect(uri).header("cookie", format!("__Host-imsgate={alice}"));
        if let Some(protocol) = protocol {
            request = request.extension(Protocol::from_static(protocol));
        }
        let status = send(&mut sender, request).await.status();
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{protocol:?} {path}");
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

/// RFC 8441 §5: any success would mean that the WebSocket is open.
#[tokio::test]
async fn only_a_valid_101_opens_a_websocket() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno".to_owned(), 502),
        ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), 502),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_owned(), 403),
        (format!("{switch}\r\n"), 502),
        (format!("{switch}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"), 502),
    ];
    let upstream = Upstream::answering(cases.iter().map(|(answer, _)| answer.clone())).await;
    let world = upstream.world().await;
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    settled(&mut sender, &world).await;
    for (number, (answer, expected)) in cases.iter().enumerate() {
        let answered = send(&mut sender, handshake(&world, "nobody", &format!("/r/{number}"))).await;
        assert_eq!(answered.status(), *expected, "{answer:?}");
        let body = answered.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(*expected == 403, body == "no", "{answer:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn bytes_that_come_with_the_switch_arrive() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        let head = seen.request(&mut line).await?;
        let accept = accept(head.field("sec-websocket-key")?);
        line.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade, X-Private\r\nX-Private: 1\r\n\
             Set-Cookie: __sessiontoken=___x\r\nSec-WebSocket-Accept: {accept}\r\n\
             Sec-WebSocket-Protocol: chat\r\n\r\n"
        ))
        .await;
        // At once, before the client can have sent anything: a complete message of two bytes.
        line.send([0x82, 2, b'h', b'i']).await;
        line.rest().await;
        None
    })
    .await;
    let world = upstream.world().await;
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    settled(&mut sender, &world).await;
    let answer = send(&mut sender, handshake(&world, "nobody", "/r/x")).await;
    assert_eq!(answer.status(), 200);
    let headers = answer.headers();
    assert_eq!(headers["sec-websocket-protocol"], "chat");
    for gone in ["x-private", "set-cookie", "sec-websocket-accept", "upgrade", "connection"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    let io = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
    assert_eq!(next(&mut socket).await, Some(Message::binary(&b"hi"[..])));
    assert_eq!(upstream.seen(), ["GET /r/x HTTP/1.1"]);
    world.stop().await;
}

#[tokio::test]
async fn an_open_websocket_keeps_its_connection_and_a_closed_one_does_not() {
    const IDLE: Duration = Duration::from_millis(400);
    let world = with_admin()
        .config(|config| {
            config.listen.workers = 1;
            config.limits.idle_timeout = IDLE;
            config.limits.download_timeout = IDLE;
        })
        .start()
        .await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut sender = connect(&world).await;
    let mut socket = open(&mut sender, &world, &alice).await;
    // Nothing must happen to an idle WebSocket.
    tokio::time::sleep(IDLE * 4).await;
    socket.send(Message::text("still here")).await.unwrap();
    assert_eq!(next(&mut socket).await, Some(Message::text("still here")));
    socket.close(None).await.unwrap();
    while next(&mut socket).await.is_some() {}
    drop(socket);
    eventually(async || value(&world, "imsgate_connections_open").await == 0).await;
    world.stop().await;
}

/// A connection whose settings of the gateway have arrived.
async fn connect(world: &World) -> Sender {
    let mut sender = request::http2(world).await;
    assert_eq!(status(&mut sender, world, "/r/test").await, 200);
    sender
}

async fn settled(sender: &mut Sender, world: &World) {
    assert_eq!(status(sender, world, "/ims/health/live").await, 200);
}

async fn status(sender: &mut Sender, world: &World, path: &str) -> u16 {
    send(sender, Request::get(format!("{}{path}", world.origin))).await.status().as_u16()
}

fn handshake(world: &World, session: &str, path: &str) -> http::request::Builder {
    Request::connect(format!("{}{path}", world.origin))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .header("cookie", format!("__Host-imsgate={session}"))
}

async fn send(sender: &mut Sender, request: http::request::Builder) -> Response<Incoming> {
    let answer = sender.send_request(request.body(Empty::new()).unwrap());
    tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap()
}

async fn open(sender: &mut Sender, world: &World, session: &str) -> Socket {
    let answer = send(sender, handshake(world, session, "/demo/ws")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let io = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    WebSocketStream::from_raw_socket(io, Role::Client, None).await
}

/// The next message; `None` at any kind of end.
async fn next(socket: &mut Socket) -> Option<Message> {
    tokio::time::timeout(PATIENCE, socket.next()).await.expect("something happens")?.ok()
}

fn accept(key: &str) -> String {
    tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes())
}
