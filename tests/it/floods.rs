//! HTTP/2 frames by hand, many of them: the connection that sends them ends, and nobody else notices.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::ask::{self, Ask};
use crate::raw::PATIENCE;
use crate::scrape::{await_hits, await_value, hits, value, with_admin};
use crate::support::{World, wire};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
/// `:method: GET` of the static table.
const GET: u8 = 0x82;

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
async fn streams_opened_and_spoilt_at_once_end_the_connection() {
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
async fn a_head_continued_without_end_ends_the_connection() {
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
async fn a_small_block_that_unfolds_to_a_huge_head_is_refused() {
    let world = with_admin().start().await;
    let before = resident();
    // One entry of 3 kB into the table, then named again and again: one byte each.
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

    // To 90 kB, with a body to come or without: each is refused by itself.
    bytes.clear();
    for number in 0..20 {
        let flags = if number % 2 == 0 { END_HEADERS } else { END_HEADERS | END_STREAM };
        frame(&mut bytes, HEADERS, flags, 2 * number + 1, &request(30));
    }
    assert_eq!(flood(&world, &bytes).await, None, "the connection goes on");
    assert!(world.campaign.requests().is_empty());
    assert_eq!(value(&world, UNREADABLE).await, 0);

    // To 36 MB: the connection ends.
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
async fn a_connection_that_breaks_the_rules_ends_and_is_counted() {
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
async fn floods_of_pings_settings_and_empty_frames_hold_up_nobody() {
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

/// A GET with any path and these fields, on a connection of its own; returns when something was done with it.
pub async fn get(world: &World, path: &str, fields: &[(&str, &str)]) {
    let fields: Vec<Vec<u8>> = fields.iter().map(|(name, value)| literal(name, value)).collect();
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    let mut bytes = Vec::new();
    frame(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 1, &head(world, GET, path, &fields));
    flood(world, &bytes).await;
}

/// So many GETs of a public page at once, each given up at once or waited for.
pub fn requests(world: &World, count: u32, reset: bool) -> Vec<u8> {
    let request = head(world, GET, "/r/test", &[]);
    let mut bytes = Vec::new();
    for number in 0..count {
        frame(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &request);
        if reset {
            frame(&mut bytes, RST_STREAM, 0, 2 * number + 1, &CANCEL.to_be_bytes());
        }
    }
    bytes
}

async fn flood(world: &World, frames: &[u8]) -> Option<u32> {
    flood_over(world.connect_http2().await, frames).await
}

/// Sends preface, settings and these frames, then a ping, and reads until the gateway closes, or has answered the ping and
/// done something with the first stream, if there is one. Gives the error code of its GOAWAY, if any.
pub async fn flood_over(stream: wire::Stream, frames: &[u8]) -> Option<u32> {
    exchange(stream, frames).await.0
}

/// As [`flood_over`]; gives also the number of streams that were refused.
async fn exchange(stream: wire::Stream, frames: &[u8]) -> (Option<u32>, usize) {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut bytes, SETTINGS, 0, 0, &[]);
    bytes.extend(frames);
    frame(&mut bytes, PING, 0, 0, b"finished");
    let opens_stream = frames.get(3) == Some(&HEADERS);
    let (mut from, mut to) = tokio::io::split(stream);
    let writing = async {
        // The gateway may well close before it has read all.
        let _ = to.write_all(&bytes).await;
        let _ = to.flush().await;
    };
    let reading = async {
        let (mut said, mut pong, mut stream, mut goaway) = (Vec::new(), false, !opens_stream, None);
        let mut refused = 0;
        while let Ok(1..) = from.read_buf(&mut said).await {
            while let Some((kind, payload)) = next_frame(&mut said) {
                match kind {
                    PING => pong |= payload == b"finished",
                    HEADERS => stream = true,
                    RST_STREAM => {
                        stream = true;
                        refused += usize::from(payload == REFUSED_STREAM.to_be_bytes());
                    }
                    GOAWAY => goaway = payload.get(4..8).map(|code| code.try_into().unwrap()),
                    _ => {}
                }
            }
            if pong && stream {
                break;
            }
        }
        (goaway.map(u32::from_be_bytes), refused)
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(writing, reading) }).await.unwrap().1
}

/// Takes a whole frame, kind and payload, from the bytes read so far.
fn next_frame(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let head = bytes.get(..9)?;
    let end = 9 + (usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]));
    let kind = head[3];
    let payload = bytes.get(9..end)?.to_vec();
    bytes.drain(..end);
    Some((kind, payload))
}

/// A frame (RFC 9113 §4.1).
pub fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    bytes.extend(&length[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
}

/// The header block of a request (RFC 7541 §6) with a method of the static table, and with more fields.
pub fn head(world: &World, method: u8, path: &str, more: &[&[u8]]) -> Vec<u8> {
    let mut block = vec![method, 0x87]; // :scheme https
    block.push(0x04); // :path
    string(&mut block, path);
    block.push(0x01); // :authority
    string(&mut block, ask::host(world));
    block.extend(more.concat());
    block
}

/// A field that does not enter the table.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    string(&mut field, name);
    string(&mut field, value);
    field
}

/// A string, not Huffman coded (RFC 7541 §5.1, §5.2).
fn string(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        block.push(u8::try_from(length).unwrap());
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(u8::try_from(length % 128).unwrap() | 128);
            length /= 128;
        }
        block.push(u8::try_from(length).unwrap());
    }
    block.extend(text.as_bytes());
}

async fn serves(world: &World) {
    for _ in 0..4 {
        assert_eq!(Ask::get("/ims/health/live").of(world).await.status(), 200);
    }
}

/// Memory of this process, which holds everything: gateway, simulators, tests.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// The newest entry of the table, by its index (RFC 7541 §6.1, §2.3.3).
const NEWEST: u8 = 0xbe;
/// RFC 9113 §7.
const PROTOCOL_ERROR: u32 = 0x1;
const REFUSED_STREAM: u32 = 0x7;
const CANCEL: u32 = 0x8;
const ENHANCE_YOUR_CALM: u32 = 0xb;
const UNREADABLE: &str = "imsgate_requests_unreadable_total{protocol=\"h2\"}";
