//! A pool of one connection to Campaign: retries and stalled exchanges do not block it for others.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use imsgate::config::Upstream as Address;
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::Builder;
use crate::support::admin::{value, with_admin};
use crate::support::bodies::endless;
use crate::support::http1::{Answer, Head, PATIENCE, RawConnection};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const EXPIRED: &str = "XSV-350008 Session has expired or is invalid. Please reconnect.";

/// A gateway with one worker and one connection to Campaign. Requests wait for the connection without a limit.
fn one_connection(upstream: Option<Address>) -> Builder {
    with_admin()
        .instance(|instance| {
            if let Some(upstream) = upstream {
                instance.campaign.upstreams = vec![upstream];
            }
            instance.campaign.pool.max_connections = 1;
            instance.campaign.pool.queue_timeout = Duration::from_mins(1);
        })
        .config(|config| config.listen.workers = 1)
}

#[tokio::test]
async fn pages_that_campaign_refuses_once_are_requested_again_over_the_only_connection() {
    let world = one_connection(None).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    for at_once in [1, 8] {
        world.campaign.expire_all_sessions();
        let page = RawRequest::get("/view/home").session(&alice);
        let pages = futures_util::future::join_all((0..at_once).map(|_| page.send_to(&world))).await;
        let statuses: Vec<u16> = pages.iter().map(Answer::status).collect();
        assert_eq!(statuses, vec![200; at_once]);
        assert_eq!(world.campaign.sessions().len(), 1);
        // Not too soon after the last logon.
        world.clock.advance(Duration::from_secs(61));
    }
    world.stop().await;
}

/// Forwards a SOAP call to the simulator over a connection of its own.
async fn soap(line: &mut RawConnection, head: &Head, body: &[u8], campaign: &str) -> Option<()> {
    let mut text = format!("{}\r\n", head.first);
    for (name, value) in &head.fields {
        text.extend([name, ": ", value, "\r\n"]);
    }
    let mut there =
        RawConnection::new(TcpStream::connect(campaign.trim_start_matches("http://")).await.ok()?);
    there.send([text.as_bytes(), b"\r\n", body].concat()).await;
    line.send(there.rest().await).await;
    None
}

#[tokio::test]
async fn an_endless_refusal_frees_the_only_connection_for_the_retry() {
    let campaign = Arc::<OnceLock<String>>::default();
    let simulator = campaign.clone();
    let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let simulator = simulator.clone();
        async move {
            let head = seen.request(&mut line).await?;
            let body = line.body(&head).await.ok()?;
            if head.first.contains("soaprouter") {
                return soap(&mut line, &head, &body, simulator.get()?).await;
            }
            if head.first.contains("/view/first") && seen.count("/view/first") == 1 {
                let page = format!("{EXPIRED}{}", " ".repeat(100_000));
                let head = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n";
                line.send(format!("{head}{:x}\r\n{page}\r\n", page.len())).await;
                line.rest().await;
                return None;
            }
            line.send(OK).await;
            None
        }
    })
    .await;
    let world = one_connection(Some(upstream.url.parse().unwrap())).start().await;
    campaign.set(world.campaign.url()).unwrap();
    let alice = world.signed_in("alice").await.session().unwrap();
    let answer = RawRequest::get("/view/first").session(&alice).send_to(&world).await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
    assert_eq!(upstream.seen().iter().filter(|line| line.contains("/view/first")).count(), 2);
    world.stop().await;
}

/// The first connection reads a head, sends this, and then neither reads nor sends nor closes. The others answer.
async fn silent_upstream(says: &'static str) -> Upstream {
    Upstream::start(move |number, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        if number == 0 {
            line.send(says).await;
            // Kept, so that the connection stays open.
            return std::future::pending().await;
        }
        line.send(OK).await;
        None
    })
    .await
}

#[tokio::test]
async fn an_upload_that_campaign_does_not_read_gets_504() {
    for http2 in [false, true] {
        let upstream = silent_upstream("").await;
        let world = one_connection(Some(upstream.url.parse().unwrap()))
            .instance(|instance| instance.campaign.response_timeout = Duration::from_millis(500))
            .start()
            .await;
        let request = Request::post(format!("{}/r/x", world.origin)).body(endless()).unwrap();
        let asking = async {
            if http2 {
                return request::http2(&world).await.send_request(request).await.unwrap();
            }
            let io = hyper_util::rt::TokioIo::new(world.connect().await);
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            let mut request = request;
            *request.uri_mut() = "/r/x".parse().unwrap();
            request.headers_mut().insert("host", request::host(&world).parse().unwrap());
            sender.send_request(request).await.unwrap()
        };
        let answer = tokio::time::timeout(PATIENCE, asking).await.expect("an answer");
        assert_eq!(answer.status(), 504);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"], json!("campaign_unavailable"));
        assert_eq!(value(&world, "imsgate_upstream_errors_total{reason=\"deadline\"}").await, 1);
        assert_eq!(RawRequest::get("/r/y").send_to(&world).await.text(), "ok", "the connection was given up");
        world.stop().await;
    }
}

/// While Campaign reads, the connection may be reused. When Campaign stops reading, the connection is closed.
#[tokio::test]
async fn a_stalled_upload_after_its_response_frees_the_connection() {
    let waiting = |client_goes_on: bool| async move {
        let upstream = silent_upstream(OK).await;
        let world = one_connection(Some(upstream.url.parse().unwrap())).start().await;
        let mut line = request::connect(&world).await;
        let head = RawRequest::new("POST", "/r/x").with("Content-Length: 1000000000");
        line.send(head.keep_alive(request::host(&world))).await;
        line.send(vec![b'x'; 1000]).await;
        assert_eq!(line.answer(false).await.unwrap().text(), "ok");
        let client = async {
            if client_goes_on {
                while line.try_send(vec![b'x'; 64 << 10]).await.is_ok() {}
            }
            std::future::pending::<()>().await;
        };
        let mut next = request::connect(&world).await;
        next.send(RawRequest::get("/r/y").bytes(request::host(&world))).await;
        let head = tokio::select! {
            () = client => unreachable!(),
            head = tokio::time::timeout(3 * PATIENCE, next.head()) => head.expect("its turn").unwrap(),
        };
        assert_eq!((head.status(), upstream.connections()), (200, 2));
        world.stop().await;
    };
    tokio::join!(waiting(false), waiting(true));
}
