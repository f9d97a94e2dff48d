//! Hundreds of silent clients, and clients that read nothing: memory for each connection. `bench/idle` and `bench/slow`
//! measure the same at full size.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use imsgate::demo::campaign::{CampaignOptions, CampaignSimulator};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::upstream::{Seen, Upstream};
use crate::support::wire::{self, Stream};
use crate::support::{Process, request};

#[tokio::test]
async fn an_idle_connection_holds_no_buffers() {
    tried(async || {
        let campaign = CampaignSimulator::start(CampaignOptions::default()).await.unwrap();
        let gateway = Process::start(&campaign.url());
        let get = "GET /r/test HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let (before, mut connections) = many(&gateway, get, b"simulator'/>").await;
        // TLS has 4 kB for the next record, and its keys and state. The rest is the task of the connection.
        costs(&gateway, before, 18).await?;
        for connection in &mut connections {
            exchange(connection, get, b"simulator'/>").await;
        }
        costs(&gateway, before, 18).await?;
        drop(connections);
        costs(&gateway, before, 6).await?;
        campaign.stop().await;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_idle_websocket_holds_no_buffers() {
    tried(async || {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        line.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            .await;
        while let Ok(Some(byte)) = line.next().await {
            line.send([byte]).await;
        }
        None
    })
    .await;
    let gateway = Process::start(&upstream.url);
    let open = "GET /r/socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let (before, mut sockets) = many(&gateway, open, b"\r\n\r\n").await;
    for socket in &mut sockets {
        exchange(socket, "hello", b"hello").await;
    }
    costs(&gateway, before, 14).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn fields_in_the_hpack_table_hold_no_buffers() {
    tried(async || {
        let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
            for number in 0.. {
                seen.request(&mut line).await?;
                line.send(format!("HTTP/1.1 200 OK\r\nX-Number: {number}\r\nContent-Length: 2\r\n\r\nok"))
                    .await;
            }
            None
        })
        .await;
        let gateway = Process::start(&upstream.url);
        let (mut before, mut senders) = (0, Vec::new());
        for number in 0..READERS {
            if number == 4 {
                before = gateway.resident();
            }
            let mut sender = request::handshake(gateway.connect(wire::HTTP_2).await).await;
            for _ in 0..50 {
                let request = Request::get("https://localhost/r/x").body(Empty::<Bytes>::new()).unwrap();
                let answer = sender.send_request(request).await.unwrap();
                assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
            }
            senders.push(sender);
        }
        // Fifty buffers of 8 kB would be 400 kB.
        costs_each(&gateway, before, READERS, 100).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_upstream_and_fills_no_memory() {
    tried(async || {
        let sent = Arc::<AtomicU64>::default();
        let counted = sent.clone();
        let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
            let counted = counted.clone();
            async move {
                seen.request(&mut line).await?;
                line.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await;
                let piece = vec![b'x'; PIECE];
                while line.try_send(&piece).await.is_ok() {
                    counted.fetch_add(PIECE as u64, Ordering::Relaxed);
                }
                None
            }
        })
        .await;
        let gateway = Process::start(&upstream.url);
        let before = gateway.resident();
        let mut readers = Vec::new();
        for _ in 0..READERS {
            let mut reader = gateway.connect(wire::HTTP_1).await;
            exchange(&mut reader, "GET /r/long HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n\r\n").await;
            readers.push(reader);
        }
        let (mut last, mut still) = (0, 0);
        while still < 20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = sent.load(Ordering::Relaxed);
            still = if now == last { still + 1 } else { 0 };
            last = now;
            // The most that the kernel buffers for two sockets.
            assert!(now < READERS * (32 << 20), "{now} bytes and no end");
        }
        costs_each(&gateway, before, READERS, 800).await?;
        let mut some = vec![0; 1 << 20];
        for reader in &mut readers {
            tokio::time::timeout(PATIENCE, reader.read_exact(&mut some)).await.expect("it goes on").unwrap();
        }
        Ok(())
    })
    .await;
}

/// Clients that sent these bytes and received `until`, and the resident memory before them.
async fn many(gateway: &Process, bytes: &str, until: &[u8]) -> (u64, Vec<Stream>) {
    // The first few clients load what all of them share.
    for _ in 0..50 {
        exchange(&mut gateway.connect(wire::HTTP_1).await, bytes, until).await;
    }
    let before = gateway.resident();
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        let mut stream = gateway.connect(wire::HTTP_1).await;
        exchange(&mut stream, bytes, until).await;
        streams.push(stream);
    }
    (before, streams)
}

async fn exchange(stream: &mut Stream, bytes: &str, until: &[u8]) {
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.windows(until.len()).any(|window| window == until) {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut heard)).await.expect("an answer");
        assert_ne!(read.unwrap(), 0, "{}", String::from_utf8_lossy(&heard));
    }
}

/// Each client takes at most this many kB, after the gateway has noticed that it is silent.
async fn costs(gateway: &Process, before: u64, limit: u64) -> Result<(), String> {
    costs_each(gateway, before, CLIENTS, limit).await
}

async fn costs_each(gateway: &Process, before: u64, clients: u64, limit: u64) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let each = gateway.resident().saturating_sub(before) / clients;
        if each <= limit {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("{each} kB for each of {clients}, not {limit}"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How much memory an allocator keeps varies by some megabytes on a busy machine. If the gateway holds no buffers, at least
/// one of three processes shows it.
async fn tried(test: impl AsyncFn() -> Result<(), String>) {
    let mut said = Vec::new();
    for _ in 0..3 {
        match test().await {
            Ok(()) => return,
            Err(too_much) => said.push(too_much),
        }
    }
    panic!("{said:?}");
}

const CLIENTS: u64 = 400;
const READERS: u64 = 40;
const PIECE: usize = 64 * 1024;
