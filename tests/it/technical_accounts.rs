//! Technical accounts: programs that call Campaign with their own IMS access token, at every address that programs use.

use std::time::Duration;

use imsgate::config::AccountSession;
use imsgate::demo::campaign::{BearerLogonRefusal, Recorded};
use imsgate::demo::faults::FaultFrequency;
use imsgate::demo::ims::ImsEndpoint;
use imsgate::internal::PublicPaths;
use serde_json::json;

use crate::support::account::{self, CLIENT, USER, bearer_logon, soap, token, with_account};
use crate::support::assertion;
use crate::support::request::RawRequest;
use crate::support::{World, logs};

/// Every address that programs use, with a part of the response.
fn addresses() -> Vec<(RawRequest, &'static str)> {
    let multipart =
        "--b\r\nContent-Disposition: form-data; name=\"file_noMd5\"; filename=\"a\"\r\n\r\nabc\r\n--b--\r\n";
    vec![
        (soap("xtk:queryDef#ExecuteQuery"), "first@example.com"),
        (
            RawRequest::post("/nl/jsp/uploadFile.jsp", multipart)
                .with("Content-Type: multipart/form-data; boundary=b"),
            "uploadFileCallBack",
        ),
        (RawRequest::get("/nl/jsp/downloadFile.jsp?md5=5d41&ext=txt&fileName=a.txt"), "content of 5d41"),
        (
            RawRequest::post("/report/deliveryFeedback?_noRender=true&_schema=nms:delivery", ""),
            "<ctx reportName='deliveryFeedback'",
        ),
        (RawRequest::post("/nl/jsp/schemawsdl.jsp?schema=nms:rtEvent", ""), "urn:nms:rtEvent"),
        (RawRequest::get("/nl/jsp/ping.jsp"), "OK\n"),
        (RawRequest::get("/nl/jsp/mcPing.jsp"), "7/400"),
        (RawRequest::post("/nms/aemAssetDownload.jssp", "{}"), "downloaded"),
    ]
}

#[tokio::test]
async fn a_token_opens_every_address_in_both_modes() {
    for session in [AccountSession::Bearer, AccountSession::BearerLogon] {
        let world = with_account(move |account| account.session = session).start().await;
        let token = token(&world);
        for (request, expected) in addresses() {
            let answer = request.clone().bearer(&token).send_to(&world).await;
            assert_eq!(answer.status(), 200, "{session:?} {expected}: {}", answer.text());
            assert!(answer.text().contains(expected), "{session:?} {}", answer.text());
            assert_eq!(world.last_request().header("x-ims-user"), Some(USER));
            let without = request.send_to(&world).await;
            assert!(matches!(without.status(), 401 | 403), "{expected}: {}", without.status());
        }
        let logons = usize::from(session == AccountSession::BearerLogon);
        assert_eq!(world.campaign.sessions().len(), logons, "one Campaign session for all requests");
        let signature = token.rsplit('.').next().unwrap();
        assert!(!logs::say(signature), "the token is in the log");
        world.stop().await;
    }
}

#[tokio::test]
async fn campaign_gets_the_same_token_the_identity_and_an_assertion() {
    let world =
        with_account(|account| account.groups = Some(vec!["delivery".into(), "a b".into()])).start().await;
    let token = token(&world);
    let spoofed = RawRequest::get("/demo/echo")
        .bearer(&token)
        .with("X-Ims-User: admin")
        .with("X-Campaign-Groups: admin")
        .with("Cookie: __sessiontoken=___x; lang=en");
    let echo = spoofed.echo(&world).await;
    assert_eq!(echo.field("authorization"), Some(format!("Bearer {token}").as_str()));
    assert_eq!(echo.field("x-ims-user"), Some(USER));
    assert_eq!(echo.field("x-ims-email"), Some(""));
    assert_eq!(echo.field("x-campaign-groups"), Some("delivery,a%20b"));
    assert_eq!(echo.field("x-ims-organization"), Some(imsgate::demo::ORGANIZATION_ID));
    assert_eq!(echo.field("cookie"), Some("lang=en"));
    let claims = assertion::claims(&world.browser(), echo.field("x-ims-assertion").unwrap()).await;
    assert_eq!((&claims["sub"], &claims["groups"]), (&json!(USER), &json!(["delivery", "a b"])));
    assert_eq!(world.ims.requests_to(ImsEndpoint::Organizations), 0, "the configuration names the groups");
    world.stop().await;
}

