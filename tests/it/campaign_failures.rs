//! Campaign does not answer, is slow, breaks off or closes connections: what the client gets, and which requests are repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{Builder, World};

/// One worker, so that the next request uses the connection of the previous one.
fn in_front_of(upstreams: &[&str]) -> Builder {
    let upstreams: Vec<_> = upstreams.iter().map(|url| url.parse().unwrap()).collect();
    World::builder()
        .instance(move |instance| {
            instance.campaign.upstreams = upstreams;
            instance.campaign.response_timeout = Duration::from_secs(2);
        })
        .config(|config| config.listen.workers = 1)
}

/// All at the same time, each with one request after the other.
const CLIENTS: usize = 8;
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn when_campaign_is_unreachable_people_get_a_page_programs_json_and_soap_clients_a_fault() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.stop().await;
    for path in ["/view/home", "/r/test"] {
        let page = RawRequest::get(path).session(&alice).navigation().send_to(&world).await;
        assert_eq!(page.status(), 502);
        assert!(page.field("content-type").unwrap().starts_with("text/html"));
        assert!(page.text().contains(page.field("x-request-id").unwrap()));
        let program = RawRequest::post(path, "a=b").session(&alice).send_to(&world).await;
        assert_eq!((program.status(), &program.json()["error"]), (502, &json!("campaign_unavailable")));
        assert_eq!(program.json()["request_id"].as_str(), program.field("x-request-id"));
        let soap = RawRequest::post(path, "<x/>").with("SoapAction: xtk:session#GetOption").session(&alice);
        let soap = soap.send_to(&world).await;
        assert_eq!((soap.status(), soap.field("content-type")), (502, Some("text/xml; charset=utf-8")));
        let id = soap.field("x-request-id").unwrap();
        assert!(
            soap.text().contains(&format!("imsgate: campaign_unavailable (request {id})")),
            "{}",
            soap.text()
        );
        for answer in [page, program, soap] {
            assert!(answer.field("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()));
            assert_eq!(answer.field("cache-control"), Some("no-store"));
            assert!(!answer.text().contains("127.0.0.1"), "nothing of the inside: {}", answer.text());
        }
    }
    assert_eq!(
        RawRequest::get("/ims/me").session(&alice).send_to(&world).await.status(),
        200,
        "the session is alive"
    );
    world.stop().await;
}

#[tokio::test]
async fn one_of_two_upstreams_is_enough() {
    let dead = Upstream::start(|_, _, _| async { None }).await.url.clone();
    let alive = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            line.body(&head).await.ok()?;
            line.send(OK).await;
        }
    })
    .await;
    let world = in_front_of(&[&dead, &alive.url]).start().await;
    for number in 0..6 {
        let ask = if number % 2 == 0 { RawRequest::get("/r/x") } else { RawRequest::post("/r/x", "a=b") };
        assert_eq!(ask.send_to(&world).await.text(), "ok", "{number}");
    }
    assert_eq!(alive.seen().len(), 6);
    world.stop().await;
}

#[tokio::test]
async fn a_connection_closed_while_idle_loses_no_response() {
    // Closes without having announced it.
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        let head = seen.request(&mut line).await?;
        line.body(&head).await.ok()?;
        line.send(OK).await;
        None
    })
    .await;
    let world = in_front_of(&[&upstream.url]).start().await;
    for ask in [
        RawRequest::get("/r/1"),
        RawRequest::post("/r/2", "a"),
        RawRequest::post("/r/3", "a"),
        RawRequest::get("/r/4"),
    ] {
        assert_eq!(ask.send_to(&world).await.status(), 200);
        // The gateway shows nowhere that it has noticed the end of the connection.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(upstream.seen().len(), 4);
    world.stop().await;
}

#[tokio::test]
async fn connections_to_campaign_are_reused() {
    let connections = Arc::<AtomicUsize>::default();
    let counted = connections.clone();
    let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            loop {
                seen.request(&mut line).await?;
                line.send(OK).await;
            }
        }
    })
    .await;
    let world = in_front_of(&[&upstream.url]).start().await;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let mut line = request::connect(&world).await;
        let get = RawRequest::get("/r/x").keep_alive(request::host(&world));
        clients.spawn(async move {
            for _ in 0..50 {
                line.send(&get).await;
                assert_eq!(line.answer(false).await.unwrap().text(), "ok");
            }
        });
    }
    clients.join_all().await;
    assert_eq!(upstream.seen().len(), CLIENTS * 50);
    let opened = connections.load(Ordering::Relaxed);
    assert!(opened <= CLIENTS, "{opened} connections for {CLIENTS} clients");
    world.stop().await;
}

