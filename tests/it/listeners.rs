//! Listeners: a Unix socket, addresses of both families, and the PROXY protocol of a load balancer.

use std::io::Write as _;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use imsgate::config::ListenAddress;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::support::World;
use crate::support::admin::{hits, with_admin};
use crate::support::http1::{Echo, RawConnection};
use crate::support::request::{self, RawRequest};

#[tokio::test]
async fn a_unix_socket_can_be_a_listener() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("https.sock");
    let place = ListenAddress::Unix(path.clone());
    let world = World::builder().config(move |config| config.listen.https.push(place)).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    for _ in 0..8 {
        let stream = UnixStream::connect(&path).await.unwrap();
        let mut line = RawConnection::new(world.connect_over(stream).await.unwrap());
        line.send(RawRequest::get("/demo/echo").session(&alice).keep_alive(request::host(&world))).await;
        let echo = Echo::of(&line.answer(false).await.unwrap());
        assert_eq!(echo.field("x-forwarded-for"), Some("127.0.0.1"));
    }
    world.stop().await;
    assert!(!path.exists(), "removed at the end");
}

#[tokio::test]
async fn both_address_families_can_be_listeners() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: this machine has no ::1");
        return;
    }
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let world = World::builder().config(move |config| config.listen.https.push(six.into())).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let [four, six] = world.gateway.https[..] else { panic!("{:?}", world.gateway.https) };
    assert!(six.is_ipv6() && six.port() != 0, "{six}");
    for (address, client) in [(four, "127.0.0.1"), (six, "::1")] {
        // At any worker.
        for _ in 0..8 {
            let stream = TcpStream::connect(address).await.unwrap();
            let mut line = RawConnection::new(world.connect_over(stream).await.unwrap());
            line.send(RawRequest::get("/demo/echo").session(&alice).keep_alive(request::host(&world))).await;
            let echo = Echo::of(&line.answer(false).await.unwrap());
            assert_eq!(echo.field("x-forwarded-for"), Some(client));
        }
    }
    world.stop().await;
}

/// A gateway behind a balancer at 127.0.0.1.
async fn behind_balancer(trusted: &'static str) -> World {
    with_admin()
        .config(move |config| {
            config.listen.proxy_protocol = true;
            config.listen.trusted_proxies = vec![trusted.parse().unwrap()];
        })
        .start()
        .await
}

/// Connects and sends this header first.
async fn connect(world: &World, header: &[u8]) -> std::io::Result<RawConnection> {
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    stream.write_all(header).await?;
    Ok(RawConnection::new(world.connect_over(stream).await?))
}

