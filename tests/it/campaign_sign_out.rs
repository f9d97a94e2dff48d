//! A person who signs out in Campaign's own pages, or by a SOAP Logoff, is signed out of the gateway too.

use http::StatusCode;

use crate::support::World;
use crate::support::request::RawRequest;

const DISCONNECT: &str = "/view/home?disconnect=true";

fn logoff(session: &str) -> RawRequest {
    let body = "<SOAP-ENV:Envelope xmlns:SOAP-ENV='http://schemas.xmlsoap.org/soap/envelope/'><SOAP-ENV:Body>\
        <Logoff xmlns='urn:xtk:session'><sessiontoken/></Logoff></SOAP-ENV:Body></SOAP-ENV:Envelope>";
    RawRequest::post("/nl/jsp/soaprouter.jsp", body)
        .with("Content-Type: text/xml; charset=utf-8")
        .with("SoapAction: xtk:session#Logoff")
        .with("Sec-Fetch-Site: same-origin")
        .session(session)
}

#[tokio::test]
async fn disconnect_in_campaign_ends_the_session_everywhere() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let campaign = world.campaign.sessions()[0].session_token.clone();
    let answer = browser.click(DISCONNECT).await;
    assert!(answer.location().starts_with(&world.ims.url()), "{}", answer.location());
    assert_eq!(browser.session(), None, "the cookie is removed");
    assert_eq!(world.campaign.logoffs(), [campaign]);
    assert!(!world.ims.revoked().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_link_of_another_site_asks_first() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let session = browser.session().unwrap();
    let link = RawRequest::get(DISCONNECT).session(&session).navigation().with("Sec-Fetch-Site: cross-site");
    let asked = link.send_to(&world).await;
    assert_eq!((asked.status(), asked.field("location")), (303, Some("/ims/logout")));
    assert_eq!(browser.get("/view/home").await.status, StatusCode::OK, "still signed in");
    world.stop().await;
}

#[tokio::test]
async fn a_soap_logoff_ends_the_session_and_is_answered_as_campaign_does() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let session = browser.session().unwrap();
    let answer = logoff(&session).send_to(&world).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.text().contains("<LogoffResponse xmlns='urn:xtk:session'>"), "{}", answer.text());
    assert!(answer.head.all("set-cookie").iter().any(|cookie| cookie.starts_with("__Host-imsgate=;")));
    assert_eq!(world.campaign.logoffs().len(), 1);
    assert_eq!(browser.get_json("/view/home").await.status, StatusCode::UNAUTHORIZED);
    let foreign =
        logoff(&world.signed_in("alice").await.session().unwrap()).with("Origin: https://evil.example");
    assert_eq!(foreign.send_to(&world).await.status(), 403);
    assert_eq!(world.campaign.sessions().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_setting_leaves_the_session_of_the_gateway_alone() {
    let world =
        World::builder().instance(|instance| instance.campaign.logoff_ends_session = false).start().await;
    let browser = world.signed_in("alice").await;
    let session = browser.session().unwrap();
    assert_eq!(logoff(&session).send_to(&world).await.status(), 200);
    assert_eq!(world.campaign.logoffs().len(), 1, "Campaign's session ended");
    assert_eq!(browser.get("/view/home").await.status, StatusCode::OK, "and another one is open");
    assert!(world.ims.revoked().is_empty());
    world.stop().await;
}
