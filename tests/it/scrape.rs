//! The admin listener: metrics and health, for the operator and for nobody else.

use std::time::Duration;

use imsgate::config::ListenAddress;

use crate::ask::Ask;
use crate::raw::Line;
use crate::support::{Builder, World};
use crate::upstream::Upstream;

/// A world to be changed further, with an admin listener.
pub fn with_admin() -> Builder {
    World::builder().config(|config| config.listen.admin = Some(([127, 0, 0, 1], 0).into()))
}

/// Asks the admin listener.
pub async fn ask_admin(world: &World, path: &str, host: &str) -> crate::raw::Answer {
    let address = world.gateway.admin.unwrap();
    let mut line = Line::new(tokio::net::TcpStream::connect(address).await.unwrap());
    line.send(Ask::get(path).bytes(host)).await;
    line.answer(false).await.unwrap()
}

/// One value of the metrics, by name and labels as they are written.
pub async fn value(world: &World, metric: &str) -> u64 {
    let text = ask_admin(world, "/metrics", "127.0.0.1").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {metric} in {text}")).parse().unwrap()
}

/// How often a limit was reached.
pub async fn hits(world: &World, limit: &str) -> u64 {
    value(world, &format!("imsgate_limit_hits_total{{limit=\"{limit}\"}}")).await
}

#[tokio::test]
async fn requests_connections_sessions_and_errors_are_counted() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let before = value(&world, "imsgate_requests_total{status=\"2xx\"}").await;
    for _ in 0..5 {
        assert_eq!(Ask::get("/demo/echo").session(&alice).of(&world).await.status(), 200);
    }
    assert_eq!(value(&world, "imsgate_requests_total{status=\"2xx\"}").await, before + 5);
    let mut line = crate::ask::line(&world).await;
    line.send(Ask::get("/demo/echo").session(&"A".repeat(22)).kept(crate::ask::host(&world))).await;
    assert_eq!(line.answer(false).await.unwrap().status(), 401);
    assert!(value(&world, "imsgate_session_lookups_total{outcome=\"found\"}").await >= 5);
    assert_eq!(value(&world, "imsgate_session_lookups_total{outcome=\"unknown\"}").await, 1);
    assert!(value(&world, "imsgate_connections_open").await >= 1);
    world.campaign.stop().await;
    assert_eq!(Ask::get("/r/test").of(&world).await.status(), 502);
    assert_eq!(value(&world, "imsgate_upstream_errors_total{reason=\"connect\"}").await, 1);
    world.stop().await;
}

#[tokio::test]
async fn answers_that_end_too_early_are_counted() {
    let upstream = Upstream::answering(["HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf"]).await;
    let url = upstream.url.parse().unwrap();
    let world = with_admin().instance(|instance| instance.campaign.upstreams = vec![url]).start().await;
    let mut line = crate::ask::line(&world).await;
    line.send(Ask::get("/r/0").kept(crate::ask::host(&world))).await;
    assert!(line.answer(false).await.is_err());
    assert_eq!(value(&world, "imsgate_upstream_errors_total{reason=\"cut\"}").await, 1);
    world.stop().await;
}

#[tokio::test]
async fn health_has_detail_for_the_operator_only() {
    let world = with_admin().start().await;
    world.signed_in("alice").await;
    let health = ask_admin(&world, "/health", "localhost:9090").await;
    assert_eq!((health.status(), health.json()["ims"].as_str()), (200, Some("ready")));
    assert_eq!(health.json()["campaign"][0]["standing"], "good");
    for path in ["/metrics", "/health"] {
        assert_eq!(ask_admin(&world, path, "evil.example").await.status(), 421, "DNS rebinding");
        let public = Ask::get(path).of(&world).await;
        assert_eq!(public.status(), 401);
        assert!(!public.text().contains("imsgate_"));
    }
    world.stop().await;
}

#[tokio::test]
async fn without_an_address_there_is_no_admin_listener() {
    let world = World::start().await;
    assert_eq!(world.gateway.admin, None);
    world.stop().await;
}

#[test]
fn places_are_written_as_they_are_read() {
    for text in ["systemd", "systemd:web"] {
        let name = text.strip_prefix("systemd:").map(str::to_owned);
        assert_eq!(ListenAddress::Systemd(name).to_string(), text);
    }
}

/// Waits until a limit was reached so many times, for a client may hear of it first; fails when it is not.
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