#[tokio::test]
async fn the_proxy_protocol_names_the_client() {
    let world = behind_balancer("127.0.0.0/8").await;
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x01\x30\x39\x01\xbb";
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for (header, client) in [
        (&b"PROXY TCP4 192.0.2.9 192.0.2.1 12345 443\r\n"[..], "192.0.2.9"),
        (b"PROXY TCP6 2001:db8::5 2001:db8::1 12345 443\r\n", "2001:db8::5"),
        (v2, "192.0.2.7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (local, "127.0.0.1"),
    ] {
        let mut line = connect(&world, header).await.unwrap();
        // The gateway ignores forwarding headers of the client: the client wrote the request, not the balancer.
        line.send(
            RawRequest::get("/r/test").with("X-Forwarded-For: 10.9.9.9").keep_alive(request::host(&world)),
        )
        .await;
        assert_eq!(line.answer(false).await.unwrap().status(), 200);
        let request = world.last_request();
        let seen = request.header("x-forwarded-for").unwrap();
        let expected =
            if client == "127.0.0.1" { "10.9.9.9, 127.0.0.1".to_owned() } else { client.to_owned() };
        assert_eq!(seen, expected, "{}", header.escape_ascii());
    }
    world.stop().await;
}

#[tokio::test]
async fn connections_without_a_valid_proxy_header_are_closed() {
    let world = behind_balancer("127.0.0.0/8").await;
    for header in [
        &b""[..],
        b"PROXY TCP4 192.0.2.9 192.0.2.1 12345\r\n",
        b"PROXY TCP4 192.0.2.9 192.0.2.1 12345 443\n\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"GET / HTTP/1.1\r\n",
        &[b'P'; 200],
    ] {
        assert!(connect(&world, header).await.is_err(), "{}", header.escape_ascii());
    }
    assert_eq!(hits(&world, "proxy_protocol").await, 6);
    world.stop().await;
}

#[tokio::test]
async fn only_trusted_proxies_may_send_a_proxy_header() {
    let world = behind_balancer("10.0.0.0/8").await;
    assert!(connect(&world, b"PROXY TCP4 10.0.0.1 192.0.2.1 12345 443\r\n").await.is_err());
    assert!(connect(&world, b"").await.is_err());
    world.stop().await;
    // Without the setting, the header is an invalid TLS handshake.
    let world = World::start().await;
    assert!(connect(&world, b"PROXY TCP4 10.0.0.1 192.0.2.1 12345 443\r\n").await.is_err());
    world.stop().await;
}

#[tokio::test]
async fn the_redirect_expects_the_header_too() {
    let world = World::builder()
        .config(|config| {
            config.listen.http_redirect = vec![([127, 0, 0, 1], 0).into()];
            config.listen.proxy_protocol = true;
            config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        })
        .start()
        .await;
    for (header, answers) in [("PROXY UNKNOWN\r\n", true), ("", false)] {
        let mut stream = TcpStream::connect(world.gateway.http_redirect[0]).await.unwrap();
        stream.write_all(format!("{header}GET /x HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        assert_eq!(answer.contains("308"), answers, "{answer}");
    }
    world.stop().await;
}

/// Closing a socket with unread bytes would discard the redirect.
#[tokio::test]
async fn the_redirect_arrives_although_the_client_is_still_sending() {
    let world = World::builder()
        .config(|config| config.listen.http_redirect = vec![([127, 0, 0, 1], 0).into()])
        .start()
        .await;
    let long = format!("GET /x\0 HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(1000));
    for (head, status) in
        [("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", "308"), (&*long, "400")]
    {
        let mut stream = TcpStream::connect(world.gateway.http_redirect[0]).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The response has arrived and is not read yet.
        stream.readable().await.unwrap();
        for number in 0..20 {
            let sent = stream.write_all(&[b'x'; 1000]).await;
            assert!(sent.is_ok(), "{status}: reset after {number} pieces: {sent:?}");
            // A reset by the gateway would arrive during the pauses.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    world.stop().await;
}

/// `0.0.0.0:80` and `[::]:80` can be configured together: neither takes the other's port.
#[tokio::test]
async fn the_redirect_listens_on_both_families() {
    let port = free_port_of_both();
    let world = World::builder()
        .config(move |config| {
            config.listen.http_redirect = vec![([0, 0, 0, 0], port).into(), ([0; 8], port).into()];
        })
        .start()
        .await;
    for address in ["127.0.0.1", "::1"] {
        let Ok(mut stream) = TcpStream::connect((address, port)).await else {
            assert_ne!(address, "127.0.0.1");
            eprintln!("skipped: this machine has no ::1");
            continue;
        };
        stream.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    }
    world.stop().await;
}

/// A port that is free in both families.
fn free_port_of_both() -> u16 {
    std::net::TcpListener::bind(("0.0.0.0", 0)).unwrap().local_addr().unwrap().port()
}

/// Silent clients have a quota of their own at the redirect. Later ones wait for it; TLS clients do not.
#[tokio::test]
async fn silent_clients_of_the_redirect_do_not_block_others() {
    let world = World::builder()
        .config(|config| config.listen.http_redirect = vec![([127, 0, 0, 1], 0).into()])
        .start()
        .await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(world.gateway.http_redirect[0]).await.unwrap());
    }
    let mut last = TcpStream::connect(world.gateway.http_redirect[0]).await.unwrap();
    last.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(RawRequest::get("/r/test").send_to(&world).await.status(), 200);
    drop(silent);
    let mut answer = String::new();
    last.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    world.stop().await;
}