#[tokio::test]
async fn a_campaign_session_is_opened_once_renewed_and_logged_off() {
    let world = with_account(|account| account.session = AccountSession::BearerLogon)
        .ims(|ims| ims.token_lifetime = Duration::from_hours(1))
        .start()
        .await;
    let token = token(&world);
    let echo = RawRequest::get("/demo/echo").bearer(&token).echo(&world).await;
    let first = world.campaign.sessions().remove(0);
    assert_eq!(echo.field("authorization"), None, "older builds know no such field");
    assert_eq!(echo.field("cookie"), Some(format!("__sessiontoken={}", first.session_token).as_str()));
    assert_eq!(echo.field("x-security-token"), Some(first.security_token.as_str()));

    // Campaign restarts: the page is requested again, and the next call uses the new session.
    world.campaign.expire_all_sessions();
    let page = RawRequest::get("/demo/echo").bearer(&token).send_to(&world).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    assert_eq!(soap("xtk:session#GetUserInfo").bearer(&token).send_to(&world).await.status(), 200);
    let second = world.campaign.sessions();
    assert_eq!(second.len(), 1);
    assert_ne!(second[0].session_token, first.session_token);

    // The token expires: the Campaign session ends with it.
    world.clock.advance(Duration::from_mins(62));
    world.eventually(|| world.campaign.logoffs().contains(&second[0].session_token)).await;
    let late = RawRequest::get("/demo/echo").bearer(&token).send_to(&world).await;
    assert_eq!(late.status(), 401);
    world.stop().await;
}

#[tokio::test]
async fn the_end_of_the_gateway_logs_off_at_campaign() {
    let world = with_account(|account| account.session = AccountSession::BearerLogon).start().await;
    RawRequest::get("/demo/echo").bearer(&token(&world)).echo(&world).await;
    let session = world.campaign.sessions().remove(0).session_token;
    world.gateway.stop().await;
    assert_eq!(world.campaign.logoffs(), [session]);
}

