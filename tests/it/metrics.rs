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
async fn the_time_of_a_request_has_two_parts_by_caller_method_and_status() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let public = async |path: &str| RawRequest::get(path).send_to(&world).await.status();
    assert_eq!(public("/r/test").await, 200);
    assert_eq!(public("/demo/echo").await, 401);
    assert_eq!(RawRequest::get("/demo/echo").session(&alice).send_to(&world).await.status(), 200);
    let text = admin_get(&world, "/metrics", "127.0.0.1").await.text();
    let counts = |part: &str, labels: &str, wanted: u64| {
        let line = format!(
            "imsgate_request_{part}_duration_seconds_count{{campaign_instance=\"default\",{labels}}} {wanted}"
        );
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    };
    for part in ["gateway", "campaign"] {
        counts(part, "caller=\"anonymous\",method=\"read\",status=\"2xx\"", 1);
        counts(part, "caller=\"person\",method=\"read\",status=\"2xx\"", 1);
    }
    // Campaign was not asked for this one, nor for the callback of the sign-in.
    counts("gateway", "caller=\"anonymous\",method=\"read\",status=\"4xx\"", 1);
    counts("gateway", "caller=\"gateway_route\",method=\"read\",status=\"3xx\"", 1);
    for not_asked in ["status=\"4xx\"", "caller=\"gateway_route\""] {
        let mut of_campaign = text.lines().filter(|line| line.starts_with("imsgate_request_campaign_"));
        assert!(!of_campaign.any(|line| line.contains(not_asked)), "{text}");
    }
    let upstream = format!("upstream=\"{}\"", world.campaign.url().trim_end_matches('/'));
    let up = format!("imsgate_upstream_up{{campaign_instance=\"default\",{upstream}}} 1");
    assert!(text.lines().any(|found| found == up), "{up}\n{text}");
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
