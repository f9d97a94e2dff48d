//! Callers without a session that hold connections to Campaign: people with a session are still served.
//! `bench/greedy` measures the same at full size.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use imsgate::config::{PoolLimits, SessionMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::support::account;
use crate::support::admin::{hits, with_admin};
use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::http2_frames::{self, END_HEADERS, HEADERS, SETTINGS};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{Builder, World, wire};

const GET: u8 = 0x82;
const POST: u8 = 0x83;
const END_STREAM: u8 = 1;
const WINDOW_UPDATE: u8 = 8;

/// One worker with eight connections: four for callers without a session, two of these for each address.
fn eight_connections(grace: Duration) -> Builder {
    with_admin()
        .config(move |config| {
            config.listen.workers = 1;
            (config.limits.min_rate, config.limits.min_rate_grace) = (100_000, grace);
        })
        .instance(|instance| {
            let queue_timeout = Duration::from_millis(300);
            instance.campaign.pool =
                PoolLimits { max_connections: 8, queue_timeout, ..PoolLimits::default() };
        })
}

const LONG: Duration = Duration::from_mins(10);
const SHORT: Duration = Duration::from_millis(800);

/// Opens many streams: with a response window of one byte, or with a body that never arrives.
async fn streams(world: &World, method: u8, path: &str, count: u32, from: Ipv4Addr) -> wire::Stream {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    http2_frames::frame(&mut bytes, SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1]);
    http2_frames::frame(&mut bytes, WINDOW_UPDATE, 0, 0, &((1_u32 << 31) - 65_536).to_be_bytes());
    for number in 0..count {
        let flags = if method == GET { END_HEADERS | END_STREAM } else { END_HEADERS };
        http2_frames::frame(
            &mut bytes,
            HEADERS,
            flags,
            2 * number + 1,
            &http2_frames::head(world, method, path, &[]),
        );
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let stream = socket.connect(world.address()).await.unwrap();
    let mut stream = world.connect_http2_over(stream).await;
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

/// Starts this many uploads over HTTP/1.1.
async fn uploads(world: &World, count: usize, length: usize, begun: &str) -> Vec<RawConnection> {
    let mut lines = Vec::new();
    for _ in 0..count {
        let mut line = request::connect(world).await;
        let head = RawRequest::new("POST", "/webApp/x").with(&format!("Content-Length: {length}"));
        line.send([&head.keep_alive(request::host(world)), begun.as_bytes()].concat()).await;
        lines.push(line);
    }
    lines
}

async fn reached(world: &World, limit: &str) {
    let reached = async { while hits(world, limit).await == 0 {} };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{limit} was never reached"));
}

#[tokio::test]
async fn a_technical_account_is_not_held_to_the_share_of_callers_without_a_session() {
    let world = account::with_account(|_| {})
        .config(|config| config.listen.workers = 1)
        .instance(|instance| {
            let queue_timeout = Duration::from_millis(300);
            instance.campaign.pool =
                PoolLimits { max_connections: 2, queue_timeout, ..PoolLimits::default() };
        })
        .start()
        .await;
    let token = account::token(&world);
    let slow = RawRequest::get("/demo/slow/1500").bearer(&token);
    let (one, two) = tokio::join!(slow.send_to(&world), slow.send_to(&world));
    assert_eq!((one.status(), two.status()), (200, 200), "callers without a session may use one connection");
    world.stop().await;
}

/// A person with a session gets every response, over several connections.
async fn people_work(world: &World, session: &str) {
    for _ in 0..8 {
        let answer =
            tokio::time::timeout(PATIENCE, RawRequest::get("/demo/echo").session(session).send_to(world))
                .await;
        assert_eq!(answer.expect("in time").status(), 200);
    }
}

#[tokio::test]
async fn unread_responses_leave_connections_for_people_and_for_other_addresses() {
    let world = eight_connections(LONG).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(streams(&world, GET, "/res/10m", 20, Ipv4Addr::LOCALHOST).await);
    }
    reached(&world, "address_share").await;
    people_work(&world, &alice).await;
    // Another address still gets its share.
    let mut other = streams(&world, GET, "/r/test", 1, Ipv4Addr::new(127, 0, 0, 9)).await;
    assert_eq!(status_of(&mut other).await, [0x88], ":status 200");
    // Many addresses together get no more than the share of callers without a session.
    for last in 20..24 {
        readers.push(streams(&world, GET, "/res/10m", 4, Ipv4Addr::new(127, 0, 0, last)).await);
    }
    reached(&world, "anonymous_share").await;
    people_work(&world, &alice).await;
    world.stop().await;
}

