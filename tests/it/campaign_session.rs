//! Campaign's session ends before the gateway's: a new one is opened once, and requests are repeated where that is safe.

use std::time::Duration;

use http::StatusCode;
use imsgate::demo::campaign::{BearerLogonRefusal, PageRefusal, Recorded};
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Substitute};

use crate::support::http1::Answer;
use crate::support::request::RawRequest;
use crate::support::{Builder, World};

const SOAP: &str = "/nl/jsp/soaprouter.jsp";
const EXPIRED: &str = "XSV-350008";
const CALL: &str = "<SOAP-ENV:Envelope xmlns:SOAP-ENV='http://schemas.xmlsoap.org/soap/envelope/'><SOAP-ENV:Body>\
    <GetOption xmlns='urn:xtk:session'><sessiontoken/><name>XtkDatabaseId</name></GetOption></SOAP-ENV:Body></SOAP-ENV:Envelope>";

/// Requests to this path that reached Campaign.
fn requests(world: &World, path: &str) -> Vec<Recorded> {
    world.campaign.requests().into_iter().filter(|request| request.path_and_query == path).collect()
}

/// Logons that reached Campaign. A logon in a client's own request does not count.
fn logons(world: &World) -> usize {
    let is_logon = |request: &Recorded| request.header("soapaction") == Some("xtk:session#BearerTokenLogon");
    requests(world, SOAP).iter().filter(|request| is_logon(request)).count()
}

/// A Campaign that refuses a page with XSV-350008, not with a redirect.
fn plain_text_refusals() -> Builder {
    World::builder().campaign(|options| options.page_refusal = PageRefusal::PlainText)
}

fn tells_who_was_here(answer: &Answer) -> bool {
    answer.head.all("set-cookie").iter().any(|cookie| cookie.starts_with("__Host-imsgate-was="))
}

fn soap_call(session: &str) -> RawRequest {
    RawRequest::post(SOAP, CALL)
        .with("Content-Type: text/xml; charset=utf-8")
        .with("SoapAction: xtk:session#GetOption")
        .with("Sec-Fetch-Site: same-origin")
        .session(session)
}

#[tokio::test]
async fn a_page_is_requested_again_with_a_new_campaign_session() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.expire_all_sessions();
    world.campaign.forget_requests();
    let page =
        RawRequest::get("/view/home?a=1").session(&alice).with("Sec-Fetch-Site: same-origin").navigation();
    let answer = page.send_to(&world).await;
    assert_eq!(answer.status(), 200);
    assert!(tells_who_was_here(&answer), "for forms that carry the new security token");
    assert_eq!(logons(&world), 1);
    let tries = requests(&world, "/view/home?a=1");
    let cookies: Vec<_> = tries.iter().map(|request| request.header("cookie").unwrap()).collect();
    let tokens: Vec<_> = tries.iter().map(|request| request.header("x-security-token").unwrap()).collect();
    assert_eq!(tries.len(), 2);
    assert_ne!(cookies[0], cookies[1]);
    assert_ne!(tokens[0], tokens[1]);
    let live = world.campaign.sessions();
    assert_eq!(live.len(), 1);
    assert_eq!(cookies[1], format!("__sessiontoken={}", live[0].session_token));
    assert_eq!(tokens[1], live[0].security_token);
    // From here on, every request is sent once.
    assert_eq!(page.send_to(&world).await.status(), 200);
    assert_eq!(requests(&world, "/view/home?a=1").len(), 3);
    world.stop().await;
}

#[tokio::test]
async fn a_cross_site_request_gets_no_security_token_by_being_repeated() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.expire_all_sessions();
    world.campaign.forget_requests();
    let page = RawRequest::get("/view/home").session(&alice).with("Sec-Fetch-Site: cross-site").navigation();
    assert_eq!(page.send_to(&world).await.status(), 200);
    let tries = requests(&world, "/view/home");
    assert_eq!(tries.len(), 2);
    assert!(tries.iter().all(|request| request.header("x-security-token").is_none()));
    world.stop().await;
}

