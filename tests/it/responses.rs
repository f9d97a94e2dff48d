//! Responses of Campaign to the client: which fields are removed, and which are unchanged.

use crate::support::World;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::Upstream;

#[tokio::test]
async fn hop_by_hop_fields_of_a_response_are_removed() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\nX-Private: 1\r\n\
        Proxy-Authenticate: Basic\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nTrailer: X-End\r\n\
        X-Request-Id: theirs\r\nX-Kept: 1\r\nX-Kept: 2\r\nServer: Apache\r\nContent-Length: 2\r\n\r\nok";
    let upstream = Upstream::answering([answer]).await;
    let world = upstream.world().await;
    let answer = RawRequest::get("/r/0").send_to(&world).await;
    for name in ["keep-alive", "x-private", "proxy-authenticate", "proxy-connection", "upgrade", "trailer"] {
        assert_eq!(answer.field(name), None, "{name}");
    }
    assert_eq!(answer.head.all("connection"), ["close"], "the client's own wish");
    assert_eq!(answer.head.all("x-kept"), ["1", "2"]);
    assert_eq!(answer.field("server"), Some("Apache"));
    assert_ne!(answer.field("x-request-id"), Some("theirs"));
    assert_eq!(answer.head.all("x-request-id").len(), 1);
    assert_eq!(answer.text(), "ok");
    world.stop().await;
}

#[tokio::test]
async fn cookies_of_both_sessions_stay_inside_and_all_others_pass() {
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: __sessiontoken=___x; Path=/; HttpOnly\r\n\
        Set-Cookie: __SessionToken=___y\r\nSet-Cookie: __Host-imsgate=planted; Path=/; Secure\r\n\
        Set-Cookie: __host-imsgate-login-x=planted\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n";
    let upstream = Upstream::answering([answer]).await;
    let world = upstream.world().await;
    let answer = RawRequest::get("/r/0").send_to(&world).await;
    assert_eq!(answer.head.all("set-cookie"), ["a=1; Path=/; Secure", "b=2; Secure"]);
    world.stop().await;
}

#[tokio::test]
async fn an_encoded_part_of_a_file_passes_to_the_byte() {
    let mut bytes =
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-11/100\r\nAccept-Ranges: bytes\r\n\
        Content-Encoding: gzip\r\nETag: W/\"1\"\r\nVary: Accept-Encoding\r\nContent-Length: 7\r\n\r\n"
            .to_vec();
    let body = b"\x1f\x8b\x08\0\xff\r\n";
    bytes.extend(body);
    let upstream = Upstream::answering([bytes]).await;
    let world = upstream.world().await;
    let answer =
        RawRequest::get("/r/0").with("Range: bytes=5-11").with("Accept-Encoding: gzip").send_to(&world).await;
    assert_eq!(answer.head.first, "HTTP/1.1 206 Partial Content");
    for (name, value) in [
        ("content-range", "bytes 5-11/100"),
        ("accept-ranges", "bytes"),
        ("content-encoding", "gzip"),
        ("etag", "W/\"1\""),
        ("vary", "Accept-Encoding"),
        ("content-length", "7"),
    ] {
        assert_eq!(answer.head.all(name), [value]);
    }
    assert_eq!(answer.body.as_ref(), body);
    world.stop().await;
}

#[tokio::test]
async fn ranges_and_conditions_of_a_request_reach_campaign() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let fields = ["range: bytes=0-9", "if-none-match: \"1\"", "accept-encoding: gzip, br", "if-range: \"1\""];
    let ask = fields.iter().fold(RawRequest::get("/demo/echo").session(&alice), |ask, field| ask.with(field));
    let echo = ask.echo(&world).await;
    for (name, value) in fields.iter().map(|field| field.split_once(": ").unwrap()) {
        assert_eq!(echo.field(name), Some(value));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_response_without_a_body_ends_after_its_head() {
    let cases = [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", Some("1234")),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n", None),
        // hyper omits the length of a 304, as it may (RFC 9110 §8.6).
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 1234\r\n\r\n", None),
        ("GET", "HTTP/1.1 204 No Content\r\nETag: \"1\"\r\n\r\n", None),
        ("GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", None),
    ];
    let upstream = Upstream::answering(cases.map(|(_, answer, _)| answer)).await;
    let world = upstream.world().await;
    for (number, (method, answer, length)) in cases.into_iter().enumerate() {
        let mut line = request::connect(&world).await;
        line.send(RawRequest::new(method, &format!("/r/{number}")).keep_alive(request::host(&world))).await;
        let first = line.answer(true).await.unwrap();
        assert_eq!(first.field("content-length"), length, "{method} {answer:?}");
        // The connection is in step: the next bytes are the head of the next response.
        line.send(RawRequest::get("/ims/health/live").bytes(request::host(&world))).await;
        assert_eq!(line.answer(false).await.unwrap().text(), "ok\n", "{method} {answer:?}");
        assert!(line.rest().await.is_empty());
    }
    assert_eq!(upstream.seen().len(), cases.len());
    world.stop().await;
}

#[tokio::test]
async fn a_response_of_unknown_length_ends_with_campaigns_connection() {
    let upstream =
        Upstream::answering(["HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end"]).await;
    let world = upstream.world().await;
    let answer = RawRequest::get("/r/0").send_to(&world).await;
    assert_eq!(answer.text(), "until the end");
    world.stop().await;
}
