//! Campaign refuses the logon of a client console: its fault reaches the console.

use bytes::Bytes;
use imsgate::config::SessionMode;
use imsgate::demo::campaign::BearerLogonRefusal;
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Substitute};

use crate::support::World;
use crate::support::http1::Answer;
use crate::support::request::RawRequest;

const SOAP: &str = "/nl/jsp/soaprouter.jsp";

fn envelope(call: &str) -> String {
    format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body>{call}</E:Body></E:Envelope>"
    )
}

fn fault(text: &str, detail: &str) -> String {
    envelope(&format!(
        "<E:Fault><faultcode>E:Client</faultcode><faultstring>{text}</faultstring><detail>{detail}</detail></E:Fault>"
    ))
}

/// A console password of Alice, and the cookie of her session.
async fn password(world: &World) -> (String, String) {
    let request = http::Request::post("/ims/me/console-password")
        .header("accept", "application/json")
        .header("sec-fetch-site", "same-origin");
    let alice = world.signed_in("alice").await;
    let answer = alice.request(request.body(Bytes::new()).unwrap()).await;
    (answer.json()["password"].as_str().unwrap().to_owned(), alice.session().unwrap())
}

async fn logon(world: &World, password: &str) -> Answer {
    let call = format!(
        "<Logon xmlns='urn:xtk:session'><sessiontoken/><a>alice@example.com</a><b>{password}</b><c/></Logon>"
    );
    RawRequest::post(SOAP, &envelope(&call))
        .with("Content-Type: text/xml")
        .with("SoapAction: xtk:session#Logon")
        .send_to(world)
        .await
}

/// Clients read code, text and detail of a fault, and some read none of them with another status than 200.
#[tokio::test]
async fn a_fault_reaches_the_console_as_campaign_sent_it() {
    let world = World::start().await;
    let (password, _) = password(&world).await;
    let refusal = fault("XXX-000000 No.", "why");
    let sent = Substitute::Text("text/xml; charset=ISO-8859-1", refusal.clone());
    world.campaign.faults().soap_answer(FaultFrequency::Once, sent);
    let answer = logon(&world, &password).await;
    assert_eq!((answer.status(), answer.text()), (200, refusal));
    assert_eq!(answer.field("content-type"), Some("text/xml; charset=ISO-8859-1"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));

    for (refusal, status, code) in [
        (BearerLogonRefusal::Address, 500, "XSV-350014"),
        (BearerLogonRefusal::InvalidLogin, 403, "XSV-350012"),
        (BearerLogonRefusal::InvalidLoginAsText, 403, "XSV-350012"),
    ] {
        world.campaign.faults().refuse_bearer_logon(FaultFrequency::Once, refusal);
        let answer = logon(&world, &password).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert!(answer.text().contains(code), "{}", answer.text());
    }
    // None of them used the password up.
    let answer = logon(&world, &password).await;
    assert!(answer.status() == 200 && answer.text().contains("<LogonResponse"), "{}", answer.text());
    world.stop().await;
}

/// Campaign may quote the token that it refuses. The console never gets the person's token, and no log holds it.
#[tokio::test]
async fn a_fault_that_quotes_the_access_token_reaches_the_console_without_it() {
    // In this mode Campaign gets the token with each request.
    let world = World::builder().session_mode(SessionMode::Bearer).start().await;
    let (password, session) = password(&world).await;
    RawRequest::get("/view/home").session(&session).send_to(&world).await;
    let asked = world.last_request();
    let token = asked.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
    let sent = Substitute::Text("text/xml", fault(&format!("bad token {token}"), &format!("of {token}")));
    world.campaign.faults().soap_answer(FaultFrequency::Once, sent);
    let answer = logon(&world, &password).await;
    assert_eq!((answer.status(), answer.text()), (200, fault("bad token …", "of …")));
    world.stop().await;
}
