//! The corpus of broken answers (tests/corpus/answers), each given by an upstream over HTTP/1.1 to clients of both
//! protocols.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use serde::Deserialize;

use crate::support::World;
use crate::support::corpus::cases;
use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

#[tokio::test]
async fn a_response_with_an_ambiguous_end_is_refused_or_incomplete() {
    run("framing").await;
}

#[tokio::test]
async fn an_invalid_response_head_is_502() {
    run("heads").await;
}

#[tokio::test]
async fn an_endless_response_head_is_502() {
    for head in [
        format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(4 << 20)),
        format!("HTTP/1.1 200 {}", "y".repeat(4 << 20)),
        "HTTP/1.1 200 OK\r\n".to_owned() + &"X: y\r\n".repeat(100_000),
        "HTTP/1.1 100 Continue\r\n\r\n".repeat(200_000),
    ] {
        let upstream = Upstream::answering([head]).await;
        let world = upstream.world().await;
        assert_eq!(RawRequest::get("/r/0").send_to(&world).await.status(), 502);
        world.stop().await;
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "get")]
    method: String,
    answer: String,
    #[serde(default)]
    then: Then,
    status: u16,
    body: Option<String>,
    #[serde(default)]
    broken: bool,
    #[serde(default)]
    reused: bool,
    #[serde(default)]
    never: Vec<String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Then {
    Close,
    #[default]
    Keep,
}

fn get() -> String {
    "GET".to_owned()
}

/// What a client received.
struct Outcome {
    status: u16,
    /// `None` if it broke off.
    body: Option<String>,
    /// All bytes, to search for what must not be in them.
    all: String,
}

async fn run(file: &str) {
    let mut wrong = Vec::new();
    for case in cases::<Case>(&format!("answers/{file}")) {
        for http2 in [false, true] {
            if let Err(what) = check(&case, http2).await {
                wrong.push(format!("{} ({}): {what}", case.name, if http2 { "HTTP/2" } else { "HTTP/1.1" }));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn check(case: &Case, http2: bool) -> Result<(), String> {
    let (answer, then): (Arc<[u8]>, _) = (case.answer.as_bytes().into(), case.then);
    let poisoned = Arc::<AtomicUsize>::default();
    let counted = poisoned.clone();
    let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let (answer, poisoned) = (answer.clone(), counted.clone());
        async move {
            loop {
                let head = seen.request(&mut line).await?;
                if !head.first.contains("/r/case") {
                    line.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext").await;
                    continue;
                }
                line.send(&answer).await;
                if then == Then::Close {
                    return None;
                }
                if seen.request(&mut line).await.is_some() {
                    poisoned.fetch_add(1, Ordering::Relaxed);
                    line.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison").await;
                }
            }
        }
    })
    .await;
    let url = upstream.url.parse().map_err(|_| "address")?;
    let world = World::builder()
        .instance(|instance| instance.campaign.upstreams = vec![url])
        .config(|config| config.listen.workers = 1)
        .start()
        .await;
    let outcome = if http2 { over_http2(&world, case).await } else { over_http1(&world, case).await };
    let next = RawRequest::get("/r/next").send_to(&world).await.text();
    world.stop().await;
    let outcome = outcome?;
    if outcome.status != case.status {
        return Err(format!("status {}: {}", outcome.status, outcome.all));
    }
    if case.broken != outcome.body.is_none() {
        return Err(format!("broken off: {}", outcome.body.is_none()));
    }
    if case.body.is_some() && case.body != outcome.body {
        return Err(format!("body {:?}", outcome.body));
    }
    if let Some(text) = case.never.iter().find(|text| outcome.all.contains(*text)) {
        return Err(format!("{text} in {}", outcome.all));
    }
    let reused = poisoned.load(Ordering::Relaxed) > 0;
    if reused != case.reused {
        return Err(format!("used again: {reused}"));
    }
    let expected = if reused { "poison" } else { "next" };
    if next == expected { Ok(()) } else { Err(format!("the next request got {next}")) }
}

async fn over_http1(world: &World, case: &Case) -> Result<Outcome, String> {
    let mut line = request::connect(world).await;
    line.send(RawRequest::new(&case.method, "/r/case").bytes(request::host(world))).await;
    let mut before = Vec::new();
    let mut head = line.head().await.map_err(|error| error.to_string())?;
    while matches!(head.status(), 100..=199) {
        before.push(head);
        head = line.head().await.map_err(|error| error.to_string())?;
    }
    let bodiless = case.method == "HEAD" || matches!(head.status(), 204 | 304);
    let body = if bodiless { Ok(Vec::new()) } else { line.body(&head).await };
    let body = body.ok().map(|body| String::from_utf8_lossy(&body).into_owned());
    let rest = line.rest().await;
    let all = format!("{before:?} {head:?} {body:?} {}", rest.escape_ascii());
    Ok(Outcome { status: head.status(), body, all })
}

async fn over_http2(world: &World, case: &Case) -> Result<Outcome, String> {
    let mut sender = request::http2::<Empty<Bytes>>(world).await;
    let request = Request::builder().method(case.method.as_str()).uri(format!("{}/r/case", world.origin));
    let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.into_body().collect().await.ok();
    let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
    let all = format!("{headers:?} {body:?}");
    Ok(Outcome { status, body, all })
}