/// The first byte of the first header block: the index of a common status in the static table.
async fn status_of(stream: &mut wire::Stream) -> [u8; 1] {
    let reading = async {
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.unwrap();
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).await.unwrap();
            if head[3] == HEADERS {
                return [payload.iter().copied().find(|byte| *byte >= 0x80).unwrap_or_default()];
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("an answer")
}

#[tokio::test]
async fn a_small_body_that_does_not_arrive_holds_no_connection_to_campaign() {
    let world = eight_connections(SHORT).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let lines = uploads(&world, 30, 20, "a").await;
    people_work(&world, &alice).await;
    // Others without a session are served too: no connection is held.
    assert_eq!(RawRequest::post("/webApp/x", "a=b").send_to(&world).await.status(), 200);
    let statuses = futures_util::future::join_all(lines.into_iter().map(|mut line| async move {
        tokio::time::timeout(PATIENCE, line.answer(false)).await.expect("it ends").unwrap().status()
    }));
    assert_eq!(statuses.await, [408; 30]);
    assert!(hits(&world, "min_rate").await >= 30);
    let reached_campaign =
        world.campaign.requests().iter().filter(|r| r.path_and_query == "/webApp/x").count();
    assert_eq!(reached_campaign, 1, "only the one that was whole");
    world.stop().await;
}

#[tokio::test]
async fn long_uploads_that_trickle_leave_connections_for_people_and_end() {
    // Answers after a complete request. It does not handle logons.
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            line.body(&head).await.ok()?;
            line.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let url = upstream.url.parse().unwrap();
    let world = eight_connections(SHORT)
        .session_mode(SessionMode::Headers)
        .instance(|instance| instance.campaign.upstreams = vec![url])
        .start()
        .await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let lines = uploads(&world, 12, 1_000_000, "a").await;
    people_work(&world, &alice).await;
    let statuses = futures_util::future::join_all(lines.into_iter().map(|mut line| async move {
        tokio::time::timeout(PATIENCE, line.answer(false)).await.expect("it ends").unwrap().status()
    }))
    .await;
    assert!(statuses.iter().all(|status| [408, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&408));
    reached(&world, "min_rate").await;
    people_work(&world, &alice).await;
    world.stop().await;
}

#[tokio::test]
async fn http2_uploads_that_never_arrive_leave_connections_for_people() {
    let world = eight_connections(LONG).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut senders = Vec::new();
    for last in 1..4 {
        senders.push(streams(&world, POST, "/webApp/x", 50, Ipv4Addr::new(127, 0, 0, last)).await);
    }
    people_work(&world, &alice).await;
    reached(&world, "address_share").await;
    people_work(&world, &alice).await;
    world.stop().await;
}

/// A delay at Campaign does not make the client slow.
#[tokio::test]
async fn an_upload_that_campaign_reads_slowly_is_not_a_slow_client() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        let head = seen.request(&mut line).await?;
        tokio::time::sleep(2 * SHORT).await;
        let body = line.body(&head).await.ok()?;
        line.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{:08}", body.len())).await;
        None
    })
    .await;
    let url = upstream.url.parse().unwrap();
    let world =
        eight_connections(SHORT).instance(|instance| instance.campaign.upstreams = vec![url]).start().await;
    let mut line = request::connect(&world).await;
    let length = 32 << 20;
    line.send(
        RawRequest::new("POST", "/webApp/x")
            .with(&format!("Content-Length: {length}"))
            .keep_alive(request::host(&world)),
    )
    .await;
    line.send(vec![b'x'; length]).await;
    let answer = tokio::time::timeout(PATIENCE, line.answer(false)).await.expect("in time").unwrap();
    assert_eq!((answer.status(), answer.text()), (200, format!("{length:08}")));
    assert_eq!(hits(&world, "min_rate").await, 0);
    world.stop().await;
}