#[tokio::test]
async fn many_requests_at_once_make_one_logon() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.expire_all_sessions();
    world.campaign.forget_requests();
    let page = RawRequest::get("/view/home").session(&alice);
    let pages = futures_util::future::join_all((0..40).map(|_| page.send_to(&world))).await;
    assert!(pages.iter().all(|page| page.status() == 200));
    assert_eq!(logons(&world), 1);
    assert_eq!(world.campaign.sessions().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_request_with_a_body_is_never_repeated_and_the_next_one_succeeds() {
    let world = plain_text_refusals().start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.expire_all_sessions();
    world.campaign.forget_requests();
    let upload = RawRequest::post("/demo/upload", "a=b").session(&alice);
    let refused = upload.send_to(&world).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().contains(EXPIRED), "Campaign's own answer, whole: {}", refused.text());
    assert_eq!(requests(&world, "/demo/upload").len(), 1);
    assert_eq!(logons(&world), 1);
    assert_eq!(upload.send_to(&world).await.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn an_expired_session_with_status_200_of_an_old_build_is_recognised() {
    let world = World::builder().campaign(|options| options.legacy_fault_status = true).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    assert!(!soap_call(&alice).send_to(&world).await.text().contains(EXPIRED));
    world.campaign.expire_all_sessions();
    world.campaign.forget_requests();
    let fault = soap_call(&alice).send_to(&world).await;
    assert_eq!(fault.status(), 200);
    assert!(fault.text().contains(EXPIRED) && fault.text().ends_with("</SOAP-ENV:Envelope>"));
    assert_eq!(logons(&world), 1);
    assert!(!soap_call(&alice).send_to(&world).await.text().contains(EXPIRED));
    world.stop().await;
}

/// The official SDK looks for the code in such a response too.
#[tokio::test]
async fn an_expired_session_in_bare_text_with_status_200_is_recognised() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let text = format!("{EXPIRED} Session has expired or is invalid. Please reconnect.");
    for kind in ["text/plain; charset=utf-8", "text/html", "text/xml"] {
        world.campaign.expire_all_sessions();
        world.campaign.forget_requests();
        world.campaign.faults().soap_answer(FaultFrequency::Once, Substitute::Text(kind, text.clone()));
        let answer = soap_call(&alice).send_to(&world).await;
        assert_eq!((answer.status(), answer.text()), (200, text.clone()));
        assert_eq!(logons(&world), 1, "{kind}");
        assert!(!soap_call(&alice).send_to(&world).await.text().contains(EXPIRED), "{kind}");
        world.clock.advance(Duration::from_secs(11));
    }
    world.stop().await;
}

#[tokio::test]
async fn an_expired_session_in_a_compressed_response_is_recognised() {
    let world = plain_text_refusals().campaign(|options| options.gzip = true).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let page = RawRequest::get("/view/home").session(&alice).navigation().with("Accept-Encoding: gzip");
    for logons_so_far in 0..2 {
        world.campaign.forget_requests();
        let answer = page.send_to(&world).await;
        assert_eq!((answer.status(), answer.field("content-encoding")), (200, Some("gzip")));
        assert!(answer.body.starts_with(&[0x1f, 0x8b]), "as Campaign wrote it");
        assert_eq!(
            (logons(&world), requests(&world, "/view/home").len()),
            (logons_so_far, 1 + logons_so_far)
        );
        world.campaign.expire_all_sessions();
    }
    world.clock.advance(Duration::from_secs(11));
    let upload = RawRequest::post("/demo/upload", "a=b").session(&alice).with("Accept-Encoding: gzip");
    let refused = upload.send_to(&world).await;
    assert_eq!((refused.status(), refused.field("content-encoding")), (403, Some("gzip")));
    assert_eq!(upload.send_to(&world).await.status(), 200, "the next one goes well");
    world.stop().await;
}

/// The response of Campaign with this text in the body of a SOAP response.
fn soap_answer(inner: &str) -> String {
    format!(
        "<SOAP-ENV:Envelope xmlns:SOAP-ENV='http://schemas.xmlsoap.org/soap/envelope/'><SOAP-ENV:Body>{inner}\
         </SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
}

#[tokio::test]
async fn the_code_inside_a_record_is_data() {
    for gzip in [false, true] {
        let world = World::builder().campaign(move |options| options.gzip = gzip).start().await;
        let alice = world.signed_in("alice").await.session().unwrap();
        let record =
            format!("<log line='{EXPIRED}'><SOAP-ENV:Fault>{EXPIRED} Session</SOAP-ENV:Fault></log>");
        let answers = [
            (
                "text/xml",
                soap_answer(&format!(
                    "<ExecuteQueryResponse xmlns='urn:xtk:queryDef'>{record}</ExecuteQueryResponse>"
                )),
            ),
            (
                "application/soap+xml",
                soap_answer(&format!(
                    "<!-- {EXPIRED} --><SelectAllResponse><![CDATA[{record}]]></SelectAllResponse>"
                )),
            ),
            ("text/xml", format!("<journal>{record}</journal>")),
        ];
        for (kind, text) in answers {
            world.campaign.forget_requests();
            world.campaign.faults().soap_answer(FaultFrequency::Once, Substitute::Text(kind, text.clone()));
            let call = soap_call(&alice);
            let call = if gzip { call.with("Accept-Encoding: gzip") } else { call };
            let answer = call.send_to(&world).await;
            assert_eq!(answer.status(), 200);
            assert!(if gzip { answer.body.starts_with(&[0x1f, 0x8b]) } else { answer.text() == text });
            assert_eq!(
                (logons(&world), requests(&world, SOAP).len()),
                (0, 1),
                "neither a logon nor a second call"
            );
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_fault_after_a_long_soap_header_is_recognised() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let header = "<a>0123456789</a>".repeat(300);
    let fault = format!(
        "<env:Envelope xmlns:env='http://www.w3.org/2003/05/soap-envelope'><env:Header>{header}</env:Header><env:Body>\
         <env:Fault><env:Code><env:Value>env:Sender</env:Value></env:Code><env:Reason><env:Text>{EXPIRED} Session</env:Text>\
         </env:Reason></env:Fault></env:Body></env:Envelope>"
    );
    world.campaign.forget_requests();
    world
        .campaign
        .faults()
        .soap_answer(FaultFrequency::Once, Substitute::Text("application/soap+xml", fault.clone()));
    let answer = soap_call(&alice).send_to(&world).await;
    assert_eq!((answer.status(), answer.text()), (200, fault));
    assert_eq!(logons(&world), 1);
    world.stop().await;
}

#[tokio::test]
async fn the_announced_lifetime_of_a_campaign_session_avoids_a_refused_request() {
    let world =
        World::builder().campaign(|options| options.session_timeout = Duration::from_mins(20)).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    let upload = RawRequest::post("/demo/upload", "a=b").session(&alice);
    world.clock.advance(Duration::from_mins(18));
    assert_eq!(upload.send_to(&world).await.status(), 200);
    assert_eq!(logons(&world), 0);
    world.clock.advance(Duration::from_mins(2));
    let answer = upload.send_to(&world).await;
    assert_eq!(answer.status(), 200, "not lost, though its body could not be sent twice");
    assert!(tells_who_was_here(&answer));
    assert_eq!((logons(&world), requests(&world, "/demo/upload").len()), (1, 2));
    world.stop().await;
}

#[tokio::test]
async fn failed_campaign_logons_are_not_repeated_at_once() {
    let world = plain_text_refusals().start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.expire_all_sessions();
    world.campaign.forget_requests();
    world.campaign.faults().refuse_bearer_logon(FaultFrequency::Always, BearerLogonRefusal::InvalidLogin);
    let page = RawRequest::get("/view/home").session(&alice);
    for _ in 0..5 {
        let answer = page.send_to(&world).await;
        assert_eq!(answer.status(), 403);
        assert!(answer.text().contains(EXPIRED));
    }
    assert_eq!(logons(&world), 1);
    assert_eq!(
        RawRequest::get("/ims/me").session(&alice).send_to(&world).await.status(),
        200,
        "the session is alive"
    );
    world.campaign.faults().clear();
    world.clock.advance(Duration::from_secs(11));
    assert_eq!(page.send_to(&world).await.status(), 200);
    assert_eq!(logons(&world), 2);
    world.stop().await;
}

#[tokio::test]
async fn other_refusals_and_other_texts_are_left_alone() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    world.campaign.faults().answer(FaultFrequency::Once, Substitute::Status(StatusCode::FORBIDDEN.as_u16()));
    let page = RawRequest::get("/view/home").session(&alice);
    let refused = page.send_to(&world).await;
    assert_eq!((refused.status(), &refused.json()["error"]), (403, &"server_error".into()));
    let text = format!("how to fix {EXPIRED} {}", "x".repeat(100_000));
    world.campaign.faults().answer(FaultFrequency::Once, Substitute::Text("text/html", text.clone()));
    assert_eq!(page.send_to(&world).await.text(), text);
    assert_eq!((logons(&world), requests(&world, "/view/home").len()), (0, 2));
    world.stop().await;
}
