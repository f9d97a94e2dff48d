//! Campaign behind TLS with a private certificate authority: exact bodies, tunnels, persistent connections, and ends without
//! `close_notify`.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use imsgate::config::Upstream;
use imsgate::demo;
use serde_json::json;
use socket2::SockRef;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::World;
use crate::support::bodies::hex;
use crate::support::request::{self, RawRequest};
use crate::support::tunnel::{acceptor, join};
use crate::support::websocket::{echoed, open};

/// A world whose upstream is https.
struct Secured {
    world: World,
    connections: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
    _authority: TempDir,
}

impl Secured {
    /// The Campaign simulator behind TLS.
    async fn start() -> Self {
        Self::serving(|stream, campaign| async move { join(stream, &campaign).await }).await
    }

    /// Serves every connection with `serve`, which gets the address of the simulator.
    async fn serving<F, Served>(serve: F) -> Self
    where
        F: Fn(TlsStream<TcpStream>, String) -> Served + Send + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        Self::over(TcpListener::bind("127.0.0.1:0").await.unwrap(), serve).await
    }

    /// The same with this listener.
    async fn over<F, Served>(listener: TcpListener, serve: F) -> Self
    where
        F: Fn(TlsStream<TcpStream>, String) -> Served + Send + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        let (certificate, key) = demo::certificate(&["127.0.0.1"]);
        let authority = tempfile::tempdir().unwrap();
        let file = authority.path().join("ca.pem");
        std::fs::write(&file, &certificate).unwrap();
        let acceptor = acceptor(&certificate, &key);
        let upstream: Upstream = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let world = World::builder()
            .instance(|instance| {
                instance.campaign.upstreams = vec![upstream];
                instance.campaign.ca_file = Some(file);
            })
            // One worker, so that the next request uses the connection of the previous one.
            .config(|config| config.listen.workers = 1)
            .start()
            .await;
        let (campaign, connections) = (world.campaign.url(), Arc::<AtomicUsize>::default());
        let counted = connections.clone();
        let serving = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let stream = acceptor.accept(stream).await.unwrap();
                tasks.spawn(serve(stream, campaign.clone()));
            }
        });
        Self { world, connections, serving, _authority: authority }
    }

    async fn stop(self) {
        self.serving.abort();
        self.world.stop().await;
    }
}

#[tokio::test]
async fn an_upload_and_a_download_of_megabytes_keep_every_byte() {
    let secured = Secured::start().await;
    let world = &secured.world;
    let alice = world.signed_in("alice").await.session().unwrap();
    // All pieces are different.
    let body = (0..800_000).map(|number| format!("{number:08}")).collect::<Vec<_>>().concat();
    let whole = json!({ "bytes": body.len(), "sha256": hex(digest(&SHA256, body.as_bytes()).as_ref()) });
    let with_length = RawRequest::post("/demo/upload", &body).session(&alice).send_to(world).await;
    assert_eq!(with_length.json(), whole);

    let mut line = request::connect(world).await;
    let head = RawRequest::new("POST", "/demo/upload").session(&alice).with("Transfer-Encoding: chunked");
    line.send(head.keep_alive(request::host(world))).await;
    for piece in body.as_bytes().chunks(70_001) {
        line.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).await;
    }
    line.send("0\r\n\r\n").await;
    assert_eq!(line.answer(false).await.unwrap().json(), whole);

    let download = RawRequest::get("/res/8m").send_to(world).await;
    assert_eq!(download.body.len(), 8 << 20);
    assert!(download.body.iter().all(|byte| *byte == b'c'));
    secured.stop().await;
}

/// TLS may keep data until it is flushed. Here the client sends nothing more before the last piece has arrived.
#[tokio::test]
async fn a_small_piece_of_an_upload_is_sent_at_once() {
    let secured = Secured::start().await;
    let world = &secured.world;
    let alice = world.signed_in("alice").await.session().unwrap();
    let sizes = [100_000, 1, 40_000, 3];
    for chunked in [false, true] {
        world.campaign.forget_requests();
        let framing = if chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {}", sizes.iter().sum::<usize>())
        };
        let mut line = request::connect(world).await;
        let head = RawRequest::new("POST", "/demo/upload").session(&alice).with(&framing);
        line.send(head.keep_alive(request::host(world))).await;
        let mut sent = 0;
        for size in sizes {
            let piece = "x".repeat(size);
            line.send(if chunked { format!("{size:x}\r\n{piece}\r\n") } else { piece }).await;
            sent += size as u64;
            let arrived = || world.campaign.requests().last().is_some_and(|request| request.body_len == sent);
            world.eventually(arrived).await;
        }
        if chunked {
            line.send("0\r\n\r\n").await;
        }
        assert_eq!(line.answer(false).await.unwrap().json()["bytes"], json!(sent), "{framing}");
    }
    secured.stop().await;
}

