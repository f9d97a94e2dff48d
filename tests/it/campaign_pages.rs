//! Campaign's session has ended, and a page reports it as Campaign's pages do: a redirect to the sign-in page, or "Authentication failure".

use std::time::Duration;

use http::StatusCode;
use imsgate::demo::campaign::BearerLogonRefusal;
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Substitute};

use crate::support::request::RawRequest;
use crate::support::saved_form::{URLENCODED, buttons, form, received, send};
use crate::support::{World, logs};

const SIGN_IN: &str = "/nl/jsp/logon.jsp?target=%2Fview%2Fhome";

fn page(session: &str) -> RawRequest {
    RawRequest::get("/view/home?a=1").session(session).navigation().with("Sec-Fetch-Site: same-origin")
}

fn tries(world: &World, path: &str) -> usize {
    world.campaign.requests().iter().filter(|request| request.path_and_query == path).count()
}

fn calls(world: &World, action: &str) -> usize {
    let requests = world.campaign.requests();
    requests.iter().filter(|request| request.header("soapaction") == Some(action)).count()
}

fn logons(world: &World) -> usize {
    calls(world, "xtk:session#BearerTokenLogon")
}

#[tokio::test]
async fn a_page_that_leads_to_the_sign_in_page_is_requested_again_with_a_new_campaign_session() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let old = world.campaign.sessions()[0].session_token.clone();
    for _ in 0..2 {
        world.campaign.expire_all_sessions();
        world.campaign.forget_requests();
        let answer = page(&alice).send_to(&world).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!((tries(&world, "/view/home?a=1"), logons(&world)), (2, 1));
        assert_eq!(world.campaign.sessions().len(), 1);
        world.eventually(|| calls(&world, "xtk:session#Logoff") == 1).await;
        world.clock.advance(Duration::from_secs(61));
    }
    // The way to the sign-in page of another server is a link like others.
    world.campaign.forget_requests();
    let elsewhere = "https://other.example.com/nl/jsp/logon.jsp?target=x";
    world.campaign.faults().answer(FaultFrequency::Once, Substitute::Redirect(elsewhere.to_owned()));
    assert_eq!(page(&alice).send_to(&world).await.field("location"), Some(elsewhere));
    assert_eq!(logons(&world), 0);
    assert!(!world.campaign.sessions().iter().any(|session| session.session_token == old));
    world.stop().await;
}

#[tokio::test]
async fn a_replaced_campaign_session_is_logged_off() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let old = world.campaign.sessions()[0].session_token.clone();
    // Campaign still knows the session, and refuses the page for another reason.
    world.campaign.faults().answer(FaultFrequency::Once, Substitute::Redirect(SIGN_IN.to_owned()));
    assert_eq!(page(&alice).send_to(&world).await.status(), 200);
    world.eventually(|| world.campaign.logoffs() == [old.clone()]).await;
    assert_eq!(world.campaign.sessions().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_page_that_is_refused_again_within_a_minute_says_why() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let alice = browser.session().unwrap();
    world.campaign.forget_requests();
    world.campaign.faults().answer(FaultFrequency::Always, Substitute::Redirect(SIGN_IN.to_owned()));
    // The logon is answered with the redirect too.
    for _ in 0..3 {
        let answer = page(&alice).send_to(&world).await;
        assert_eq!(answer.status(), 503);
        assert!(answer.text().contains("Campaign does not accept your session"), "{}", answer.text());
        assert!(answer.field("location").is_none() && answer.field("retry-after").is_some());
    }
    assert_eq!(logons(&world), 1);
    world.campaign.faults().clear();
    world.clock.advance(Duration::from_secs(11));
    // The logon goes well, and the page is refused all the same.
    for refused in [Substitute::Redirect(SIGN_IN.to_owned()), Substitute::Redirect(SIGN_IN.to_owned())] {
        world.campaign.faults().answer(FaultFrequency::Once, refused);
    }
    world.campaign.forget_requests();
    assert_eq!(page(&alice).send_to(&world).await.status(), 503, "the logon got the second answer");
    world.campaign.faults().clear();
    world.clock.advance(Duration::from_secs(11));
    world.campaign.expire_all_sessions();
    assert_eq!(page(&alice).send_to(&world).await.status(), 200);
    world.campaign.expire_all_sessions();
    world.campaign.forget_requests();
    let soon = page(&alice).send_to(&world).await;
    assert_eq!((soon.status(), logons(&world)), (503, 0), "within a minute");
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(page(&alice).send_to(&world).await.status(), 200);
    assert_eq!(browser.get_json("/ims/me").await.status, StatusCode::OK, "signed in all the time");
    world.stop().await;
}

