//! Clients that do not read their responses: what is buffered for them is limited, and other clients are not affected.
//! `bench/greedy` measures the same at full size.

use std::time::Duration;

use imsgate::internal::MinRate;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::admin::{hits, value, with_admin};
use crate::support::http1::PATIENCE;
use crate::support::http2_frames::{self, DATA, END_HEADERS, HEADERS, RST_STREAM, SETTINGS};
use crate::support::request::{self, RawRequest};
use crate::support::{Builder, World, wire};

const GET: u8 = 0x82;
const END_STREAM: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const CONNECTION: u64 = 256 << 10;
const ALL: u64 = 4 << 20;
/// One piece for each response that was requested at the same time, and what TLS buffers: a connection at its limit may have this much more.
const SLACK: u64 = 128 << 10;

/// One worker with small limits.
fn small(min_rate: Option<MinRate>) -> Builder {
    with_admin()
        .config(move |config| {
            config.listen.workers = 1;
            (config.limits.connection_buffer_bytes, config.limits.buffer_bytes) = (CONNECTION, ALL);
            config.limits.min_rate = min_rate.map_or(0, |least| least.per_second);
            config.limits.min_rate_grace = min_rate.map_or(Duration::from_mins(1), |least| least.grace);
        })
        .instance(|instance| {
            // All requests come from one address.
            let pool = &mut instance.campaign.pool;
            (pool.anonymous_share, pool.address_share) = (100, 100);
        })
}

/// The highest value of the gauge during a test.
async fn watched<T>(world: &World, work: impl Future<Output = T>) -> (T, u64) {
    let mut most = 0;
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return (done, most),
            now = value(world, "imsgate_buffered_bytes") => most = most.max(now),
        }
    }
}

