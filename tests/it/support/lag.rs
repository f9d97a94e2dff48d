//! A TCP forwarder that delays one direction, until it is cut.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Forwards connections from one port to another.
pub struct Lag {
    pub port: u16,
    cut: CancellationToken,
}

impl Lag {
    /// Everything that the server at `port` sends arrives this much later.
    pub async fn start(port: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (own, cut) = (listener.local_addr().unwrap().port(), CancellationToken::new());
        let token = cut.clone();
        tokio::spawn(token.clone().run_until_cancelled_owned(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(client, port, delay, token.clone()));
            }
        }));
        Self { port: own, cut }
    }

    /// Drops all data from now on, also data in flight, without closing a connection.
    pub fn cut(&self) {
        self.cut.cancel();
    }
}

async fn carry(client: TcpStream, port: u16, delay: Duration, cut: CancellationToken) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (sender, mut under_way) = mpsc::unbounded_channel::<(Instant, Bytes)>();
    let there = async { tokio::io::copy(&mut from_client, &mut to_server).await };
    let on_its_way = async {
        let mut buffer = BytesMut::with_capacity(64 * 1024);
        while from_server.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
            let _ = sender.send((Instant::now() + delay, buffer.split().freeze()));
        }
    };
    let back = async {
        while let Some((when, bytes)) = under_way.recv().await {
            tokio::time::sleep_until(when).await;
            if to_client.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        biased;
        // The connections stay open.
        () = cut.cancelled() => std::future::pending().await,
        _ = there => {}
        () = on_its_way => {}
        () = back => {}
    }
}