#[tokio::test]
async fn unsafe_requests_are_never_repeated() {
    // Every connection answers one request. It reads the second one and closes without a response.
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        let head = seen.request(&mut line).await?;
        line.body(&head).await.ok()?;
        line.send(OK).await;
        let head = seen.request(&mut line).await?;
        line.body(&head).await.ok()?;
        None
    })
    .await;
    let world = in_front_of(&[&upstream.url]).start().await;
    assert_eq!(RawRequest::get("/r/1").send_to(&world).await.status(), 200);
    let safe = RawRequest::get("/r/safe").send_to(&world).await;
    assert_eq!(safe.status(), 200, "safe to repeat (RFC 9110 §9.2.2)");
    assert_eq!(upstream.seen(), ["GET /r/1 HTTP/1.1", "GET /r/safe HTTP/1.1", "GET /r/safe HTTP/1.1"]);

    let unsafe_ = RawRequest::post("/r/order", "one").send_to(&world).await;
    assert_eq!(unsafe_.status(), 502);
    let orders = upstream.seen().iter().filter(|line| line.contains("/r/order")).count();
    assert_eq!(orders, 1, "{:?}", upstream.seen());

    // A GET with a body is not repeated, because the body is gone.
    assert_eq!(RawRequest::get("/r/2").send_to(&world).await.status(), 200);
    let with_body = RawRequest::get("/r/query").with("Content-Length: 3");
    let mut line = request::connect(&world).await;
    line.send([with_body.bytes(request::host(&world)), b"one".to_vec()].concat()).await;
    assert_eq!(line.answer(false).await.unwrap().status(), 502);
    assert_eq!(upstream.seen().iter().filter(|line| line.contains("/r/query")).count(), 1);
    world.stop().await;
}

#[tokio::test]
async fn an_incomplete_response_never_looks_complete() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    for _ in 0..3 {
        let mut line = request::connect(&world).await;
        line.send(RawRequest::get("/demo/drop").session(&alice).keep_alive(request::host(&world))).await;
        let head = line.head().await.unwrap();
        assert_eq!(head.status(), 200);
        assert!(line.body(&head).await.is_err(), "the client sees that it is not whole");
        assert!(line.rest().await.is_empty(), "and the connection ends");
    }
    assert_eq!(RawRequest::get("/view/home").session(&alice).send_to(&world).await.status(), 200);

    let mut sender = request::http2::<http_body_util::Empty<bytes::Bytes>>(&world).await;
    let request = http::Request::get(format!("{}/demo/drop", world.origin))
        .header("cookie", format!("__Host-imsgate={alice}"))
        .body(http_body_util::Empty::new());
    let answer = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(http_body_util::BodyExt::collect(answer.into_body()).await.is_err());
    world.stop().await;
}

#[tokio::test]
async fn an_incomplete_chunked_response_has_no_last_chunk() {
    let upstream = Upstream::start(|number, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        if number == 0 {
            line.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
            return None;
        }
        line.send(OK).await;
        seen.request(&mut line).await;
        None
    })
    .await;
    let world = in_front_of(&[&upstream.url]).start().await;
    let mut line = request::connect(&world).await;
    line.send(RawRequest::get("/r/x").keep_alive(request::host(&world))).await;
    let head = line.head().await.unwrap();
    assert_eq!(head.field("transfer-encoding"), Some("chunked"));
    assert!(line.body(&head).await.is_err());
    assert_eq!(RawRequest::get("/r/x").send_to(&world).await.text(), "ok", "over a new connection");
    world.stop().await;
}

#[tokio::test]
async fn responses_that_are_not_http_become_a_502() {
    let nonsense = [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "",
    ];
    let upstream = Upstream::answering(nonsense).await;
    let world = upstream.world().await;
    for (number, nonsense) in nonsense.into_iter().enumerate() {
        let answer = RawRequest::post(&format!("/r/{number}"), "a").send_to(&world).await;
        assert_eq!(
            (answer.status(), &answer.json()["error"]),
            (502, &json!("campaign_unavailable")),
            "{nonsense:?}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn a_silent_campaign_becomes_a_504() {
    let world = World::builder()
        .instance(|instance| instance.campaign.response_timeout = Duration::from_millis(300))
        .start()
        .await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let program = RawRequest::post("/demo/slow/60000", "a=b").session(&alice).send_to(&world).await;
    assert_eq!((program.status(), &program.json()["error"]), (504, &json!("campaign_unavailable")));
    let page = RawRequest::get("/demo/slow/60000").session(&alice).navigation().send_to(&world).await;
    assert_eq!(page.status(), 504);
    for answer in [&program, &page] {
        assert!(answer.field("retry-after").is_some(), "{}", answer.text());
    }
    assert!(page.field("content-type").unwrap().starts_with("text/html"));
    world.stop().await;
}

#[tokio::test]
async fn a_long_upload_does_not_time_out() {
    let world = World::builder()
        .instance(|instance| instance.campaign.response_timeout = Duration::from_secs(1))
        .start()
        .await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut line = request::connect(&world).await;
    let head = RawRequest::new("POST", "/demo/upload").session(&alice).with("Transfer-Encoding: chunked");
    line.send(head.bytes(request::host(&world))).await;
    // The upload takes twice the time-out of a response.
    for _ in 0..8 {
        line.send("4\r\nslow\r\n").await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    line.send("0\r\n\r\n").await;
    let answer = line.answer(false).await.unwrap();
    assert_eq!((answer.status(), &answer.json()["bytes"]), (200, &json!(32)));
    world.stop().await;
}