#[tokio::test]
async fn a_refused_logon_is_said_and_not_repeated_at_once() {
    let world = with_account(|account| account.session = AccountSession::BearerLogon).start().await;
    let token = token(&world);
    world.campaign.faults().refuse_bearer_logon(FaultFrequency::Always, BearerLogonRefusal::InvalidLogin);
    let first = RawRequest::get("/demo/echo").bearer(&token).send_to(&world).await;
    assert_eq!((first.status(), &first.json()["error"]), (403, &json!("campaign_logon_refused")));
    let asked = world.campaign.requests().len();
    let second = RawRequest::get("/demo/echo").bearer(&token).send_to(&world).await;
    assert_eq!(second.status(), 503);
    assert_eq!(world.campaign.requests().len(), asked, "Campaign is left alone for a while");
    world.campaign.faults().clear();
    world.clock.advance(Duration::from_secs(11));
    assert_eq!(RawRequest::get("/demo/echo").bearer(&token).send_to(&world).await.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn without_groups_the_mask_decides_once_for_each_token() {
    let world = with_account(|account| account.groups = None).start().await;
    let token = token(&world);
    for _ in 0..3 {
        let echo = RawRequest::get("/demo/echo").bearer(&token).echo(&world).await;
        assert_eq!(echo.field("x-campaign-groups"), Some("report,workflow"));
    }
    assert_eq!(world.ims.requests_to(ImsEndpoint::Organizations), 1);
    world.stop().await;

    let world = with_account(|account| {
        account.groups = None;
        account.organization_id = "000000000000000000000000@AdobeOrg".to_owned();
    });
    let world = world.start().await;
    let answer = RawRequest::get("/demo/echo").bearer(&self::token(&world)).send_to(&world).await;
    assert_eq!((answer.status(), &answer.json()["error"]), (403, &json!("insufficient_scope")));
    let line = logs::audit(answer.field("x-request-id").unwrap()).remove(0);
    assert_eq!((line.field("event"), line.field("reason")), ("account_refused", "other_organization"));
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn networks_and_paths_limit_an_account() {
    let world = with_account(|account| account.networks = vec!["10.0.0.0/8".parse().unwrap()]).start().await;
    let token_far = token(&world);
    let answer = RawRequest::get("/demo/echo").bearer(&token_far).send_to(&world).await;
    assert_eq!((answer.status(), &answer.json()["error"]), (403, &json!("insufficient_scope")));
    assert!(answer.field("www-authenticate").unwrap().contains("insufficient_scope"));
    let line = logs::audit(answer.field("x-request-id").unwrap()).remove(1);
    assert_eq!((line.field("reason"), line.field("client_id")), ("network", CLIENT));
    let fault = soap("xtk:session#GetUserInfo").bearer(&token_far).send_to(&world).await;
    assert_eq!(fault.status(), 403);
    assert!(
        fault.text().contains("Fault") && fault.text().contains("insufficient_scope"),
        "{}",
        fault.text()
    );
    world.stop().await;

    let world =
        with_account(|account| account.paths = PublicPaths::parse(["/demo/e*"]).unwrap()).start().await;
    let token = token(&world);
    for (path, status) in [
        ("/demo/echo", 200),
        ("/view/home", 403),
        ("/demo/echo/../slow/1", 400),
        ("/demo/echo;x", 403),
        ("/demo//echo", 200),
        // What anybody may ask for stays open.
        ("/r/test", 200),
    ] {
        let answer = RawRequest::get(path).bearer(&token).send_to(&world).await;
        assert_eq!(answer.status(), status, "{path}: {}", answer.text());
    }
    assert_eq!(world.last_request().header("x-ims-user"), None, "/r/test is forwarded for nobody");
    world.stop().await;
}

#[tokio::test]
async fn session_tokens_and_logins_of_others_are_refused() {
    let world = with_account(|account| account.session = AccountSession::BearerLogon).start().await;
    let token = token(&world);
    let envelope = "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body><GetOption xmlns='urn:xtk:session'>\
                    <sessiontoken>admin/secret</sessiontoken></GetOption></E:Body></E:Envelope>";
    for request in [
        RawRequest::get("/nl/jsp/ping.jsp?__sessiontoken=admin/secret"),
        RawRequest::post("/nl/jsp/soaprouter.jsp", envelope).with("SoapAction: xtk:session#GetOption"),
    ] {
        let answer = request.bearer(&token).send_to(&world).await;
        assert_eq!(answer.status(), 403, "{}", answer.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn an_account_may_log_on_by_itself_and_use_campaigns_tokens() {
    let world = with_account(|account| account.paths = PublicPaths::parse(["/nl/jsp/*"]).unwrap());
    let world = world.campaign(|campaign| campaign.session_timeout = Duration::from_hours(100)).start().await;
    let token = token(&world);
    let logon = bearer_logon(&token).send_to(&world).await;
    assert_eq!(logon.status(), 200, "{}", logon.text());
    let session = world.campaign.sessions().remove(0);
    assert!(logon.text().contains(&session.session_token), "Campaign's own response");
    let with_tokens = |request: RawRequest| {
        request
            .with(&format!("X-Session-Token: {}", session.session_token))
            .with(&format!("X-Security-Token: {}", session.security_token))
            .with(&format!("Cookie: __sessiontoken={}", session.session_token))
    };
    let answer = with_tokens(soap("xtk:session#GetUserInfo")).send_to(&world).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = world.last_request();
    assert_eq!(seen.header("x-ims-user"), Some(USER));
    assert_eq!(seen.header("cookie"), Some(format!("__sessiontoken={}", session.session_token).as_str()));
    let outside = with_tokens(RawRequest::get("/demo/echo")).send_to(&world).await;
    assert_eq!(outside.status(), 403, "the account's paths count");
    // The cookie alone is nothing: a browser would send it by itself.
    let cookie = format!("Cookie: __sessiontoken={}", session.session_token);
    assert_eq!(soap("xtk:session#GetUserInfo").with(&cookie).send_to(&world).await.status(), 403);
    let twice = with_tokens(soap("xtk:session#GetUserInfo")).with("X-Session-Token: ___other");
    assert_eq!(twice.send_to(&world).await.status(), 403, "two tokens name nobody");

    // The access token expires: Campaign's tokens open nothing any more.
    world.clock.advance(Duration::from_hours(24) + Duration::from_mins(2));
    assert_eq!(with_tokens(soap("xtk:session#GetUserInfo")).send_to(&world).await.status(), 403);
    world.stop().await;
}

#[tokio::test]
async fn only_tokens_of_listed_clients_log_on() {
    let world = with_account(|_| {}).start().await;
    for token in [world.ims.technical_token("stranger").unwrap(), "a.b.c".to_owned(), String::new()] {
        let answer = bearer_logon(&token).send_to(&world).await;
        assert_eq!(answer.status(), 403, "{}", answer.text());
    }
    assert!(world.campaign.requests().is_empty(), "Campaign saw nothing");
    // Tokens that no account was given.
    world.signed_in("alice").await;
    let hers = world.campaign.sessions().remove(0);
    world.campaign.forget_requests();
    let answer = soap("xtk:session#GetUserInfo")
        .with(&format!("X-Session-Token: {}", hers.session_token))
        .with(&format!("X-Security-Token: {}", hers.security_token))
        .send_to(&world)
        .await;
    assert_eq!(answer.status(), 403);
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_session_cookie_counts_and_the_token_beside_it_does_not() {
    let world = with_account(|_| {}).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let both = RawRequest::get("/demo/echo").session(&alice).bearer(&token(&world)).echo(&world).await;
    assert_ne!(both.field("x-ims-user"), Some(USER));
    assert_eq!(both.field("authorization"), None);
    let stale = RawRequest::get("/demo/echo").session("AAAAAAAAAAAAAAAAAAAAAA").bearer(&token(&world));
    let stale = stale.send_to(&world).await;
    assert_eq!((stale.status(), &stale.json()["error"]), (401, &json!("login_required")));
    world.stop().await;
}

#[tokio::test]
async fn a_bearer_token_needs_no_same_origin() {
    let world = with_account(|_| {}).start().await;
    let request = RawRequest::post("/demo/echo", "a=b")
        .with("Origin: https://elsewhere.example")
        .bearer(&token(&world));
    let answer = request.send_to(&world).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.field("access-control-allow-origin"), None, "no page there can read it");
    world.stop().await;
}

#[tokio::test]
async fn without_technical_accounts_a_token_opens_nothing() {
    let world = World::start().await;
    let token = world.ims.technical_token("anything").unwrap();
    let answer = RawRequest::get("/demo/echo").bearer(&token).send_to(&world).await;
    assert_eq!((answer.status(), &answer.json()["error"]), (401, &json!("login_required")));
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_new_configuration_counts_at_once() {
    let world = with_account(|_| {}).start().await;
    let token = token(&world);
    assert_eq!(RawRequest::get("/demo/echo").bearer(&token).send_to(&world).await.status(), 200);
    bearer_logon(&token).send_to(&world).await;
    let session = world.campaign.sessions().remove(0).session_token;
    let by_session = RawRequest::get("/demo/echo").with(&format!("X-Session-Token: {session}"));
    assert_eq!(by_session.send_to(&world).await.status(), 200);
    // Another account in its place, or none at all.
    for accounts in [vec![account::account("another")], Vec::new()] {
        let changed = world.changed(|config| {
            std::sync::Arc::make_mut(&mut config.instances[0]).campaign.technical_accounts = accounts;
        });
        world.gateway.apply(&changed);
        assert_eq!(RawRequest::get("/demo/echo").bearer(&token).send_to(&world).await.status(), 401);
        assert_eq!(by_session.send_to(&world).await.status(), 401);
    }
    world.stop().await;
}

#[tokio::test]
async fn websockets_of_an_account_end_with_its_token() {
    let world = with_account(|_| {}).start().await;
    let token = token(&world);
    let mut line = crate::support::request::connect(&world).await;
    let upgrade = RawRequest::get("/demo/ws")
        .bearer(&token)
        .with("Connection: Upgrade")
        .with("Upgrade: websocket")
        .with("Sec-WebSocket-Version: 13")
        .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
    line.send(upgrade.keep_alive(crate::support::request::host(&world))).await;
    assert_eq!(line.head().await.unwrap().status(), 101);
    world.clock.advance(Duration::from_hours(24) + Duration::from_mins(2));
    let closed =
        tokio::time::timeout(Duration::from_secs(10), async { while let Ok(Some(_)) = line.next().await {} });
    assert!(closed.await.is_ok(), "the WebSocket is still open");
    world.stop().await;
}

#[tokio::test]
async fn the_audit_line_of_a_login_names_groups_that_campaign_does_not_have() {
    let with_secret = |account: &mut imsgate::config::TechnicalAccount| {
        account.client_secret = Some(format!("secret-of-{CLIENT}").into());
        account.scopes = ["openid", "AdobeID", "read_organizations"].map(str::to_owned).to_vec();
    };
    let world = with_account(with_secret)
        .campaign(|options| options.groups.retain(|group| group != "workflow"))
        .start()
        .await;
    let asks = |request: &Recorded| request.header("soapaction") == Some("xtk:session#Logoff");
    world.eventually(|| world.campaign.requests().iter().any(&asks)).await;
    let mut missing = String::new();
    for _ in 0..50 {
        let answer = world.browser().sign_in("alice", "/view/home").await;
        let line = logs::audit(&answer.request_id())
            .into_iter()
            .find(|line| line.field("event") == "login")
            .unwrap();
        line.field("groups_not_in_campaign").clone_into(&mut missing);
        if !missing.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(missing, "[\"workflow\"]");
    world.stop().await;
}
