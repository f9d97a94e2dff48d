//! The admin listener, as an operator or a monitoring system uses it.

use std::time::Duration;

use crate::support::http1::{Answer, RawConnection};
use crate::support::request::RawRequest;
use crate::support::{Builder, World};

/// A world with an admin listener, to be configured further.
pub fn with_admin() -> Builder {
    World::builder().config(|config| config.listen.admin = Some(([127, 0, 0, 1], 0).into()))
}

/// Sends a GET with this `Host` to the admin listener.
pub async fn admin_get(world: &World, path: &str, host: &str) -> Answer {
    let address = world.gateway.admin.unwrap();
    let mut line = RawConnection::new(tokio::net::TcpStream::connect(address).await.unwrap());
    line.send(RawRequest::get(path).bytes(host)).await;
    line.answer(false).await.unwrap()
}

/// Sends a request without fields to the admin listener.
pub async fn ask(world: &World, method: &str, target: &str) -> Answer {
    send(world, &RawRequest::new(method, target)).await
}

/// Sends this request to the admin listener.
pub async fn send(world: &World, ask: &RawRequest) -> Answer {
    let address = world.gateway.admin.unwrap();
    let mut line = RawConnection::new(tokio::net::TcpStream::connect(address).await.unwrap());
    line.send(ask.bytes("127.0.0.1")).await;
    line.answer(false).await.unwrap()
}

/// One value of the metrics. `metric` is the name and the labels as the exposition format writes them.
pub async fn value(world: &World, metric: &str) -> u64 {
    let text = admin_get(world, "/metrics", "127.0.0.1").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {metric} in {text}")).parse().unwrap()
}

/// How often this limit was reached.
pub async fn hits(world: &World, limit: &str) -> u64 {
    value(world, &format!("imsgate_limit_hits_total{{limit=\"{limit}\"}}")).await
}

/// Waits until this limit was reached this many times: the client may get its response before the limit is counted.
pub async fn await_hits(world: &World, limit: &str, wanted: u64) {
    await_value(world, &format!("imsgate_limit_hits_total{{limit=\"{limit}\"}}"), wanted).await;
}

/// Waits until a metric has this value.
pub async fn await_value(world: &World, metric: &str, wanted: u64) {
    let mut found = 0;
    for _ in 0..500 {
        found = value(world, metric).await;
        if found == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{metric} is {found}, not {wanted}");
}
