//! The corpus of hostile requests (tests/corpus/requests), each sent over TLS to a gateway in front of an upstream that
//! records what it receives.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use imsgate::config::SessionMode;
use serde::Deserialize;

use crate::support::World;
use crate::support::corpus::cases;
use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

#[tokio::test]
async fn both_sides_agree_where_a_body_ends_or_the_request_is_refused() {
    run("framing").await;
}

#[tokio::test]
async fn chunks_are_encoded_again_or_refused() {
    run("chunks").await;
}

#[tokio::test]
async fn a_head_with_two_readings_is_refused() {
    run("heads").await;
}

#[tokio::test]
async fn targets_and_hosts_have_one_meaning() {
    run("targets").await;
}

#[tokio::test]
async fn reserved_headers_of_a_client_are_removed() {
    run("identity").await;
}

#[tokio::test]
async fn no_tunnel_opens_before_the_upstreams_101() {
    run("switches").await;
}

#[tokio::test]
async fn old_clients_and_unread_bodies_smuggle_nothing() {
    run("old").await;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    send: Pieces,
    status: Vec<Status>,
    #[serde(default = "closed")]
    closed: Closed,
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    never: Vec<String>,
    #[serde(default)]
    always: Vec<String>,
    #[serde(default)]
    head: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Pieces {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Status {
    One(u16),
    Any(Vec<u16>),
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Closed {
    Known(bool),
    Either(String),
}

fn closed() -> Closed {
    Closed::Known(true)
}

/// What the upstream received: each request as method, target and body, and all heads in one.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<(Vec<String>, String)>>);

impl Record {
    fn take(&self) -> (Vec<String>, String) {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Answers every request with its own target, so that a response to another request is noticed.
async fn recording(record: Record) -> Upstream {
    Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let record = record.clone();
        async move {
            loop {
                let head = seen.request(&mut line).await?;
                // An incomplete request does not count.
                let body = line.body(&head).await.ok()?;
                let (request, _) = head.first.rsplit_once(' ')?;
                {
                    let mut record = record.0.lock().unwrap();
                    record.0.push(format!("{request} {}", String::from_utf8_lossy(&body)));
                    for (name, value) in &head.fields {
                        let _ = writeln!(record.1, "{name}: {value}");
                    }
                }
                let target = request.split_once(' ')?.1;
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", target.len());
                line.send(if request.starts_with("HEAD ") { answer } else { answer + target }).await;
            }
        }
    })
    .await
}

async fn run(file: &str) {
    let record = Record::default();
    let upstream = recording(record.clone()).await;
    let url = upstream.url.parse().unwrap();
    let world = World::builder()
        .session_mode(SessionMode::Headers)
        .instance(|instance| instance.campaign.upstreams = vec![url])
        .config(|config| config.listen.workers = 1)
        .start()
        .await;
    let session = format!("__Host-imsgate={}", world.signed_in("alice").await.session().unwrap());
    record.take();
    let mut wrong = Vec::new();
    for case in cases::<Case>(&format!("requests/{file}")) {
        if let Err(what) = check(&world, &record, &session, &case).await {
            wrong.push(format!("{}: {what}", case.name));
        }
        // No other connection, to the gateway or to the upstream, is out of step.
        let answer = RawRequest::get("/r/somebody/else").send_to(&world).await;
        assert_eq!(
            (answer.status(), answer.text().as_str()),
            (200, "/r/somebody/else"),
            "after {}",
            case.name
        );
        let (requests, _) = record.take();
        if requests != ["GET /r/somebody/else "] {
            wrong.push(format!("{}: afterwards, {requests:?} came through", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.stop().await;
}

/// Sends one case. An error describes the difference.
async fn check(world: &World, record: &Record, session: &str, case: &Case) -> Result<(), String> {
    let host = request::host(world);
    let smuggled = format!("GET /r/smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let fill = |text: &String| {
        text.replace("{smuggled}", &smuggled)
            .replace("{length}", &smuggled.len().to_string())
            .replace("{hex}", &format!("{:x}", smuggled.len()))
            .replace("{host}", host)
            .replace("{session}", session)
    };
    let mut line = request::connect(world).await;
    match &case.send {
        Pieces::One(text) => line.send(fill(text)).await,
        Pieces::Several(pieces) => {
            for piece in pieces {
                line.send(fill(piece)).await;
            }
        }
    }
    for (number, expected) in case.status.iter().enumerate() {
        let answer = line.answer(case.head).await.map_err(|error| format!("answer {number}: {error}"))?;
        let right = match expected {
            Status::One(status) => *status == answer.status(),
            Status::Any(statuses) => statuses.contains(&answer.status()),
        };
        if !right {
            return Err(format!("answer {number} is {} {}", answer.head.first, answer.text()));
        }
    }
    let next = RawRequest::get("/ims/health/live").bytes(host);
    match &case.closed {
        Closed::Known(true) => {
            let next = tokio::time::timeout(PATIENCE, line.next()).await;
            if !matches!(next, Ok(Ok(None) | Err(_))) {
                return Err("the connection goes on".to_owned());
            }
        }
        closed => {
            line.send(next).await;
            match line.answer(false).await {
                Ok(answer) if answer.status() == 200 => {}
                Err(_) if matches!(closed, Closed::Either(word) if word == "either") => {}
                other => return Err(format!("the next request: {other:?}")),
            }
        }
    }
    let (requests, heads) = record.take();
    if requests != case.upstream {
        return Err(format!("{requests:?} came through"));
    }
    if let Some(text) = case.never.iter().find(|text| heads.contains(*text)) {
        return Err(format!("{text} came through in\n{heads}"));
    }
    if let Some(text) = case.always.iter().find(|text| !heads.contains(*text)) {
        return Err(format!("{text} did not come through in\n{heads}"));
    }
    Ok(())
}
