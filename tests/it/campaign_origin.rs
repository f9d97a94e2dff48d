//! What Campaign receives about the origin of a request: host, client address, HTTPS. The gateway's own calls send the same.

use http::StatusCode;
use imsgate::demo::campaign::{BearerLogonRefusal, Recorded, Zone};
use imsgate::demo::faults::FaultFrequency;

use crate::support::request::RawRequest;
use crate::support::{World, logs};

const ROUTER: &str = "/nl/jsp/soaprouter.jsp";

/// The gateway's own calls with this SOAP action.
fn calls(world: &World, action: &str) -> Vec<Recorded> {
    let is_call = |request: &Recorded| request.header("soapaction") == Some(action);
    world.campaign.requests().into_iter().filter(is_call).collect()
}

#[tokio::test]
async fn logon_and_logoff_carry_the_public_host_the_persons_address_and_https() {
    let world = World::builder()
        .campaign(|options| options.dns_mask = "localhost*".to_owned())
        .config(|config| config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()])
        .start()
        .await;
    let host = world.origin.trim_start_matches("https://").to_owned();
    let browser = world.browser();
    let to_ims = browser.get("/view/home").await;
    let callback = browser.at_ims(&to_ims, "alice").await;
    let request = http::Request::get(callback.target().as_str()).header("x-forwarded-for", "203.0.113.7");
    let signed_in = browser.request(request.body(bytes::Bytes::new()).unwrap()).await;
    assert_eq!(signed_in.status, StatusCode::SEE_OTHER, "{}", signed_in.text());
    assert_eq!(world.campaign.sessions()[0].address.to_string(), "203.0.113.7");
    let logout = http::Request::post("/ims/logout").header("origin", &world.origin);
    browser.request(logout.body(bytes::Bytes::new()).unwrap()).await;
    let own = [calls(&world, "xtk:session#BearerTokenLogon"), calls(&world, "xtk:session#Logoff")].concat();
    assert_eq!(own.len(), 2);
    for call in own {
        assert_eq!(call.header("host"), Some(host.as_str()));
        // The Logoff comes from another address: Campaign may have bound the session to that of its logon.
        assert_eq!(call.header("x-forwarded-for"), Some("203.0.113.7"));
        assert_eq!(call.header("nlsslurl"), Some(format!("{}{ROUTER}", world.origin).as_str()));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_session_that_campaign_binds_to_an_address_is_used_from_there_and_replaced_elsewhere() {
    let world = World::builder()
        .campaign(|options| options.check_ip_consistent = true)
        .config(|config| config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()])
        .start()
        .await;
    let browser = world.browser();
    let to_ims = browser.get("/view/home").await;
    let callback = browser.at_ims(&to_ims, "alice").await;
    let request = http::Request::get(callback.target().as_str()).header("x-forwarded-for", "203.0.113.7");
    browser.request(request.body(bytes::Bytes::new()).unwrap()).await;
    let session = browser.session().unwrap();
    for (address, logons) in
        [("203.0.113.7", 1), ("203.0.113.7", 1), ("198.51.100.9", 2), ("198.51.100.9", 2)]
    {
        let page = RawRequest::get("/view/home").session(&session).navigation();
        let answer = page.with(&format!("X-Forwarded-For: {address}")).send_to(&world).await;
        assert_eq!(answer.status(), 200, "{address}");
        assert_eq!(calls(&world, "xtk:session#BearerTokenLogon").len(), logons, "{address}");
    }
    world.stop().await;
}

#[tokio::test]
async fn only_the_gateway_says_that_a_request_came_over_https() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let request = RawRequest::get("/demo/echo/a?b=secret")
        .session(&alice)
        .with("NLSSLURL: https://forged.example/")
        .with("nls_slurl: https://forged.example/");
    let echo = request.echo(&world).await;
    assert_eq!(echo.all("nlsslurl"), [format!("{}/demo/echo/a", world.origin)]);
    world.stop().await;

    let world = World::builder()
        .instance(|instance| instance.campaign.secure_header = false)
        .campaign(|options| options.zones = vec![Zone::everywhere("public")])
        .start()
        .await;
    let alice = world.signed_in("alice").await.session().unwrap();
    assert!(RawRequest::get("/demo/echo").session(&alice).echo(&world).await.all("nlsslurl").is_empty());
    assert!(calls(&world, "xtk:session#BearerTokenLogon")[0].header("nlsslurl").is_none());
    world.stop().await;
}

#[tokio::test]
async fn without_the_header_campaign_opens_no_session_over_http() {
    let world = World::builder().instance(|instance| instance.campaign.secure_header = false).start().await;
    let page = world.browser().sign_in("alice", "/view/home").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text().contains("Campaign does not allow this sign-in"), "{}", page.text());
    world.stop().await;
}

#[tokio::test]
async fn each_refusal_of_campaign_has_words_of_its_own() {
    let world = World::start().await;
    for (refusal, headline, code, advice) in [
        (BearerLogonRefusal::InvalidLogin, "Campaign does not know you", "XSV-350012", "no active operator"),
        (BearerLogonRefusal::Zone, "Campaign does not allow this sign-in", "XSV-350013", "security zone"),
        (
            BearerLogonRefusal::Address,
            "Campaign does not accept your network",
            "XSV-350014",
            "proxy= of the subNetwork",
        ),
    ] {
        world.campaign.faults().refuse_bearer_logon(FaultFrequency::Once, refusal);
        let page = world.browser().sign_in("alice", "/view/home").await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.text().contains(headline), "{refusal:?}: {}", page.text());
        let lines = logs::of(&page.request_id());
        for target in ["audit", "imsgate::auth::callback"] {
            let says = |line: &logs::Line| {
                let text = format!("{line:?}");
                line.target == target && text.contains(code) && text.contains(advice)
            };
            assert!(lines.iter().any(says), "{target}: {lines:?}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_gateway_that_is_no_listed_proxy_is_told_what_to_do() {
    // Campaign ignores X-Forwarded-For and sees the gateway's own address, which is in no zone.
    let world = World::builder()
        .campaign(|options| {
            options.proxies = Vec::new();
            options.zones =
                vec![Zone { networks: vec!["203.0.113.0/24".parse().unwrap()], ..Zone::everywhere("x") }];
        })
        .start()
        .await;
    let page = world.browser().sign_in("alice", "/view/home").await;
    assert!(page.text().contains("Campaign does not accept your network"), "{}", page.text());
    world.stop().await;
}
