//! One reading of a path: Campaign gets exactly the bytes on which the gateway decided, or no request.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use serde_json::json;

use crate::support::request::{self, RawRequest};
use crate::support::{World, http2_frames};

#[tokio::test]
async fn campaign_gets_exactly_the_path_that_was_checked() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    for (asked, sent) in [
        ("/demo/echo", "/demo/echo"),
        ("/demo/echo?", "/demo/echo?"),
        ("/demo/echo/x?a=%2F..%2F&b=//c;d&e=%zz", "/demo/echo/x?a=%2F..%2F&b=//c;d&e=%zz"),
        ("//demo/echo", "/demo/echo"),
        ("//demo//echo///x//?a=//", "/demo/echo/x/?a=//"),
        ("/demo/echo/foo/secret%23/bar", "/demo/echo/foo/secret%23/bar"),
        ("/demo/echo/a%20b", "/demo/echo/a%20b"),
        ("/demo/echo/caf%C3%A9", "/demo/echo/caf%C3%A9"),
        ("/demo/echo/caf%c3%a9", "/demo/echo/caf%c3%a9"),
        ("/demo/echo/50%25off", "/demo/echo/50%25off"),
        ("/demo/echo/x;v=1/y", "/demo/echo/x;v=1/y"),
        ("/demo/echo/%252e%252e", "/demo/echo/%252e%252e"),
        ("/demo/echo/.x", "/demo/echo/.x"),
        ("/demo/echo/~!$&'()*+,=@", "/demo/echo/~!$&'()*+,=@"),
        ("/demo/echo/{a}|\"", "/demo/echo/{a}|\""),
        ("/demo/echo/caf\u{e9}", "/demo/echo/caf\u{e9}"),
    ] {
        let answer = RawRequest::get(asked).session(&alice).send_to(&world).await;
        assert_eq!((answer.status(), answer.json()["path_and_query"].as_str()), (200, Some(sent)), "{asked}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_path_with_two_readings_is_refused() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    for path in [
        "/public/../admin/secrets",
        "/r/../view/home",
        "/r/..",
        "/r/./test",
        "/public/%2e%2e/admin",
        "/r/%2E%2e/view/home",
        "/r/.%2e/view/home",
        "/an%2Fexample",
        "/r/%2f..%2fview",
        "/r/%5C..%5Cview",
        "/r/%5c",
        "/r/\\view",
        "/r\\..\\view",
        "/r/..;/view/home",
        "/r/..;x=y/view/home",
        "/r/.;/view/home",
        "/r/..%3B/view/home",
        "/r/%2e%2e;/view/home",
        "/r/%00",
        "/r/x%00.jsp",
        "/r/%0d%0aX-Ims-User:%20eve",
        "/r/%09/evil",
        "/r/%7f",
        "/r/%",
        "/r/%4",
        "/r/%zz",
        "/r/%u002e",
        "/r/%C0%AE%C0%AE/view",
        "/r/%ff",
        "/r/x;/../view",
        "/res./x",
        "/res%20/x",
        "/r/x%2e",
        "/r/x.%20",
        "/r/x.;a/y",
        "/r/...",
        "/r/a:b",
        "/r/a%3Ab",
        "/r/x.jsp::$DATA",
        "/RES./x.JSP",
        "/r/%ef%bc%8e%ef%bc%8e/view",
        "/r/\u{ff0e}\u{ff0e}\u{ff0f}view",
        "/r/\u{2024}\u{2024}/view",
        "/r\u{2215}view",
        "/r/%e2%81%84view",
        "/r/%EF%BC%BCview",
        "/r/\u{fe68}view",
        "/r/%e0%80%af",
        "/r/%c2%85",
        "/r/\u{9b}",
        "*",
        "r/test",
        "",
    ] {
        for ask in
            [RawRequest::get(path), RawRequest::get(path).session(&alice), RawRequest::new("OPTIONS", path)]
        {
            let answer = request::send(&world, ask.bytes(request::host(&world))).await.unwrap();
            assert_eq!(answer.status(), 400, "{path}");
        }
    }
    let page = RawRequest::get("/r/../view/home").navigation().send_to(&world).await;
    assert_eq!(page.status(), 400);
    assert!(page.field("content-type").unwrap().starts_with("text/html"));
    assert_eq!(
        RawRequest::get("/r/../view/home").send_to(&world).await.json()["error"],
        json!("bad_request")
    );
    for target in ["/r/a\tb", "/r/a b", "/r/a\0b", "/r/a\u{7f}b", "/r/\u{1}"] {
        if let Some(answer) =
            request::send(&world, RawRequest::get(target).bytes(request::host(&world))).await
        {
            assert_eq!(answer.status(), 400, "{target:?}");
        }
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_raw_hash_is_refused() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    for target in
        ["/view/home#/r/test", "/view/home#/../r/test", "/demo/echo?a#b", "/r/x#/../view/home", "/#"]
    {
        for ask in [RawRequest::get(target), RawRequest::get(target).session(&alice)] {
            let answer = ask.send_to(&world).await;
            assert_eq!((answer.status(), &answer.json()["error"]), (400, &json!("bad_request")), "{target}");
        }
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

/// Over HTTP/2 the parser removes a fragment before the gateway sees it: for the check and for Campaign.
#[tokio::test]
async fn a_fragment_over_http2_is_removed_before_the_check() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let session = format!("__Host-imsgate={alice}");
    http2_frames::get(&world, "/demo/echo/a#/../../view/home", &[("cookie", &session)]).await;
    assert_eq!(world.last_request().path_and_query, "/demo/echo/a");
    world.campaign.forget_requests();
    http2_frames::get(&world, "/view/home#/r/test", &[]).await;
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn http2_paths_are_read_the_same_way() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    for (path, status, sent) in [
        ("//demo//echo/x?b=//", 200, Some("/demo/echo/x?b=//")),
        ("/demo/echo/%2e%2e/x", 400, None),
        ("/demo/echo/../x", 400, None),
        ("/demo/echo/a%2Fb", 400, None),
        ("/demo/echo/a;b", 200, Some("/demo/echo/a;b")),
    ] {
        let request = Request::get(format!("{}{path}", world.origin))
            .header("cookie", "lang=en")
            .header("cookie", format!("__Host-imsgate={alice}"));
        let answer = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        if let Some(sent) = sent {
            let echo: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(echo["path_and_query"], json!(sent));
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn no_header_of_a_client_gets_into_the_redirect_uri() {
    let world = World::start().await;
    let plain = redirect_uri(&world, RawRequest::get("/view/home")).await;
    assert_eq!(plain, format!("{}/ims/callback", world.origin));
    for field in [
        "X-Forwarded-Host: evil.example.com",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Port: 1",
        "X-Forwarded-Server: evil.example.com",
        "Forwarded: host=evil.example.com;proto=http",
        "X-Original-Host: evil.example.com",
        "X-Host: evil.example.com",
    ] {
        assert_eq!(redirect_uri(&world, RawRequest::get("/view/home").with(field)).await, plain, "{field}");
    }
    world.stop().await;
}

async fn redirect_uri(world: &World, ask: RawRequest) -> String {
    let answer = ask.navigation().send_to(world).await;
    let location: url::Url = answer.field("location").unwrap().parse().unwrap();
    let (_, value) = location.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
    value.into_owned()
}

/// Two programs would read these bytes differently.
#[tokio::test]
async fn a_target_that_is_no_utf_8_is_refused() {
    let world = World::start().await;
    for broken in [&b"\xff"[..], b"caf\xe9", b"\xc3(", b"\xc0\xaf", b"\xed\xa0\x80"] {
        let mut bytes = b"GET /r/".to_vec();
        bytes.extend(broken);
        bytes.extend(
            format!(" HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", request::host(&world)).bytes(),
        );
        let answer = world.raw(bytes).await;
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{broken:?}: {}", String::from_utf8_lossy(&answer));
    }
    assert!(world.campaign.requests().iter().all(|request| !request.path_and_query.starts_with("/r/")));
    world.stop().await;
}