/// As above, but the socket is full at the last piece. The client has sent everything and Campaign reads on, so only the
/// gateway can send the rest.
#[tokio::test]
async fn the_last_piece_for_a_slow_reader_is_sent() {
    let socket = TcpSocket::new_v4().unwrap();
    // A small buffer, so that the socket is full early, also on loopback with its segments of 64 kB.
    socket.set_recv_buffer_size(4096).unwrap();
    SockRef::from(&socket).set_tcp_mss(536).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let secured = Secured::over(socket.listen(16).unwrap(), |mut stream, _| async move {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                head.push(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let mut left: usize = head.split(['/', ' ']).nth(3).unwrap().parse().unwrap();
            let mut piece = [0; 512];
            while left > 0 {
                // During the pause more bytes arrive than are read.
                tokio::time::sleep(Duration::from_millis(1)).await;
                let count = stream.read(&mut piece[..left.min(512)]).await.unwrap();
                assert_ne!(count, 0, "{left} bytes are missing");
                left -= count;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole").await.unwrap();
            stream.flush().await.unwrap();
        }
    })
    .await;
    // TLS keeps at most 64 kB. Whatever the kernel has buffered, one of these lengths ends within them.
    for length in (20_000..=220_000).step_by(40_000) {
        let ask = RawRequest::post(&format!("/r/{length}"), &"x".repeat(length));
        assert_eq!(ask.send_to(&secured.world).await.text(), "whole", "{length}");
    }
    secured.stop().await;
}

#[tokio::test]
async fn a_websocket_echoes_messages_through_tls() {
    let secured = Secured::start().await;
    let world = &secured.world;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut socket = open(world, &alice, Some(&world.origin)).await.unwrap();
    let long: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for message in [Message::text("hello"), Message::text(""), Message::binary(long), Message::text("again")]
    {
        assert!(echoed(&mut socket, message.clone()).await == message, "{} bytes", message.len());
    }
    secured.stop().await;
}

#[tokio::test]
async fn one_tls_connection_serves_request_after_request() {
    let secured = Secured::start().await;
    for number in 0..20 {
        let (ask, status) = match number % 4 {
            0 => (RawRequest::get("/r/test"), 200),
            1 => (RawRequest::post("/webApp/x", "a=b"), 200),
            2 => (RawRequest::new("HEAD", "/res/1m"), 200),
            _ => (RawRequest::get("/res/1m"), 200),
        };
        assert_eq!(ask.send_to(&secured.world).await.status(), status, "{number}");
    }
    assert_eq!(secured.connections.load(Ordering::Relaxed), 1);
    secured.stop().await;
}

/// A response without a length ends with its connection. Without `close_notify` anybody on the network could have ended it
/// (RFC 8446 §6.1, RFC 9112 §9.8).
#[tokio::test]
async fn a_response_that_ends_without_close_notify_is_incomplete() {
    for close_notify in [true, false] {
        let secured = Secured::serving(move |mut stream, _| async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nten euros").await.unwrap();
            stream.flush().await.unwrap();
            if close_notify {
                stream.shutdown().await.unwrap();
            } else {
                stream.get_mut().0.shutdown().await.unwrap();
            }
            let _ = stream.read_to_end(&mut head).await;
        })
        .await;
        let world = &secured.world;
        let whole = |body: std::io::Result<Vec<u8>>| body.ok().map(|body| String::from_utf8(body).unwrap());
        let expected = close_notify.then(|| "ten euros".to_owned());

        let mut line = request::connect(world).await;
        line.send(RawRequest::get("/r/x").keep_alive(request::host(world))).await;
        let head = line.head().await.unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(whole(line.body(&head).await), expected, "in chunks");

        // A client without chunked encoding notices it by the missing close_notify.
        let mut line = request::connect(world).await;
        line.send(format!("GET /r/x HTTP/1.0\r\nHost: {}\r\n\r\n", request::host(world))).await;
        let head = line.head().await.unwrap();
        assert_eq!((head.status(), head.field("transfer-encoding")), (200, None));
        assert_eq!(whole(line.body(&head).await), expected, "to the end of the connection");

        let mut sender = request::http2::<Empty<Bytes>>(world).await;
        let request = http::Request::get(format!("{}/r/x", world.origin)).body(Empty::new()).unwrap();
        let body = sender.send_request(request).await.unwrap().into_body().collect().await;
        assert_eq!(body.is_ok(), close_notify, "in a stream");
        secured.stop().await;
    }
}
