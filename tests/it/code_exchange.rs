//! A token endpoint that does not answer as it should.

use http::StatusCode;
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Fault};
use imsgate::demo::ims::ImsEndpoint;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{World, logs};

#[tokio::test]
async fn an_invalid_token_response_ends_only_the_login() {
    let world = World::builder().instance(|i| i.ims.timeout = Duration::from_millis(700)).start().await;
    let elsewhere = format!("{}/r/followed", world.campaign.url());
    for (fault, status) in [
        (Fault::Redirect(elsewhere), StatusCode::BAD_GATEWAY),
        (Fault::Html, StatusCode::BAD_GATEWAY),
        (Fault::Text("application/json", String::new()), StatusCode::BAD_GATEWAY),
        (Fault::Text("application/json", "[".repeat(100_000)), StatusCode::BAD_GATEWAY),
        (Fault::Text("application/json", r#"{"error":"eyJhbGciOi"}"#.to_owned()), StatusCode::BAD_GATEWAY),
        (Fault::Status(400), StatusCode::BAD_GATEWAY),
        (Fault::Megabytes(50), StatusCode::SERVICE_UNAVAILABLE),
        (Fault::HalfBody, StatusCode::SERVICE_UNAVAILABLE),
        (Fault::Never, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        println!("{}", format!("{fault:?}").chars().take(80).collect::<String>());
        world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, fault);
        assert_ends(&world, status).await;
    }
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn a_scope_refused_by_a_redirect_is_named_to_the_operator() {
    let world = World::start().await;
    let back = format!("{}/ims/callback?error=invalid_scope", world.origin);
    world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, Fault::Redirect(back));
    let page = world.browser().sign_in("alice", "/view/home").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(logs::audit(&page.request_id())[0].field("reason").contains("invalid_scope"));
    world.stop().await;
}

#[tokio::test]
async fn a_token_response_with_unusable_parts_ends_the_login() {
    let world = World::start().await;
    let cases: [(&str, Change); 11] = [
        ("no access token", |a| drop(a.as_object_mut().unwrap().remove("access_token"))),
        ("no id_token", |a| drop(a.as_object_mut().unwrap().remove("id_token"))),
        ("id_token of another kind", |a| a["id_token"] = 5.into()),
        ("id_token without dots", |a| a["id_token"] = "abc".into()),
        ("id_token of empty parts", |a| a["id_token"] = "..".into()),
        ("id_token of junk", |a| a["id_token"] = "eyJ9.e30.AA".into()),
        ("an access token that would split a header", |a| {
            a["access_token"] = "a\r\nX-Ims-User: admin".into();
        }),
        ("an empty access token", |a| a["access_token"] = "".into()),
        ("a lifetime of nothing", |a| a["expires_in"] = json!(0)),
        ("a lifetime that is over", |a| a["expires_in"] = json!(-1)),
        ("a lifetime in words", |a| a["expires_in"] = json!("soon")),
    ];
    for (name, change) in cases {
        println!("{name}");
        world.ims.faults().tamper_token_answer(FaultFrequency::Once, change);
        let page = world.browser().sign_in("alice", "/view/home").await;
        assert!(
            page.status.is_client_error() || page.status.is_server_error(),
            "{} {}",
            page.status,
            page.text()
        );
        assert_eq!(page.session_cookie(), None);
        assert!(!page.text().contains("eyJ"), "{}", page.text());
    }
    assert!(world.campaign.requests().is_empty());
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn a_discovery_document_with_http_endpoints_of_another_host_is_refused() {
    let world = World::builder().ims_down().start().await;
    assert_eq!(world.browser().get("/view/home").await.status, StatusCode::SERVICE_UNAVAILABLE);
    for field in
        ["token_endpoint", "authorization_endpoint", "jwks_uri", "userinfo_endpoint", "revocation_endpoint"]
    {
        world.ims.faults().clear();
        world.ims.faults().tamper_discovery(FaultFrequency::Always, move |document| {
            document[field] = "http://ims.example.com/x".into();
        });
        let page = world.browser().get("/view/home").await;
        assert_eq!(page.status, StatusCode::BAD_GATEWAY, "{field}: {}", page.text());
    }
    world.ims.faults().clear();
    world.signed_in("alice").await;
    world.stop().await;
}

async fn assert_ends(world: &World, status: StatusCode) {
    let browser = world.browser();
    let page = browser.sign_in("alice", "/view/home").await;
    assert_eq!(page.status, status, "{}", page.text());
    assert_eq!((page.session_cookie(), browser.session()), (None, None));
    assert!(
        !page.text().contains("eyJ") && !page.text().contains("Not what you asked for"),
        "{}",
        page.text()
    );
    assert!(world.campaign.requests().is_empty());
    assert_eq!(browser.get("/ims/health/live").await.status, StatusCode::OK);
}

/// A change of a token response.
type Change = fn(&mut Value);