/// Sends this many requests over HTTP/2, each stream with this window. The connection has the largest window.
async fn ask_http2(world: &World, path: &str, streams: u32, window: u32) -> wire::Stream {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let setting = [&[0, 4][..], &window.to_be_bytes()].concat();
    http2_frames::frame(&mut bytes, SETTINGS, 0, 0, &setting);
    http2_frames::frame(&mut bytes, WINDOW_UPDATE, 0, 0, &((1_u32 << 31) - 65_536).to_be_bytes());
    for number in 0..streams {
        let head = http2_frames::head(world, GET, path, &[]);
        http2_frames::frame(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &head);
    }
    let mut stream = world.connect_http2().await;
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

/// Reads frames until `done` returns true for kind, flags, stream and length.
async fn frames_until(stream: &mut wire::Stream, mut done: impl FnMut(u8, u8, u32, usize) -> bool) {
    let reading = async {
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.expect("the connection goes on");
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            let number = u32::from_be_bytes(head[5..9].try_into().unwrap());
            if done(head[3], head[4], number, length) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("all of it");
}

async fn serves(world: &World) {
    let answer =
        tokio::time::timeout(PATIENCE, RawRequest::get("/res/300k").send_to(world)).await.expect("in time");
    assert_eq!((answer.status(), answer.body.len()), (200, 300 << 10));
}

#[tokio::test]
async fn the_buffer_for_one_http2_client_is_limited_and_sent_when_it_reads() {
    const STREAMS: u32 = 60;
    let world = small(None).start().await;
    let ((), most) = watched(&world, async {
        let mut reader = ask_http2(&world, "/res/300k", STREAMS, 1 << 30).await;
        reached(&world, "connection_buffer").await;
        serves(&world).await;
        // The response waits, and nothing is lost.
        let (mut ended, mut length) = (0, 0);
        frames_until(&mut reader, |kind, flags, _, bytes| {
            if kind == DATA {
                length += bytes;
                ended += u32::from(flags & END_STREAM);
            }
            ended == STREAMS
        })
        .await;
        assert_eq!(length, STREAMS as usize * (300 << 10));
    })
    .await;
    assert!((CONNECTION / 2..=CONNECTION + SLACK + SLACK).contains(&most), "{most} bytes");
    empty(&world).await;
    assert_eq!(hits(&world, "buffer").await, 0);
    world.stop().await;
}

/// Waits until this limit was reached.
async fn reached(world: &World, limit: &str) {
    let reached = async { while hits(world, limit).await == 0 {} };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{limit} was never reached"));
}

/// Waits until nothing is buffered.
async fn empty(world: &World) {
    let empty = async { while value(world, "imsgate_buffered_bytes").await > 0 {} };
    tokio::time::timeout(PATIENCE, empty).await.expect("all was let go");
}

#[tokio::test]
async fn the_buffer_for_all_http2_clients_is_limited_and_others_do_not_wait() {
    let world = small(None).start().await;
    let (readers, most) = watched(&world, async {
        let mut readers = Vec::new();
        for _ in 0..24 {
            readers.push(ask_http2(&world, "/res/10m", 20, 1 << 30).await);
        }
        reached(&world, "buffer").await;
        for _ in 0..5 {
            serves(&world).await;
        }
        readers
    })
    .await;
    assert!(most <= ALL + 24 * SLACK, "{most} bytes");
    drop(readers);
    empty(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn the_buffer_for_all_http1_clients_is_limited_and_others_do_not_wait() {
    let world = small(None).start().await;
    let (readers, most) = watched(&world, async {
        let mut readers = Vec::new();
        for _ in 0..60 {
            let mut reader = request::connect(&world).await;
            reader.send(RawRequest::get("/res/100m").keep_alive(request::host(&world))).await;
            readers.push(reader);
        }
        reached(&world, "buffer").await;
        for _ in 0..5 {
            serves(&world).await;
        }
        readers
    })
    .await;
    assert!(most <= ALL + 60 * SLACK, "{most} bytes");
    drop(readers);
    empty(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_read_too_slowly_ends_and_its_connection_stays_open() {
    const LEAST: MinRate = MinRate { per_second: 10_000, grace: Duration::from_millis(600) };
    let world = small(Some(LEAST)).start().await;
    let mut reader = ask_http2(&world, "/res/10m", 2, 1).await;
    // The first stream gets a byte at times, the second as much as it wants.
    let (mut ended, mut taken) = (false, 0_usize);
    let mut open = Vec::new();
    http2_frames::frame(&mut open, WINDOW_UPDATE, 0, 3, &(1_u32 << 30).to_be_bytes());
    reader.write_all(&open).await.unwrap();
    reader.flush().await.unwrap();
    let (mut from, mut to) = tokio::io::split(reader);
    // The client reads one byte at a time: too slowly, but steadily.
    let trickle = async {
        let mut more = Vec::new();
        http2_frames::frame(&mut more, WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes());
        loop {
            to.write_all(&more).await.unwrap();
            to.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let reading = async {
        while !ended || taken < 10 << 20 {
            let mut head = [0; 9];
            from.read_exact(&mut head).await.expect("the connection goes on");
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            from.read_exact(&mut vec![0; length]).await.unwrap();
            let number = u32::from_be_bytes(head[5..9].try_into().unwrap());
            ended |= head[3] == RST_STREAM && number == 1;
            taken += if head[3] == DATA && number == 3 { length } else { 0 };
        }
    };
    tokio::select! {
        () = trickle => {}
        outcome = tokio::time::timeout(PATIENCE, reading) => outcome.expect("the slow stream ends"),
    }
    reached(&world, "min_rate").await;
    world.stop().await;
}

/// The gateway waits for Campaign, which is not limited here.
#[tokio::test]
async fn a_response_that_campaign_sends_slowly_is_not_a_slow_client() {
    const LEAST: MinRate = MinRate { per_second: 1_000_000, grace: Duration::from_millis(200) };
    let world = small(Some(LEAST)).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut line = request::connect(&world).await;
    line.send(RawRequest::get("/demo/events").session(&alice).keep_alive(request::host(&world))).await;
    line.head().await.unwrap();
    let mut sender = request::http2::<http_body_util::Empty<bytes::Bytes>>(&world).await;
    let request = http::Request::get(format!("{}/demo/events", world.origin))
        .header("cookie", format!("__Host-imsgate={alice}"))
        .body(http_body_util::Empty::new());
    let mut events = sender.send_request(request.unwrap()).await.unwrap().into_body();
    for _ in 0..4 {
        assert!(!line.chunk().await.unwrap().is_empty());
        http_body_util::BodyExt::frame(&mut events).await.unwrap().unwrap();
    }
    assert_eq!(hits(&world, "min_rate").await, 0);
    world.stop().await;
}