#[tokio::test]
async fn a_form_that_meets_an_ended_campaign_session_is_saved_and_sent_once() {
    for legacy in [false, true] {
        let world = World::builder()
            .campaign(move |options| {
                if legacy {
                    options.page_refusal = imsgate::demo::campaign::PageRefusal::PlainText;
                }
            })
            .start()
            .await;
        let browser = world.signed_in("alice").await;
        let home = browser.get("/view/home").await.text();
        let token =
            home.split_once("name=\"__securitytoken\" value=\"").unwrap().1.split('"').next().unwrap();
        world.campaign.expire_all_sessions();
        let fields = [("__securitytoken", token), ("label", "Winter")];
        let saved = browser.post_form("/xtk/demo/form?x=1", &fields).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
        assert!(saved.location().starts_with("/ims/resume?"), "{}", saved.location());
        assert_eq!(received(&world).len(), 1);
        let confirm = browser.follow(&saved).await;
        assert_eq!(buttons(&confirm)[0].0, "/xtk/demo/form?x=1");
        let sent = send(&world, &browser, &confirm).await;
        assert!(sent.text().contains("Winter"), "the security token was replaced: {}", sent.text());
        assert_eq!(send(&world, &browser, &confirm).await.status, StatusCode::GONE);
        let events: Vec<String> =
            logs::audit(&saved.request_id()).iter().map(|line| line.field("event").to_owned()).collect();
        assert_eq!(events, ["campaign_session_opened", "form_saved"]);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_form_of_a_live_campaign_session_is_forwarded_to_the_byte() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let large = vec![b'x'; 1 << 20];
    for (kind, body) in [
        (URLENCODED, &b""[..]),
        ("multipart/form-data; boundary=b", b"--b\r\n\x00\xff"),
        (URLENCODED, &large),
    ] {
        let echo = browser.request(form(&world, "/demo/echo/a", kind, body.to_vec())).await.json();
        assert_eq!(echo["body_len"], body.len(), "{kind}");
        assert_eq!(echo["body_sha256"], crate::support::bodies::sha256(body));
    }
    assert!(received(&world).iter().all(|request| request.header("nlsslurl").is_some()));
    world.stop().await;
}

#[tokio::test]
async fn a_call_of_a_script_is_not_repeated_and_the_next_one_goes_well() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.expire_all_sessions();
    world.campaign.forget_requests();
    let upload = RawRequest::post("/demo/upload", "a=b").session(&alice).with("Sec-Fetch-Site: same-origin");
    let refused = upload.send_to(&world).await;
    // A redirect would lead the script to a page that is not the result of its call.
    assert_eq!((refused.status(), &refused.json()["error"]), (503, &"campaign_session_ended".into()));
    assert_eq!((tries(&world, "/demo/upload"), logons(&world)), (1, 1));
    assert_eq!(upload.send_to(&world).await.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn a_url_with_a_wrong_token_opens_no_session_and_is_no_loop() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.expire_all_sessions();
    world.campaign.forget_requests();
    let page = RawRequest::get("/view/home?__securitytoken=%40old").session(&alice).navigation();
    let refused = page.send_to(&world).await;
    assert_eq!((refused.status(), &*refused.text()), (403, "Authentication failure"));
    // Other instances redirect such a page too: the redirect would come back to this address.
    world.campaign.faults().answer(FaultFrequency::Once, Substitute::Redirect(SIGN_IN.to_owned()));
    let refused = page.send_to(&world).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().contains("This page is too old"), "{}", refused.text());
    assert_eq!(logons(&world), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_public_page_is_shown_without_a_campaign_session() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.expire_all_sessions();
    world.campaign.faults().refuse_bearer_logon(FaultFrequency::Always, BearerLogonRefusal::InvalidLogin);
    let survey = RawRequest::get("/webApp/survey").session(&alice).navigation();
    assert_eq!(survey.send_to(&world).await.status(), 200);
    let approval = RawRequest::get("/webApp/approval?id=1").session(&alice).navigation();
    assert_eq!(approval.send_to(&world).await.status(), 503);
    world.campaign.faults().clear();
    world.clock.advance(Duration::from_secs(11));
    assert!(approval.send_to(&world).await.text().contains("alice@example.com may approve"));
    world.stop().await;
}
