//! Pages that were open when a new Campaign session began have the old tokens. They still work, and no other session is opened.

use http::StatusCode;
use imsgate::demo::campaign::Recorded;

use crate::support::World;
use crate::support::request::RawRequest;

fn logons(world: &World) -> usize {
    let is_logon = |request: &&Recorded| request.header("soapaction") == Some("xtk:session#BearerTokenLogon");
    world.campaign.requests().iter().filter(is_logon).count()
}

/// A world with a person whose Campaign session was replaced once, and the tokens of the first one.
async fn replaced() -> (World, String, (String, String)) {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let old = world.campaign.sessions().pop().unwrap();
    world.campaign.expire_all_sessions();
    let page = RawRequest::get("/view/home").session(&alice).navigation();
    assert_eq!(page.send_to(&world).await.status(), 200);
    assert_eq!(world.campaign.sessions().len(), 1);
    world.campaign.forget_requests();
    (world, alice, (old.session_token, old.security_token))
}

#[tokio::test]
async fn old_tokens_are_exchanged_for_the_present_ones_in_every_place() {
    let (world, alice, (session, security)) = replaced().await;
    let now = world.campaign.sessions().pop().unwrap();
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let fields = format!("x=1&__sessiontoken={session}&__securitytoken={}", encode(&security));
    let echo = RawRequest::get(&format!("/demo/echo?{fields}"))
        .session(&alice)
        .with(&format!("X-Security-Token: {security}"))
        .echo(&world)
        .await;
    let sent = world.last_request();
    assert_eq!(echo.field("x-security-token"), Some(&*now.security_token));
    let query = sent.path_and_query.split_once('?').unwrap().1;
    let pairs: Vec<_> =
        url::form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned()).collect();
    assert_eq!(pairs, ["1", &now.session_token, &now.security_token]);

    // Campaign accepts the form only with the present security token in it.
    let form = RawRequest::post("/xtk/demo/form", &format!("label=a&__securitytoken={}", encode(&security)))
        .with("Content-Type: application/x-www-form-urlencoded")
        .session(&alice);
    assert_eq!(form.send_to(&world).await.status(), 200);

    let call = format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body><GetOption xmlns='urn:xtk:session'>\
         <sessiontoken>{session}</sessiontoken><name>XtkDatabaseId</name></GetOption></E:Body></E:Envelope>"
    );
    let call = RawRequest::post("/nl/jsp/soaprouter.jsp", &call)
        .with("Content-Type: text/xml")
        .with("SoapAction: xtk:session#GetOption")
        .with(&format!("X-Security-Token: {security}"))
        .session(&alice);
    let answer = call.send_to(&world).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(logons(&world), 0);
    assert_eq!(world.campaign.sessions().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_large_form_with_old_tokens_arrives_whole() {
    let (world, alice, (session, security)) = replaced().await;
    let filling = "z".repeat(300_000);
    let part = |name: &str, value: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = [part("f", &filling), part("__sessiontoken", &session), part("__securitytoken", &security)]
        .concat()
        + "--B--\r\n";
    let upload = RawRequest::post("/demo/upload", &body)
        .with("Content-Type: multipart/form-data; boundary=B")
        .session(&alice);
    let answer = upload.send_to(&world).await;
    // Both kinds of token have the same length in each session.
    assert_eq!(answer.json()["bytes"], body.len());
    let sent = upload_hash(&body, &world, (&session, &security));
    assert_eq!(answer.json()["sha256"], sent);
    world.stop().await;
}

fn upload_hash(body: &str, world: &World, (session, security): (&str, &str)) -> String {
    let now = world.campaign.sessions().pop().unwrap();
    let body = body.replace(session, &now.session_token).replace(security, &now.security_token);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
    digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[tokio::test]
async fn a_refusal_of_another_security_token_opens_no_session() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let form = |body: &str| {
        RawRequest::post("/xtk/demo/form", body)
            .with("Content-Type: application/x-www-form-urlencoded")
            .session(&alice)
    };
    for _ in 0..3 {
        let refused = form("label=a&__securitytoken=@other").send_to(&world).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN.as_u16(), "{}", refused.text());
        let refused = form("label=a").with("X-Security-Token: @other").send_to(&world).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN.as_u16(), "{}", refused.text());
    }
    assert_eq!(logons(&world), 0, "the session is good, the token is not");
    world.stop().await;
}
