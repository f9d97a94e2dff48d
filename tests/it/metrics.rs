//! Metrics and health at the admin listener, for the operator only.

use imsgate::config::ListenAddress;

use crate::support::World;
use crate::support::admin::{admin_get, value, with_admin};
use crate::support::request::RawRequest;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn requests_connections_sessions_and_errors_are_counted() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let before = value(&world, "imsgate_requests_total{status=\"2xx\"}").await;
    for _ in 0..5 {
        assert_eq!(RawRequest::get("/demo/echo").session(&alice).send_to(&world).await.status(), 200);
    }
    assert_eq!(value(&world, "imsgate_requests_total{status=\"2xx\"}").await, before + 5);
    let mut line = crate::support::request::connect(&world).await;
    line.send(
        RawRequest::get("/demo/echo")
            .session(&"A".repeat(22))
            .keep_alive(crate::support::request::host(&world)),
    )
    .await;
    assert_eq!(line.answer(false).await.unwrap().status(), 401);
    assert!(value(&world, "imsgate_session_lookups_total{outcome=\"found\"}").await >= 5);
    assert_eq!(value(&world, "imsgate_session_lookups_total{outcome=\"unknown\"}").await, 1);
    assert!(value(&world, "imsgate_connections_open").await >= 1);
    world.campaign.stop().await;
    assert_eq!(RawRequest::get("/r/test").send_to(&world).await.status(), 502);
    assert_eq!(value(&world, "imsgate_upstream_errors_total{reason=\"connect\"}").await, 1);
    world.stop().await;
}

#[tokio::test]
async fn sign_ins_and_the_calls_that_they_need_are_counted() {
    let world = with_admin().start().await;
    let result = |outcome: &str, reason: &str| {
        format!(
            "imsgate_sign_ins_total{{campaign_instance=\"default\",outcome=\"{outcome}\",reason=\"{reason}\"}}"
        )
    };
    assert_eq!(value(&world, &result("signed_in", "new_session")).await, 0);
    world.signed_in("alice").await;
    world.browser().sign_in("carol", "/view/home").await;
    assert_eq!(value(&world, &result("signed_in", "new_session")).await, 1);
    assert_eq!(value(&world, &result("refused", "other_organization")).await, 1);
    assert_eq!(value(&world, "imsgate_sessions_active").await, 1);
    for operation in [
        "imsgate_ims_call_duration_seconds_count{campaign_instance=\"default\",operation=\"token\",outcome=\"answered\"}",
        "imsgate_campaign_soap_duration_seconds_count{campaign_instance=\"default\",operation=\"BearerTokenLogon\",outcome=\"answered\"}",
        "imsgate_store_operation_duration_seconds_count{operation=\"create\",outcome=\"answered\"}",
    ] {
        assert!(value(&world, operation).await >= 1, "{operation}");
    }
    world.stop().await;
}

#[tokio::test]
async fn incomplete_responses_are_counted() {
    let upstream = Upstream::answering(["HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf"]).await;
    let url = upstream.url.parse().unwrap();
    let world = with_admin().instance(|instance| instance.campaign.upstreams = vec![url]).start().await;
    let mut line = crate::support::request::connect(&world).await;
    line.send(RawRequest::get("/r/0").keep_alive(crate::support::request::host(&world))).await;
    assert!(line.answer(false).await.is_err());
    assert_eq!(value(&world, "imsgate_upstream_errors_total{reason=\"cut\"}").await, 1);
    world.stop().await;
}

#[tokio::test]
async fn health_has_detail_for_the_operator_only() {
    let world = with_admin().start().await;
    world.signed_in("alice").await;
    let health = admin_get(&world, "/health", "localhost:9090").await;
    assert_eq!((health.status(), health.json()["ims"].as_str()), (200, Some("ready")));
    assert_eq!(health.json()["campaign"][0]["state"], "healthy");
    for path in ["/metrics", "/health"] {
        assert_eq!(admin_get(&world, path, "evil.example").await.status(), 421, "DNS rebinding");
        let public = RawRequest::get(path).send_to(&world).await;
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
fn listen_addresses_are_written_as_they_are_read() {
    for text in ["systemd", "systemd:web"] {
        let name = text.strip_prefix("systemd:").map(str::to_owned);
        assert_eq!(ListenAddress::Systemd(name).to_string(), text);
    }
}
