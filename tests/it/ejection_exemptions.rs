//! Failures that the client caused do not count against a Campaign server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use crate::support::eventually;
use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::upstreams::{
    OK, ejected_for_an_hour, gated_upstream, gets_half_of_the_requests, half_an_upload, in_front_of,
    prompt_upstream, request_path, requests,
};

#[tokio::test]
async fn a_slow_reader_does_not_count_as_a_server_failure() {
    const LENGTH: usize = 64 * 1024 * 1024;
    // Closes when the client does not read, as servers do.
    let gave_up = Arc::new(Notify::new());
    let notify = gave_up.clone();
    let impatient = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let gave_up = notify.clone();
        async move {
            loop {
                let head = seen.request(&mut line).await?;
                if !head.first.starts_with("GET /r/large ") {
                    line.send(OK).await;
                    continue;
                }
                line.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")).await;
                let piece = "x".repeat(64 * 1024);
                while tokio::time::timeout(Duration::from_millis(300), line.send(&piece)).await.is_ok() {}
                gave_up.notify_one();
                return None;
            }
        }
    })
    .await;
    let good = prompt_upstream(Arc::default()).await;
    let world = in_front_of(&[(&impatient, 1), (&good, 1)], ejected_for_an_hour).await;
    let mut cut = 0;
    while cut < 3 {
        let mut line = request::connect(&world).await;
        line.send(RawRequest::get("/r/large").bytes(request::host(&world))).await;
        let head = line.head().await.unwrap();
        if head.field("content-length") == Some(&LENGTH.to_string()) {
            tokio::time::timeout(PATIENCE, gave_up.notified()).await.expect("it gives up");
            assert!(line.body(&head).await.is_err(), "the client sees that");
            cut += 1;
        }
    }
    gets_half_of_the_requests(&world, &impatient).await;
    world.stop().await;
}

#[tokio::test]
async fn an_incomplete_upload_does_not_count_as_a_server_failure() {
    // Answers before it has read the request, and closes with unread bytes.
    let hasty = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            if head.first.starts_with("POST ") {
                line.send("HTTP/1.1 413 Too Large\r\nContent-Length: 1000\r\n\r\nhalf").await;
                return None;
            }
            line.send(OK).await;
        }
    })
    .await;
    let good = prompt_upstream(Arc::default()).await;
    let world = in_front_of(&[(&hasty, 1), (&good, 1)], ejected_for_an_hour).await;
    for number in 1..=6 {
        let before = requests(&hasty);
        let mut line = half_an_upload(&world).await;
        eventually(async || requests(&hasty) + requests(&good) == number).await;
        if requests(&hasty) > before {
            let head = line.head().await.unwrap();
            assert_eq!(head.status(), 413);
            assert!(line.body(&head).await.is_err(), "the client sees that");
        } else {
            line.send("5\r\nwhole\r\n0\r\n\r\n").await;
            assert_eq!(line.answer(false).await.unwrap().text(), "ok");
        }
    }
    assert_eq!(requests(&hasty), 3);
    gets_half_of_the_requests(&world, &hasty).await;
    world.stop().await;
}

#[tokio::test]
async fn an_event_stream_is_neither_success_nor_failure() {
    // Reset, as a middlebox does with silent connections, or ended properly.
    for end in ["", "0\r\n\r\n"] {
        event_streams_that_end_with(end).await;
    }
}

async fn event_streams_that_end_with(end: &'static str) {
    let broken = Arc::new(AtomicBool::new(false));
    let flag = broken.clone();
    // Pages break off only while the server is broken.
    let server = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let broken = flag.clone();
        async move {
            let head = seen.request(&mut line).await?;
            if head.first.starts_with("GET /r/events ") {
                line.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await;
                line.send(end).await;
            } else if broken.load(Ordering::Relaxed) {
                line.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").await;
            } else {
                line.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
            }
            None
        }
    })
    .await;
    let good = prompt_upstream(Arc::default()).await;
    let world = in_front_of(&[(&server, 1), (&good, 1)], ejected_for_an_hour).await;
    let count = |path: &str| server.seen().iter().filter(|first| first.contains(path)).count();
    for _ in 0..10 {
        request_path(&world, "/r/events").await;
    }
    for _ in 0..10 {
        request_path(&world, "/r/page").await;
    }
    assert_eq!((count("/r/events"), count("/r/page")), (5, 5), "it gets its share");
    broken.store(true, Ordering::Relaxed);
    for path in ["/r/page", "/r/page", "/r/events", "/r/events"].iter().cycle().take(40) {
        request_path(&world, path).await;
    }
    assert_eq!(count("/r/page"), 5 + 3, "event streams in between change nothing");
    world.stop().await;
}

#[tokio::test]
async fn a_stalled_client_does_not_count_as_a_server_failure() {
    // Closes without a response when the body of a request does not arrive.
    let impatient = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            if head.first.starts_with("POST ") {
                // The time-out of a server for the body.
                tokio::time::sleep(Duration::from_millis(50)).await;
                return None;
            }
            line.send(OK).await;
        }
    })
    .await;
    let good = prompt_upstream(Arc::default()).await;
    let world = in_front_of(&[(&impatient, 1), (&good, 1)], ejected_for_an_hour).await;
    for number in 1..=8 {
        let before = requests(&impatient);
        let mut line = half_an_upload(&world).await;
        eventually(async || requests(&impatient) + requests(&good) == number).await;
        if requests(&impatient) > before {
            assert_eq!(line.answer(false).await.unwrap().status(), 502);
        }
    }
    assert_eq!(requests(&impatient), 4);
    gets_half_of_the_requests(&world, &impatient).await;
    world.stop().await;
}

#[tokio::test]
async fn a_closed_idle_connection_does_not_count_as_a_server_failure() {
    let permits = Arc::new(Semaphore::new(0));
    let gate = permits.clone();
    // Closes on the second request of each connection.
    let closing = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let gate = gate.clone();
        async move {
            seen.request(&mut line).await?;
            gate.acquire().await.ok()?.forget();
            line.send(OK).await;
            seen.request(&mut line).await?;
            None
        }
    })
    .await;
    let good = gated_upstream(permits.clone()).await;
    let world = in_front_of(&[(&closing, 1), (&good, 1)], ejected_for_an_hour).await;
    // Four requests at a time to each server, so that four connections to each become idle.
    let mut lines = Vec::new();
    for _ in 0..8 {
        let mut line = request::connect(&world).await;
        line.send(RawRequest::get("/r/x").bytes(request::host(&world))).await;
        lines.push(line);
    }
    eventually(async || requests(&closing) == 4 && requests(&good) == 4).await;
    permits.add_permits(1000);
    for mut line in lines {
        assert_eq!(line.answer(false).await.unwrap().text(), "ok");
    }
    for _ in 0..8 {
        RawRequest::post("/r/x", "a=b").send_to(&world).await;
    }
    assert_eq!((closing.connections(), requests(&closing)), (4, 8), "each closed over a form");
    for _ in 0..8 {
        RawRequest::get("/r/x").send_to(&world).await;
    }
    assert!(requests(&closing) >= 12, "it gets its share: {}", requests(&closing));
    world.stop().await;
}
