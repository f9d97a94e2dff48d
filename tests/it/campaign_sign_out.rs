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
async fn a_console_that_logs_off_loses_its_ticket_and_the_person_stays_signed_in() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let request = http::Request::post("/ims/me/console-password")
        .header("accept", "application/json")
        .header("sec-fetch-site", "same-origin");
    let made = browser.request(request.body(bytes::Bytes::new()).unwrap()).await.json();
    let password = made["password"].as_str().unwrap();
    let call = |inner: &str, action: &str| {
        let body = format!(
            "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body>{inner}</E:Body></E:Envelope>"
        );
        RawRequest::post("/nl/jsp/soaprouter.jsp", &body)
            .with("Content-Type: text/xml")
            .with(&format!("SoapAction: xtk:session#{action}"))
    };
    let logon = format!(
        "<Logon xmlns='urn:xtk:session'><sessiontoken/><a>alice@example.com</a><b>{password}</b><c/></Logon>"
    );
    let answer = call(&logon, "Logon").send_to(&world).await.text();
    let element = |name: &str| {
        let rest = answer.split_once(&format!("<{name}")).unwrap().1.split_once('>').unwrap().1;
        rest.split_once('<').unwrap().0.to_owned()
    };
    let (token, security) = (element("pstrSessionToken"), element("pstrSecurityToken"));
    let with_ticket = |method: &str| {
        let inner = format!(
            "<{method} xmlns='urn:xtk:session'><sessiontoken>{token}</sessiontoken><n>x</n></{method}>"
        );
        call(&inner, method).with(&format!("X-Security-Token: {security}"))
    };
    assert_eq!(with_ticket("GetOption").send_to(&world).await.status(), 200);
    let before = world.campaign.logoffs().len();
    assert!(with_ticket("Logoff").send_to(&world).await.text().contains("LogoffResponse"));
    let after = with_ticket("GetOption").send_to(&world).await;
    assert!(after.text().contains("XSV-350008"), "{}", after.text());
    assert_eq!(browser.get("/view/home").await.status, StatusCode::OK);
    assert_eq!(world.campaign.logoffs().len(), before, "the Campaign session goes on");
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
