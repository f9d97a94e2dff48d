//! Floods of HTTP/2 frames: the connection that sends them ends, and other clients are still served.

use crate::support::World;
use crate::support::admin::{await_hits, await_value, hits, value, with_admin};
use crate::support::http2_frames::{
    DATA, END_HEADERS, END_STREAM, GET, HEADERS, PING, SETTINGS, exchange, flood, frame, head, literal,
    requests, string,
};
use crate::support::request::RawRequest;

const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

#[tokio::test]
async fn streams_opened_and_reset_at_once_end_the_connection() {
    let world = with_admin().start().await;
    let end = flood(&world, &requests(&world, 20_000, true)).await;
    assert_eq!(end, Some(ENHANCE_YOUR_CALM));
    await_hits(&world, "http2_flood", 1).await;
    assert!(world.campaign.requests().len() < 1000, "{} came through", world.campaign.requests().len());
    serves(&world).await;
    world.stop().await;
}

/// Streams that the gateway itself has to reset count as much as those that a client resets (CVE-2025-8671).
#[tokio::test]
async fn streams_opened_and_malformed_at_once_end_the_connection() {
    let world = World::start().await;
    let request = head(&world, GET, "/r/test", &[]);
    let mut bytes = Vec::new();
    for number in 0..20_000_u32 {
        frame(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &request);
        frame(&mut bytes, WINDOW_UPDATE, 0, 2 * number + 1, &[0; 4]);
    }
    flood(&world, &bytes).await.expect("told to go away");
    assert!(world.campaign.requests().len() < 2000, "{} came through", world.campaign.requests().len());
    serves(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn endless_continuation_frames_end_the_connection() {
    let world = with_admin().start().await;
    let before = resident();
    let mut bytes = Vec::new();
    frame(&mut bytes, HEADERS, END_STREAM, 1, &head(&world, GET, "/r/test", &[]));
    let field = literal("x", &"y".repeat(1000));
    for _ in 0..50_000 {
        frame(&mut bytes, CONTINUATION, 0, 1, &field);
    }
    flood(&world, &bytes).await.expect("told to go away");
    await_hits(&world, "http2_flood", 1).await;
    drop(bytes);
    assert!(resident() < before + (256 << 20), "from {before} to {} bytes", resident());
    assert!(world.campaign.requests().is_empty());
    serves(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_small_header_block_that_decodes_to_a_huge_head_is_refused() {
    let world = with_admin().start().await;
    let before = resident();
    // One entry of 3 kB is added to the table, then referenced many times, with one byte each.
    let entry = {
        let mut entry = vec![0x40];
        string(&mut entry, "x");
        string(&mut entry, &"y".repeat(3000));
        entry
    };
    let newest = vec![NEWEST; 12_000];
    let request = |times| head(&world, GET, "/r/test", &[&entry, &newest[..times]]);
    let mut bytes = Vec::new();
    frame(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 1, &request(3));
    let _ = flood(&world, &bytes).await;
    assert_eq!(hits(&world, "head").await, 0);
    let few = world.campaign.requests().pop().unwrap();
    assert_eq!(few.headers.iter().filter(|(name, _)| name == "x").count(), 4, "this is how it unfolds");
    world.campaign.forget_requests();

    // 90 kB when decoded, with and without a body: only the stream is refused.
    bytes.clear();
    for number in 0..20 {
        let flags = if number % 2 == 0 { END_HEADERS } else { END_HEADERS | END_STREAM };
        frame(&mut bytes, HEADERS, flags, 2 * number + 1, &request(30));
    }
    assert_eq!(flood(&world, &bytes).await, None, "the connection goes on");
    assert!(world.campaign.requests().is_empty());
    assert_eq!(value(&world, UNREADABLE).await, 0);

    // 36 MB when decoded: the connection ends.
    bytes.clear();
    frame(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 1, &request(newest.len()));
    assert_eq!(flood(&world, &bytes).await, Some(ENHANCE_YOUR_CALM));
    await_hits(&world, "http2_flood", 1).await;
    assert!(resident() < before + (256 << 20), "from {before} to {} bytes", resident());
    assert!(world.campaign.requests().is_empty());
    serves(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused() {
    let world = World::builder().config(|config| config.limits.http2_streams = 4).start().await;
    let (goaway, refused) = exchange(world.connect_http2().await, &requests(&world, 10, false)).await;
    assert_eq!((goaway, refused), (None, 6), "the connection goes on");
    serves(&world).await;
    assert!(world.campaign.requests().len() <= 4);
    world.stop().await;
}

#[tokio::test]
async fn a_protocol_error_ends_the_connection_and_is_counted() {
    let world = with_admin().start().await;
    let mut bytes = Vec::new();
    // RFC 9113 §6.1: DATA belongs to a stream.
    frame(&mut bytes, DATA, 0, 0, b"x");
    assert_eq!(flood(&world, &bytes).await, Some(PROTOCOL_ERROR));
    await_value(&world, UNREADABLE, 1).await;
    assert_eq!(hits(&world, "http2_flood").await, 0);
    serves(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn floods_of_pings_settings_and_empty_frames_delay_nobody() {
    let world = World::start().await;
    let request = head(&world, GET, "/r/test", &[]);
    let mut pings = Vec::new();
    let mut settings = Vec::new();
    let mut empty = Vec::new();
    frame(&mut empty, HEADERS, END_STREAM, 1, &request);
    for _ in 0..20_000 {
        frame(&mut pings, PING, 0, 0, &[0; 8]);
        frame(&mut settings, SETTINGS, 0, 0, &[0, 1, 0, 0, 16, 0]);
        frame(&mut empty, CONTINUATION, 0, 1, &[]);
    }
    for bytes in [pings, settings, empty] {
        let _ = flood(&world, &bytes).await;
        serves(&world).await;
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn pseudo_headers_cannot_smuggle() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let cookie = literal("cookie", &format!("__Host-imsgate={alice}"));
    for (path, field) in [
        ("/demo/echo\r\nX-Ims-User: eve", None),
        ("/demo/echo HTTP/1.1\r\nHost: evil\r\n\r\nGET /r/smuggled", None),
        ("demo/echo", None),
        ("", None),
        ("/demo/echo", Some(literal("transfer-encoding", "chunked"))),
        ("/demo/echo", Some(literal("connection", "x-ims-user"))),
        ("/demo/echo", Some(literal("X-Ims-User", "eve"))),
        ("/demo/echo", Some(literal("x-a\r\nx-ims-user", "eve"))),
        ("/demo/echo", Some(literal("x-a", "b\r\nx-ims-user: eve"))),
        ("/demo/echo", Some(literal("x-a", "b\0c"))),
        ("/demo/echo", Some(literal(":path", "/view/home"))),
        ("/demo/echo", Some(literal(":scheme", "http"))),
        ("/demo/echo", Some(literal("content-length", "5"))),
    ] {
        let mut bytes = Vec::new();
        let more: Vec<&[u8]> =
            [Some(&cookie), field.as_ref()].into_iter().flatten().map(Vec::as_slice).collect();
        frame(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 1, &head(&world, GET, path, &more));
        let _ = flood(&world, &bytes).await;
    }
    let reached: Vec<_> =
        world.campaign.requests().into_iter().map(|request| request.path_and_query).collect();
    assert_eq!(reached, [""; 0]);
    serves(&world).await;
    world.stop().await;
}

async fn serves(world: &World) {
    for _ in 0..4 {
        assert_eq!(RawRequest::get("/ims/health/live").send_to(world).await.status(), 200);
    }
}

/// Resident memory of this process: gateway, simulators and tests.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// The newest entry of the table, by its index (RFC 7541 §6.1, §2.3.3).
const NEWEST: u8 = 0xbe;
/// RFC 9113 §7.
const PROTOCOL_ERROR: u32 = 0x1;
const ENHANCE_YOUR_CALM: u32 = 0xb;
const UNREADABLE: &str = "imsgate_requests_unreadable_total{protocol=\"h2\"}";
