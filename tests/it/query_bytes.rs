//! Queries with bytes that should be percent-encoded, as old mail clients send them.

use crate::support::World;
use crate::support::bodies::sha256;
use crate::support::request::{self, RawRequest};

#[tokio::test]
async fn links_of_old_mail_clients_are_served() {
    let world = World::start().await;
    let mut line = request::connect(&world).await;
    for (query, sent) in [
        (&b"id=\"1\""[..], "id=%221%22"),
        (b"a=<b>&c=%3C", "a=%3Cb%3E&c=%3C"),
        (b"name=caf\xe9", "name=caf%E9"),
        (b"name=caf\xc3\xa9", "name=caf%C3%A9"),
        (b"a='(){}|^`", "a='(){}|^`"),
    ] {
        world.campaign.forget_requests();
        line.send(request("GET", b"/r/?", query, &world)).await;
        assert_ne!(line.answer(false).await.unwrap().status(), 400, "{sent}");
        assert_eq!(world.last_request().path_and_query, format!("/r/?{sent}"));
    }
    // Byte by byte as well.
    let bytes = request("GET", b"/r/?", b"x=\"\xe9\"", &world);
    for byte in bytes {
        line.send([byte]).await;
    }
    assert_ne!(line.answer(false).await.unwrap().status(), 400);
    assert_eq!(world.last_request().path_and_query, "/r/?x=%22%E9%22");
    world.stop().await;
}

#[tokio::test]
async fn other_queries_are_not_changed() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let body = "GET /r/?\"<caf\u{e9}> HTTP/1.1\r\n\r\n";
    let echo = RawRequest::post("/demo/echo?a=b", body).session(&alice).send_to(&world).await;
    assert_eq!(echo.status(), 200);
    assert_eq!(echo.json()["body_sha256"], sha256(body.as_bytes()));
    for (method, path, query) in [
        ("GET", &b"/r/\xe9?"[..], &b"a"[..]),
        ("POST", b"/r/?", b"a=\""),
        ("GET", b"/r/?", b"a=\"#b"),
        ("GET", b"/r/../view?", b"a=\""),
    ] {
        let answer = request::send(&world, request(method, path, query, &world)).await.unwrap();
        assert_eq!(answer.status(), 400, "{method} {path:?} {query:?}");
    }
    world.stop().await;
}

fn request(method: &str, path: &[u8], query: &[u8], world: &World) -> Vec<u8> {
    let rest = format!(" HTTP/1.1\r\nHost: {}\r\n\r\n", request::host(world));
    [method.as_bytes(), b" ", path, query, rest.as_bytes()].concat()
}
