//! Several Campaign servers behind one gateway, each an [`Upstream`] that a test controls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use imsgate::config::{Campaign, Upstream as Configured};
use tokio::sync::Semaphore;

use crate::support::World;
use crate::support::http1::{Head, RawConnection};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

/// A complete response.
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEALTHY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n<redir status='OK' build='9236'/>\r\n";

/// One worker, so that one pool counts all connections, in front of these upstreams with their weights.
pub async fn in_front_of(
    upstreams: &[(&Upstream, u32)],
    change: impl FnOnce(&mut Campaign) + 'static,
) -> World {
    let upstreams: Vec<Configured> = upstreams
        .iter()
        .map(|(upstream, weight)| Configured { weight: *weight, ..upstream.url.parse().unwrap() })
        .collect();
    World::builder()
        .instance(move |instance| {
            instance.campaign.upstreams = upstreams;
            change(&mut instance.campaign);
        })
        .config(|config| config.listen.workers = 1)
        .start()
        .await
}

/// Answers every request at once. `healthy` decides about the health page.
pub async fn prompt_upstream(healthy: Arc<AtomicBool>) -> Upstream {
    Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let healthy = healthy.clone();
        async move {
            loop {
                let head = seen.request(&mut line).await?;
                line.body(&head).await.ok()?;
                line.send(if is_check(&head) && healthy.load(Ordering::Relaxed) { HEALTHY } else { OK })
                    .await;
            }
        }
    })
    .await
}

/// Answers each request when there is a permit.
pub async fn gated_upstream(permits: Arc<Semaphore>) -> Upstream {
    Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let permits = permits.clone();
        async move {
            loop {
                let head = seen.request(&mut line).await?;
                line.body(&head).await.ok()?;
                permits.acquire().await.ok()?.forget();
                line.send(OK).await;
            }
        }
    })
    .await
}

fn is_check(head: &Head) -> bool {
    head.first.starts_with("GET /r/test ")
}

/// The number of requests, without health checks.
pub fn requests(upstream: &Upstream) -> usize {
    upstream.seen().iter().filter(|line| !line.starts_with("GET /r/test ")).count()
}

/// Ejects a failed server for an hour.
pub fn ejected_for_an_hour(campaign: &mut Campaign) {
    campaign.health.ejection = Duration::from_hours(1);
    campaign.health.max_ejection = Duration::from_hours(1);
}

/// Requests a page. Its response may be incomplete.
pub async fn request_page(world: &World) {
    request_path(world, "/r/x").await;
}

/// Requests a path. Its response may be incomplete.
pub async fn request_path(world: &World, path: &str) {
    let mut line = request::connect(world).await;
    line.send(RawRequest::get(path).bytes(request::host(world))).await;
    let head = line.head().await.unwrap();
    _ = line.body(&head).await;
}

/// Ten requests are shared evenly: this server of two was not ejected.
pub async fn gets_half_of_the_requests(world: &World, upstream: &Upstream) {
    let before = requests(upstream);
    for _ in 0..10 {
        request_page(world).await;
    }
    assert_eq!(requests(upstream), before + 5, "it gets its share");
}

/// A connection on which half of a chunked upload was sent.
pub async fn half_an_upload(world: &World) -> RawConnection {
    let mut line = request::connect(world).await;
    let host = request::host(world);
    line.send(format!(
        "POST /r/x HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    ))
    .await;
    line
}
