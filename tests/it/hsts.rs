//! `Strict-Transport-Security` is in every response once.

use std::time::Duration;

use imsgate::config::Upstream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::World;
use crate::support::http1::Answer;
use crate::support::request::RawRequest;

fn hsts(answer: &Answer) -> Vec<&str> {
    answer.head.all("strict-transport-security")
}

#[tokio::test]
async fn every_response_has_strict_transport_security_once() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    for (ask, status) in [
        (RawRequest::get("/ims/health/live"), 200),
        (RawRequest::get("/ims/signed-out"), 200),
        (RawRequest::get("/ims/nothing-here"), 404),
        (RawRequest::get("/view/home").navigation(), 303),
        (RawRequest::get("/view/home"), 401),
        (RawRequest::get("/view/%2e%2e/x"), 400),
        (RawRequest::get("/view/home").session(&alice), 200),
        (RawRequest::post("/nl/jsp/soaprouter.jsp", "<x/>").with("SoapAction: xtk:session#Logoff"), 403),
    ] {
        let answer = ask.send_to(&world).await;
        assert_eq!((answer.status(), hsts(&answer)), (status, vec!["max-age=31536000"]));
    }
    let misdirected = RawRequest::get("/").for_host(&world, "other.example").await;
    assert_eq!((misdirected.status(), hsts(&misdirected)), (421, vec!["max-age=31536000"]));
    world.campaign.stop().await;
    let away = RawRequest::get("/view/home").session(&alice).send_to(&world).await;
    assert_eq!((away.status(), hsts(&away)), (502, vec!["max-age=31536000"]));
    world.gateway.stop().await;
    world.ims.stop().await;
}

#[tokio::test]
async fn campaigns_own_header_passes_only_if_listen_hsts_is_off() {
    for (ours, expected) in [(Some(Duration::from_mins(1)), "max-age=60"), (None, "max-age=7")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream: Upstream = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            let head = "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=7\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            let _ = stream.read(&mut [0; 1]).await;
        });
        let world = World::builder()
            .instance(|instance| instance.campaign.upstreams = vec![upstream])
            .config(move |config| config.listen.hsts = ours)
            .start()
            .await;
        let answer = RawRequest::get("/res/logo.png").send_to(&world).await;
        assert_eq!((answer.status(), hsts(&answer)), (200, vec![expected]));
        world.stop().await;
        answering.abort();
    }
}
