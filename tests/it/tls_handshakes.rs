//! TLS handshakes: what is negotiated, and that a ticket saves the expensive part of the next one.

use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, HandshakeKind, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::World;
use crate::support::request::{self, RawRequest};

/// The kernel chooses one of the two workers for each connection. Of this many, some go to each.
const CONNECTIONS: usize = 24;

#[tokio::test]
async fn a_ticket_is_accepted_at_every_worker() {
    let world = World::start().await;
    for version in [&TLS13, &TLS12] {
        let client = world.client(default_provider(), version);
        for number in 0..CONNECTIONS {
            let mut stream = world.connect_as(&client).await;
            stream.write_all(&RawRequest::get("/r/test").bytes(request::host(&world))).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200"));
            let wanted = if number == 0 { HandshakeKind::Full } else { HandshakeKind::Resumed };
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(wanted), "{version:?}, {number}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_client_that_sends_nothing_gets_a_ticket() {
    let world = World::start().await;
    let client = world.client(default_provider(), &TLS13);
    let mut stream = world.connect_as(&client).await;
    let mut nothing = [0];
    // Before the gateway takes the idle connection out of hyper.
    for _ in 0..20 {
        // Reading processes what has arrived. Only the ticket arrives.
        let reading = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut nothing));
        assert!(reading.await.is_err(), "the connection stays open");
        if world.connect_as(&client).await.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
            return world.stop().await;
        }
    }
    panic!("no ticket came");
}

/// AES-128 with SHA-256 comes before AES-256 with SHA-384, whatever the client prefers. A client that offers only the latter gets it.
#[tokio::test]
async fn the_gateway_chooses_the_cipher() {
    let world = World::start().await;
    let cases: [(&'static SupportedProtocolVersion, _); 2] = [
        (&TLS13, [CipherSuite::TLS13_AES_128_GCM_SHA256, CipherSuite::TLS13_AES_256_GCM_SHA384]),
        (
            &TLS12,
            [
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            ],
        ),
    ];
    for (version, [first, second]) in cases {
        for (wanted, offered) in [(first, None), (second, Some(second))] {
            let mut provider = default_provider();
            provider.cipher_suites.retain(|suite| offered.is_none_or(|offered| suite.suite() == offered));
            let stream = world.connect_as(&world.client(provider, version)).await;
            assert_eq!(stream.get_ref().1.negotiated_cipher_suite().unwrap().suite(), wanted);
        }
    }
    world.stop().await;
}
