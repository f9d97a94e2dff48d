//! Calls to IMS: all of them wait after a 429, and made-up callbacks cannot use up the token endpoint.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode, header};
use imsgate::config::SessionMode;
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Fault};
use imsgate::demo::ims::ImsEndpoint;

use crate::support::admin::{admin_get, with_admin};
use crate::support::{Answer, Browser, OpenLogin, World};

/// Opens an address as a navigation that a trusted proxy forwards for the client at `address`.
async fn get_from(browser: &Browser, path: &str, address: &str) -> Answer {
    let request = Request::get(path)
        .header(header::ACCEPT, "text/html")
        .header("sec-fetch-mode", "navigate")
        .header("x-forwarded-for", address);
    browser.request(request.body(Bytes::new()).unwrap()).await
}

#[tokio::test]
async fn after_a_429_every_call_waits_for_as_long_as_ims_asks() {
    for endpoint in
        [ImsEndpoint::Token, ImsEndpoint::UserInfo, ImsEndpoint::Organizations, ImsEndpoint::Profile]
    {
        let world = World::start().await;
        world.ims.faults().answer(endpoint, FaultFrequency::Once, Fault::RetryAfter(60));
        let page = world.browser().sign_in("alice", "/view/home").await;
        assert_eq!((page.status, page.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "60"));
        let asked = world.ims.token_requests().len();
        world.clock.advance(Duration::from_secs(20));
        let page = world.browser().sign_in("dave", "/view/home").await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.text());
        let rest: u64 = page.header("retry-after").parse().unwrap();
        assert!((30..=40).contains(&rest), "{rest}");
        assert_eq!(world.ims.token_requests().len(), asked, "{endpoint:?}: IMS is left alone");
        world.clock.advance(Duration::from_secs(41));
        world.signed_in("dave").await;
        world.stop().await;
    }
}

#[tokio::test]
async fn a_request_that_needs_new_tokens_during_the_pause_is_told_how_long_it_lasts() {
    let life = Duration::from_mins(20);
    let world = World::builder()
        .ims(move |ims| ims.token_lifetime = life)
        .session_mode(SessionMode::Bearer)
        .config(|config| config.session.recheck_groups = Duration::from_hours(12))
        .start()
        .await;
    let alice = world.signed_in("alice").await;
    world.clock.advance(life);
    world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, Fault::RetryAfter(90));
    for _ in 0..3 {
        let answer = alice.get_json("/demo/echo").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let rest: u64 = answer.header("retry-after").parse().unwrap();
        assert!((60..=90).contains(&rest), "{rest}");
    }
    assert_eq!(world.ims.refreshes().len(), 1);
    world.clock.advance(Duration::from_secs(91));
    assert_eq!(alice.get_json("/demo/echo").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn a_very_long_retry_after_is_limited() {
    let world = World::start().await;
    world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, Fault::RetryAfter(10_000_000));
    let page = world.browser().sign_in("alice", "/view/home").await;
    assert_eq!(page.header("retry-after"), "300");
    world.clock.advance(Duration::from_secs(301));
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn junk_codes_of_one_address_stop_neither_sign_ins_nor_refreshes() {
    let life = Duration::from_mins(20);
    let world = with_admin()
        .ims(move |ims| ims.token_lifetime = life)
        .session_mode(SessionMode::Bearer)
        .config(|config| {
            config.session.recheck_groups = Duration::from_hours(12);
            config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        })
        .start()
        .await;
    let bob = world.signed_in("alice").await;
    world.clock.advance(life);
    let before = world.ims.token_requests().len();
    // IMS answers the first calls slowly.
    for _ in 0..40 {
        world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Once, Fault::Never);
    }
    let junk = join_all((0..40).map(async |_| {
        let browser = world.browser();
        let state = get_from(&browser, "/view/home", "192.0.2.1").await.parameter("state").unwrap();
        (browser, format!("/ims/callback?code=junk&state={state}"))
    }));
    let junk = junk.await;
    let attack = junk.iter().map(|(browser, path)| get_from(browser, path, "192.0.2.1"));
    let calls = || world.ims.token_requests().len() - before;
    let rest = async {
        world.eventually(|| calls() == 4).await;
        let text = admin_get(&world, "/metrics", "127.0.0.1").await.text();
        assert!(
            text.contains("imsgate_ims_token_calls{campaign_instance=\"default\",share=\"sign-in\"} 4\n"),
            "{text}"
        );
        world.ims.faults().clear();
        // While these calls wait, another address signs in and a live session refreshes its tokens.
        let person = world.browser();
        let login = OpenLogin::begin(&person, "/view/home").await;
        let answer = get_from(&person, &login.callback(), "192.0.2.2").await;
        assert_eq!(answer.location(), "/view/home", "{}", answer.text());
        assert_eq!(bob.get_json("/demo/echo").await.status, StatusCode::OK);
        assert_eq!(calls(), 6, "the junk of one address makes four calls at once");
    };
    let (answers, ()) = tokio::join!(join_all(attack), rest);
    let busy = answers.iter().filter(|answer| answer.text().contains("Many people are signing in"));
    for answer in busy.clone() {
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    }
    assert_eq!(busy.count(), 36);
    let text = admin_get(&world, "/metrics", "127.0.0.1").await.text();
    for line in [
        "calls{campaign_instance=\"default\",share=\"sign-in\"} 0",
        "refused_total{campaign_instance=\"default\",share=\"sign-in\"} 36",
    ] {
        assert!(text.contains(&format!("imsgate_ims_token_{line}\n")), "{line}\n{text}");
    }
    world.stop().await;
}
