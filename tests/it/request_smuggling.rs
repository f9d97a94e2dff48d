//! Messages that two parsers could read differently, and messages that exhaust a parser: they are refused.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::support::World;
use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

/// The target of a smuggled request: public, and recorded by the Campaign simulator.
const SMUGGLED: &str = "GET /r/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn a_message_with_two_framings_or_a_broken_head_is_refused() {
    let world = World::start().await;
    let host = request::host(&world);
    let post = |rest: &str| format!("POST /r/x HTTP/1.1\r\nHost: {host}\r\n{rest}{SMUGGLED}");
    let get = |rest: &str| format!("GET /r/x HTTP/1.1\r\nHost: {host}\r\n{rest}\r\n{SMUGGLED}");
    for message in [
        post("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        post("Content-Length: 5, 6\r\n\r\nhello"),
        post("Content-Length: 5, 5\r\n\r\nhello"),
        post("Content-Length: +5\r\n\r\nhello"),
        post("Content-Length: -5\r\n\r\nhello"),
        post("Content-Length: 0x5\r\n\r\nhello"),
        post("Content-Length: 5 5\r\n\r\nhello"),
        post("Content-Length: \r\n\r\nhello"),
        post("Content-Length: 99999999999999999999999\r\n\r\nhello"),
        post("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        post("Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
        post("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"),
        post("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        post("Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
        post("Transfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n"),
        post("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        post("Content-Length : 5\r\n\r\nhello"),
        format!(
            "POST /r/x HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
        ),
        get("X: a\r\n folded: b\r\n"),
        get("X: a\r\n\tfolded\r\n"),
        get(" X: leading space\r\n"),
        get("X : y\r\n"),
        get("X\t: y\r\n"),
        get("X Y: z\r\n"),
        get(": nameless\r\n"),
        get("no colon\r\n"),
        get("X: a\0b\r\n"),
        get("X\0: a\r\n"),
        get("X: a\rb\r\n"),
        get("X: a\u{1}b\r\n"),
        get("X: a\u{7f}b\r\n"),
        format!("GET /r/x\r\nHost: {host}\r\n\r\n{SMUGGLED}"),
        format!("GET /r/x HTTP/1.1 HTTP/1.1\r\nHost: {host}\r\n\r\n{SMUGGLED}"),
        format!("GET  /r/x HTTP/1.1\r\nHost: {host}\r\n\r\n{SMUGGLED}"),
        format!("GET /r/x HTTP/2.0\r\nHost: {host}\r\n\r\n{SMUGGLED}"),
        format!("GET /r/x HTTP/1.2\r\nHost: {host}\r\n\r\n{SMUGGLED}"),
        format!("G\0T /r/x HTTP/1.1\r\nHost: {host}\r\n\r\n{SMUGGLED}"),
        format!("(GET) /r/x HTTP/1.1\r\nHost: {host}\r\n\r\n{SMUGGLED}"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0".to_owned() + &"\0".repeat(600),
    ] {
        let mut line = request::connect(&world).await;
        line.send(&message).await;
        if let Ok(answer) = line.answer(false).await {
            assert!(matches!(answer.status(), 400 | 501 | 505), "{message:?}: {}", answer.head.first);
        }
        assert!(line.rest().await.is_empty(), "the connection ends: {message:?}");
    }
    nothing_reached(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn two_framings_are_refused_with_a_message() {
    let world = World::start().await;
    let host = request::host(&world);
    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 60",
    ] {
        let mut line = request::connect(&world).await;
        line.send(format!("POST /r/x HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n\r\n0\r\n\r\n{SMUGGLED}"))
            .await;
        let answer = line.answer(false).await.unwrap();
        assert_eq!((answer.status(), &answer.json()["error"]), (400, &"bad_request".into()));
        assert_eq!(answer.json()["request_id"], answer.field("x-request-id").unwrap());
        assert!(line.rest().await.is_empty(), "the connection ends");
    }
    nothing_reached(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_broken_chunk_ends_the_connection_and_the_upload() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let host = request::host(&world);
    for chunks in [
        "FFFFFFFFFFFFFFFFF\r\nabc",
        "10000000000000000\r\nabc",
        "-1\r\nabc\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3 \rabc\r\n0\r\n\r\n",
        "3\r\nabcX\r\n0\r\n\r\n",
        "3\r\nab",
        "g\r\nabc\r\n",
        "\r\n\r\n",
        "3;\nabc\r\n0\r\n\r\n",
    ] {
        let mut line = request::connect(&world).await;
        let head = RawRequest::new("POST", "/demo/upload").session(&alice).with("Transfer-Encoding: chunked");
        line.send(head.keep_alive(host)).await;
        line.send(chunks).await;
        line.send(SMUGGLED).await;
        if chunks == "3\r\nab" {
            continue; // a chunk that merely stops: the line is dropped here, and the upload with it
        }
        if let Ok(answer) = line.answer(false).await {
            assert!(answer.status() >= 400, "{chunks:?}: {}", answer.text());
        }
        line.rest().await;
    }
    let smuggled =
        world.campaign.requests().into_iter().filter(|request| request.path_and_query.contains("smuggled"));
    assert_eq!(smuggled.count(), 0);
    assert_eq!(RawRequest::get("/view/home").session(&alice).send_to(&world).await.status(), 200);
    world.stop().await;
}

/// RFC 9112 §2.2 allows a bare LF as the end of a line. Only attackers use it.
#[tokio::test]
async fn a_bare_line_feed_is_refused() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let (host, session) = (request::host(&world), format!("Cookie: __Host-imsgate={alice}"));
    for message in [
        format!("GET /demo/echo HTTP/1.1\nHost: {host}\n{session}\nConnection: close\n\n"),
        format!(
            "GET /demo/echo HTTP/1.1\r\nHost: {host}\r\n{session}\r\nX: y\nX-Ims-User: eve\r\nConnection: close\r\n\r\n"
        ),
        format!(
            "GET /demo/echo HTTP/1.1\r\nHost: {host}\r\n{session}\r\nX: y\nContent-Length: 4\r\nConnection: close\r\n\r\nfour"
        ),
    ] {
        let answer = request::send(&world, &message).await.unwrap();
        assert_eq!(answer.status(), 400, "{message:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn endless_heads_are_refused() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let many = (0..10_000).map(|n| format!("X-{n}: y\r\n")).collect::<Vec<_>>().concat();
    let cookies = cookies(4000);
    for fields in [
        format!("X: {}\r\n", "y".repeat(1 << 20)),
        format!("{}: y\r\n", "X".repeat(1 << 20)),
        many,
        format!("Cookie: {cookies}__Host-imsgate={alice}\r\n"),
    ] {
        let head = format!("GET /view/home HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", request::host(&world));
        let mut line = request::connect(&world).await;
        let _ = line.try_send(&head).await;
        // The response can be lost if the gateway closes while bytes are still arriving.
        if let Ok(answer) = line.answer(false).await {
            assert_eq!(answer.status(), 431, "{}…", &fields[..40]);
        }
        nothing_reached(&world).await;
    }
    let target = format!("/view/home?{}", "x".repeat(100_000));
    if let Some(answer) = request::send(&world, RawRequest::get(&target).bytes(request::host(&world))).await {
        assert!(matches!(answer.status(), 414 | 431), "{}", answer.head.first);
    }
    world.stop().await;
}

#[tokio::test]
async fn refusals_of_long_heads_arrive() {
    let world = World::start().await;
    let cookies = cookies(4000);
    for field in [format!("X: {}", "y".repeat(65_000)), format!("Cookie: {}", &cookies[..65_000])] {
        assert_eq!(RawRequest::get("/r/test").with(&field).send_to(&world).await.status(), 431);
    }
    let many = (0..120).fold(RawRequest::get("/r/test"), |ask, n| ask.with(&format!("X-{n}: y")));
    assert_eq!(many.send_to(&world).await.status(), 431);
    nothing_reached(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn two_hundred_cookies_are_fine() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let cookies = cookies(200);
    let ask = RawRequest::get("/demo/echo").with(&format!("Cookie: {cookies}__Host-imsgate={alice}"));
    let echo = ask.echo(&world).await;
    let sent = echo.field("cookie").unwrap();
    assert_eq!(sent.split("; ").count(), 201, "200 and Campaign's session");
    for odd in ["Cookie: ", "Cookie: =;;", "Cookie: ;", "Cookie: ="] {
        let answer = RawRequest::get("/view/home").with(odd).send_to(&world).await;
        assert_eq!(answer.status(), 401, "{odd:?}");
        let answer = RawRequest::get("/demo/echo").with(odd).session(&alice).send_to(&world).await;
        assert_eq!(answer.status(), 200, "{odd:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn clients_that_never_finish_a_request_delay_nobody() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let host = request::host(&world);
    let mut waiting: Vec<Box<dyn std::any::Any>> = Vec::new();
    for _ in 0..100 {
        // No byte of a handshake; half a TLS record; half a head; half a body; a request whose response is not read.
        waiting.push(Box::new(tokio::net::TcpStream::connect(world.address()).await.unwrap()));
        let mut tcp = tokio::net::TcpStream::connect(world.address()).await.unwrap();
        tcp.write_all(&[0x16, 3, 1, 2]).await.unwrap();
        waiting.push(Box::new(tcp));
    }
    for _ in 0..20 {
        let mut line = request::connect(&world).await;
        line.send("GET / HTTP/1.1\r\nHost: ").await;
        waiting.push(Box::new(line));
        let mut line = request::connect(&world).await;
        line.send(
            RawRequest::new("POST", "/demo/upload")
                .session(&alice)
                .with("Content-Length: 100")
                .keep_alive(host),
        )
        .await;
        line.send("half").await;
        waiting.push(Box::new(line));
        let mut line = request::connect(&world).await;
        line.send(RawRequest::get("/res/100m").keep_alive(host)).await;
        waiting.push(Box::new(line));
        waiting.push(Box::new(world.connect_http2().await));
    }
    for _ in 0..10 {
        let ask = RawRequest::get("/view/home").session(&alice);
        let answer = tokio::time::timeout(Duration::from_secs(10), ask.send_to(&world)).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    drop(waiting);
    world.stop().await;
}

#[tokio::test]
async fn every_request_on_a_connection_is_checked() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let host = request::host(&world);
    let mut line = request::connect(&world).await;
    let pipelined = [
        RawRequest::get("/demo/echo/1").session(&alice).keep_alive(host),
        RawRequest::get("/demo/echo/2").keep_alive(host),
        RawRequest::post("/demo/echo/3", "GET /view/home HTTP/1.1\r\n\r\n").session(&alice).keep_alive(host),
        RawRequest::get("/r/test").bytes(host),
    ];
    line.send(pipelined.concat()).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(line.answer(false).await.unwrap().status());
    }
    assert_eq!(statuses, [200, 401, 200, 200], "a session is of a request, never of a connection");
    world.stop().await;
}

#[tokio::test]
async fn reserved_headers_in_trailers_are_removed() {
    // Returns exactly the bytes that it read.
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            read.push(line.next().await.ok()??);
        }
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nTrailer: X-Ims-User\r\n\r\n", read.len());
        line.send([head.into_bytes(), read].concat()).await;
        None
    })
    .await;
    let world = upstream.world().await;
    let mut line = request::connect(&world).await;
    let head = RawRequest::new("POST", "/r/x").with("Transfer-Encoding: chunked").with("Trailer: X-Ims-User");
    line.send(head.bytes(request::host(&world))).await;
    line.send("4;ext=eve\r\nfour\r\n0\r\nX-Ims-User: eve\r\nTransfer-Encoding: eve\r\n\r\n").await;
    assert_eq!(line.answer(false).await.unwrap().text(), "4\r\nfour\r\n0\r\n\r\n");
    world.stop().await;
}

#[tokio::test]
async fn two_framings_behind_a_long_line_are_refused_where_long_lines_are_allowed() {
    let world = World::builder().config(|config| config.limits.head_bytes = 128 * 1024).start().await;
    let mut line = request::connect(&world).await;
    let host = request::host(&world);
    line.send(format!("POST /r/x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 6\r\nCookie: a=")).await;
    for _ in 0..100 {
        line.send([b'x'; 1000]).await;
    }
    line.send("\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX").await;
    assert_eq!(line.answer(false).await.unwrap().status(), 400);
    nothing_reached(&world).await;
    world.stop().await;
}

/// This many cookies, each followed by a separator.
fn cookies(count: usize) -> String {
    (0..count).map(|n| format!("c{n}=0123456789; ")).collect::<Vec<_>>().concat()
}

/// Nothing reached Campaign, and the gateway still works.
async fn nothing_reached(world: &World) {
    let reached: Vec<_> =
        world.campaign.requests().into_iter().map(|request| request.path_and_query).collect();
    assert_eq!(reached, [""; 0]);
    assert_eq!(RawRequest::get("/ims/health/live").send_to(world).await.status(), 200);
}
