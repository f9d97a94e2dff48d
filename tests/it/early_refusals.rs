//! A refusal reaches a client that is still sending, however long the upload takes.

use std::time::Duration;

use crate::support::admin::{value, with_admin};
use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{World, eventually};

/// Longer than a server usually keeps a socket open for a client that does not read.
const PIECES: usize = 80;
/// A reset by the gateway would arrive during the pauses.
const PAUSE: Duration = Duration::from_millis(50);

/// A client that reads only after it has sent everything.
async fn uploads(world: &World, head: RawRequest, length: usize, status: u16) {
    let mut line = request::connect(world).await;
    line.send(head.with(&format!("Content-Length: {length}")).keep_alive(request::host(world))).await;
    for number in 0..PIECES {
        let sent = line.try_send([b'x'; PIECE]).await;
        assert!(sent.is_ok(), "{status}: reset after {number} pieces: {sent:?}");
        tokio::time::sleep(PAUSE).await;
    }
    let answer = line.answer(false).await.expect("the refusal arrives");
    assert_eq!(answer.status(), status, "{}", answer.text());
}

const PIECE: usize = 4 * 1024;

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let all = PIECES * PIECE;
    let world =
        World::builder().config(move |config| config.limits.body_bytes = Some(2 * all as u64)).start().await;
    let soap = RawRequest::new("POST", "/nl/jsp/soaprouter.jsp").with("SOAPAction: xtk:session#GetOption");
    tokio::join!(
        uploads(&world, RawRequest::new("POST", "/nl/jsp/uploadFile.jsp"), 2 * all, 401),
        uploads(&world, RawRequest::new("POST", "/res/closed.jsp"), 2 * all, 403),
        uploads(&world, soap, 2 * all, 403),
        uploads(&world, RawRequest::new("POST", "/r/x"), 3 * all, 413),
    );
    world.stop().await;
}

/// Campaign answers an upload early and stops reading.
#[tokio::test]
async fn a_refusal_of_campaign_reaches_a_client_that_is_still_sending() {
    let upstream = Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        seen.request(&mut line).await?;
        line.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").await;
        // Until the response was read: closing with unread bytes would discard it here.
        tokio::time::sleep(Duration::from_millis(500)).await;
        None
    })
    .await;
    let world = upstream.world().await;
    uploads(&world, RawRequest::new("POST", "/r/x"), 3 * PIECES * PIECE, 413).await;
    world.stop().await;
}

/// The gateway does not wait for a client that has stopped sending.
#[tokio::test]
async fn a_client_that_is_silent_after_a_refusal_is_disconnected() {
    let world = with_admin().start().await;
    let mut line = request::connect(&world).await;
    line.send(
        RawRequest::new("POST", "/view/home").with("Content-Length: 1000").keep_alive(request::host(&world)),
    )
    .await;
    assert_eq!(line.answer(false).await.unwrap().status(), 401);
    eventually(async || value(&world, "imsgate_connections_open").await == 0).await;
    drop(line);
    world.stop().await;
}
