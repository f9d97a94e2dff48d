//! Campaign's own sign-in addresses are answered by the gateway, which signs in through IMS.

use http::StatusCode;

use crate::support::request::RawRequest;
use crate::support::saved_form::{URLENCODED, form};
use crate::support::{World, logs};

const LOGON: &str = "/nl/jsp/logon.jsp";

fn reached_campaign(world: &World) -> bool {
    world.campaign.requests().iter().any(|request| {
        let path = request.path_and_query.to_lowercase();
        path.contains("logon.jsp") || path.contains("imslogin.jssp")
    })
}

#[tokio::test]
async fn with_a_session_they_lead_to_the_target() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    for (address, location) in [
        ("/nl/jsp/logon.jsp?target=%2Fview%2Fx%3Fa%3D1", "/view/x?a=1"),
        ("/nms/imslogin.jssp?target=/nl/jsp/x.jsp", "/nl/jsp/x.jsp"),
        ("/NL/JSP/LOGON.JSP?target=/view/x&ims=1&tokenLogon=ey", "/view/x"),
        ("/nl/jsp/logon.jsp", "/view/home"),
        ("/nl/jsp/logon.jsp?target=https://evil.example/", "/view/home"),
        ("/nl/jsp/logon.jsp?target=//evil.example/", "/view/home"),
        ("/nl/jsp/logon.jsp?target=/nl/jsp/logon.jsp", "/view/home"),
        ("/nl/jsp/logon.jsp?target=/ims/logout", "/view/home"),
    ] {
        let answer = browser.get(address).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, location), "{address}");
    }
    assert!(!reached_campaign(&world));
    world.stop().await;
}

#[tokio::test]
async fn without_a_session_they_sign_in_through_ims_and_come_back() {
    let world = World::start().await;
    for address in
        ["/nl/jsp/logon.jsp?target=%2Fview%2Fhome%3Fa%3D1", "/nms/imslogin.jssp?target=/view/home?a=1"]
    {
        let browser = world.browser();
        let back = browser.sign_in("alice", address).await;
        assert_eq!(browser.follow(&back).await.location(), "/view/home?a=1", "{address}");
    }
    assert!(!reached_campaign(&world));
    world.stop().await;
}

#[tokio::test]
async fn a_public_page_with_access_control_signs_in_and_comes_back() {
    let world = World::start().await;
    let browser = world.browser();
    let refused = browser.get("/webApp/approval?id=7").await;
    assert_eq!(refused.status, StatusCode::FOUND, "Campaign's own redirect");
    assert!(refused.location().starts_with(LOGON));
    let back = browser.sign_in("alice", refused.location()).await;
    let page = browser.open(back.target().as_str()).await;
    assert!(page.text().contains("alice@example.com may approve this delivery"), "{}", page.text());
    world.stop().await;
}

#[tokio::test]
async fn a_popup_gets_the_bare_security_token_and_other_sites_do_not() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let popup = "/nl/jsp/logon.jsp?target=/view/home&popup=true";
    let token = || world.campaign.sessions()[0].security_token.clone();
    let answer = browser.click(popup).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, token()));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let session = browser.session().unwrap();
    let foreign = RawRequest::get(popup).session(&session).with("Sec-Fetch-Site: cross-site");
    let refused = foreign.send_to(&world).await;
    assert!(refused.status() == 403 && !refused.text().contains(&token()));
    // Without a session the window signs in first and then shows the token.
    let other = world.browser();
    let back = other.sign_in("alice", popup).await;
    let shown = other.follow(&back).await;
    assert!(
        world.campaign.sessions().iter().any(|live| live.security_token == shown.text()),
        "{}",
        shown.text()
    );
    world.stop().await;
}

#[tokio::test]
async fn a_body_with_a_password_is_neither_saved_nor_logged_nor_forwarded() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let body = "action=submit&login=admin&password=demo-admin-password&target=%2Fview%2Fhome%3Fa%3D1";
    let signed_in = browser.request(form(&world, LOGON, URLENCODED, body)).await;
    assert_eq!(signed_in.location(), "/view/home?a=1");
    for address in [LOGON, "/nl/jsp/logon%2Ejsp", "/nl/jsp/logon.jsp;x=1", "/nl/jsp/Logon.jsp/x"] {
        let stranger = world.browser();
        let begun = stranger.request(form(&world, address, URLENCODED, body)).await;
        assert!(begun.status != StatusCode::OK, "{address}: {}", begun.text());
        assert!(stranger.cookie("__Host-imsgate-form").is_none());
        let script = RawRequest::post(address, body).with("Content-Type: application/x-www-form-urlencoded");
        let refused = script.send_to(&world).await;
        assert!(refused.status() >= 300, "{address}");
    }
    assert!(!reached_campaign(&world), "nothing went to Campaign's sign-in page");
    assert!(!logs::say("demo-admin-password"));
    world.stop().await;
}
