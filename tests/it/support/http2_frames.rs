//! HTTP/2 frames written by hand, for what no well-behaved client sends.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::http1::PATIENCE;
use crate::support::{World, request, wire};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
/// `:method: GET` of the static table.
pub const GET: u8 = 0x82;
pub const REFUSED_STREAM: u32 = 0x7;
pub const CANCEL: u32 = 0x8;

/// A GET with any path and these fields, on its own connection. Returns when the gateway has processed it.
pub async fn get(world: &World, path: &str, fields: &[(&str, &str)]) {
    let fields: Vec<Vec<u8>> = fields.iter().map(|(name, value)| literal(name, value)).collect();
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    let mut bytes = Vec::new();
    frame(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 1, &head(world, GET, path, &fields));
    flood(world, &bytes).await;
}

/// This many GETs of a public page at once; with `reset`, each is reset immediately.
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

pub async fn flood(world: &World, frames: &[u8]) -> Option<u32> {
    flood_over(world.connect_http2().await, frames).await
}

/// Sends the preface, settings, these frames and a PING. Reads until the gateway closes, or until it has answered the PING and
/// the first stream, if there is one. Returns the error code of its GOAWAY, if any.
pub async fn flood_over(stream: wire::Stream, frames: &[u8]) -> Option<u32> {
    exchange(stream, frames).await.0
}

/// As [`flood_over`]. Also returns the number of refused streams.
pub async fn exchange(stream: wire::Stream, frames: &[u8]) -> (Option<u32>, usize) {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut bytes, SETTINGS, 0, 0, &[]);
    bytes.extend(frames);
    frame(&mut bytes, PING, 0, 0, b"finished");
    let opens_stream = frames.get(3) == Some(&HEADERS);
    let (mut from, mut to) = tokio::io::split(stream);
    let writing = async {
        // The gateway may close before it has read everything.
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

/// Removes a complete frame from the bytes read so far. Returns kind and payload.
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
    string(&mut block, request::host(world));
    block.extend(more.concat());
    block
}

/// A field without indexing (RFC 7541 §6.2.2).
pub fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    string(&mut field, name);
    string(&mut field, value);
    field
}

/// A string, not Huffman coded (RFC 7541 §5.1, §5.2).
pub fn string(block: &mut Vec<u8>, text: &str) {
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
