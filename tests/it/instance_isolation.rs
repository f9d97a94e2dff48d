//! Hostile mixes across Campaign instances: what one instance gave out means nothing at another, however its host is spelled.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use imsgate::demo::ims::Signing;
use secrecy::SecretString;

use crate::support::Browser;
use crate::support::account::{bearer_logon, token};
use crate::support::instances::{
    TRACKING, address_at_stage, at_stage, session_call, sign_in_at_stage, stage, three_instances,
};
use crate::support::request::{self, RawRequest};

const ALICE: &str = "alice@example.com";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

fn element(text: &str, name: &str) -> String {
    let (_, rest) = text.split_once(&format!("<{name}")).unwrap_or_else(|| panic!("{text}"));
    rest.split(['>', '<']).nth(1).unwrap().to_owned()
}

/// A console password, made on the page of `acme`.
async fn console_password(browser: &Browser) -> String {
    let request = Request::post("/ims/me/console-password")
        .header("accept", "application/json")
        .header("sec-fetch-site", "same-origin");
    let answer = browser.request(request.body(Bytes::new()).unwrap()).await;
    answer.json()["password"].as_str().unwrap().to_owned()
}

fn logon(login: &str, password: &str) -> RawRequest {
    session_call("Logon", &format!("<t/><a>{login}</a><b>{password}</b><c/>"))
}

/// A token in each place where Campaign takes one. The first two never reach Campaign as they are.
fn everywhere(token: &str, security: &str) -> Vec<(&'static str, RawRequest)> {
    let query = format!("__sessiontoken={}", token.replace('/', "%2F"));
    let with_security = |request: RawRequest| request.with(&format!("X-Security-Token: {security}"));
    vec![
        ("field", with_security(RawRequest::get("/demo/echo").with(&format!("X-Session-Token: {token}")))),
        (
            "cookie",
            with_security(RawRequest::get("/demo/echo").with(&format!("Cookie: __sessiontoken={token}"))),
        ),
        ("query", RawRequest::get(&format!("/demo/echo?{query}"))),
        ("public query", RawRequest::get(&format!("/webApp/x?{query}"))),
        ("form", RawRequest::post("/demo/echo", &query).with(FORM)),
        ("public form", RawRequest::post("/webApp/x", &query).with(FORM)),
        ("call", with_security(session_call("GetOption", &format!("<t>{token}</t><n>XtkDatabaseId</n>")))),
    ]
}

#[tokio::test]
async fn tokens_of_one_instance_are_nobodys_at_another() {
    let world = three_instances().start().await;
    let alice = world.signed_in("alice").await;
    let own = world.campaign.sessions().pop().unwrap();
    let console = logon(ALICE, &console_password(&alice).await).send_to(&world).await.text();
    let native = logon("admin", "demo-admin-password").send_to(&world).await.text();
    let account = bearer_logon(&token(&world)).send_to(&world).await.text();
    let pair = |text: &str| (element(text, "pstrSessionToken"), element(text, "pstrSecurityToken"));
    let tokens = [
        ("Campaign's own", (own.session_token, own.security_token)),
        ("a console's", pair(&console)),
        ("a native account's", pair(&native)),
        ("a technical account's", pair(&account)),
    ];
    // At its own instance each is good. Campaign's own counts only beside the session that it belongs to.
    for (whose, (token, security)) in &tokens[1..] {
        let (_, request) = everywhere(token, security).remove(0);
        assert_eq!(request.send_to(&world).await.status(), 200, "{whose}");
    }
    let at_stage = sign_in_at_stage(&world, &alice).await;
    world.campaign.forget_requests();
    for (whose, (token, security)) in &tokens {
        for (place, request) in everywhere(token, security) {
            let alone = request.for_host(&world, &stage(&world)).await;
            assert!([401, 403].contains(&alone.status()), "{whose} {place}: {}", alone.status());
            assert!(world.campaign.requests().is_empty(), "{whose} {place} reached Campaign");
            let public = request.for_host(&world, TRACKING).await;
            assert_eq!(public.status(), 403, "{whose} {place}");
            // Beside a session of that instance it is refused, or it is left out.
            let beside = request.session(&at_stage).with("Sec-Fetch-Site: same-origin");
            let beside = beside.for_host(&world, &stage(&world)).await;
            let is_left_out = ["field", "cookie"].contains(&place);
            assert_eq!(beside.status(), if is_left_out { 200 } else { 403 }, "{whose} {place}");
            for sent in world.campaign.requests() {
                assert!(
                    !format!("{} {:?}", sent.path_and_query, sent.headers).contains(&**token),
                    "{whose} {place}"
                );
            }
            world.campaign.forget_requests();
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_console_password_of_one_instance_is_wrong_at_another() {
    let world = three_instances().start().await;
    let alice = world.signed_in("alice").await;
    let session_at_stage = sign_in_at_stage(&world, &alice).await;
    let password = console_password(&alice).await;
    world.campaign.forget_requests();
    for request in [logon(ALICE, &password), logon(ALICE, &password).session(&session_at_stage)] {
        let answer = request.for_host(&world, &stage(&world)).await;
        assert!(answer.text().contains("XSV-350012"), "{}", answer.text());
        assert_eq!(request.for_host(&world, TRACKING).await.status(), 403);
    }
    assert!(world.campaign.requests().is_empty());
    // Guesses there do not block the person here.
    for _ in 0..6 {
        logon(ALICE, "wrong").for_host(&world, &stage(&world)).await;
    }
    let answer = logon(ALICE, &password).send_to(&world).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    world.stop().await;
}

async fn is_alive(browser: &Browser, address: &str) -> bool {
    browser.get_json(address).await.status == StatusCode::OK
}

#[tokio::test]
async fn a_logout_token_ends_sessions_of_the_instance_that_gets_it_only() {
    let world = three_instances().start().await;
    let alice = world.signed_in("alice").await;
    sign_in_at_stage(&world, &alice).await;
    let user = alice.get_json("/ims/me").await.json()["user"].clone();
    let token = world.ims.logout_token(&Signing::Honest, |_, claims| claims["sub"] = user).unwrap();
    let form = [("logout_token", &*token)];
    let me_at_stage = address_at_stage(&world, "/ims/me");
    let at = async |address: String| world.browser().post_form(&address, &form).await.status;
    assert_eq!(at(address_at_stage(&world, "/ims/backchannel-logout")).await, StatusCode::OK);
    assert!(is_alive(&alice, "/ims/me").await && !is_alive(&alice, &me_at_stage).await);
    assert_eq!(
        at("/ims/backchannel-logout".to_owned()).await,
        StatusCode::OK,
        "each remembers its own tokens"
    );
    assert!(!is_alive(&alice, "/ims/me").await);
    world.stop().await;
}

#[tokio::test]
async fn a_logout_token_for_the_client_of_one_instance_is_refused_at_another() {
    let other_client = |config: &mut imsgate::config::Config| {
        let mut stage = (*config.instances[1]).clone();
        stage.ims.client_id = "Campaign2".to_owned();
        stage.ims.client_secret = SecretString::from("another secret");
        config.instances[1] = stage.into();
    };
    let world = three_instances().config(other_client).start().await;
    let alice = world.signed_in("alice").await;
    let user = alice.get_json("/ims/me").await.json()["user"].clone();
    let token = |client: &str| {
        let signed = world.ims.logout_token(&Signing::Honest, |_, claims| {
            claims["sub"] = user.clone();
            claims["aud"] = client.into();
        });
        signed.unwrap()
    };
    let (own, other) = (token(imsgate::demo::CLIENT_ID), token("Campaign2"));
    let at_stage = address_at_stage(&world, "/ims/backchannel-logout");
    for (address, token, status) in [
        (&*at_stage, &own, StatusCode::BAD_REQUEST),
        ("/ims/backchannel-logout", &other, StatusCode::BAD_REQUEST),
        (&at_stage, &other, StatusCode::OK),
    ] {
        let answer = world.browser().post_form(address, &[("logout_token", token)]).await;
        assert_eq!(answer.status, status, "{address}: {}", answer.text());
        assert!(is_alive(&alice, "/ims/me").await, "{address}");
    }
    let answer = world.browser().post_form("/ims/backchannel-logout", &[("logout_token", &own)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!is_alive(&alice, "/ims/me").await);
    world.stop().await;
}

#[tokio::test]
async fn an_assertion_of_one_instance_is_not_of_another() {
    let world = three_instances().start().await;
    let alice = world.signed_in("alice").await;
    alice.get("/demo/echo").await;
    let assertion = world.last_request().header("x-ims-assertion").unwrap().to_owned();
    let kids = async |address: &str| {
        let keys = alice.get_json(address).await.json();
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].to_string()).collect::<Vec<_>>()
    };
    let (own, other) =
        (kids("/ims/jwks.json").await, kids(&address_at_stage(&world, "/ims/jwks.json")).await);
    assert!(!own.is_empty() && own.iter().all(|kid| !other.contains(kid)), "{own:?} {other:?}");
    let session = sign_in_at_stage(&world, &alice).await;
    let with = |request: RawRequest| request.with(&format!("X-Ims-Assertion: {assertion}"));
    for request in [with(RawRequest::get("/r/x")), with(RawRequest::get("/demo/echo")).session(&session)] {
        request.for_host(&world, &stage(&world)).await;
        let sent = world.last_request();
        assert_ne!(sent.header("x-ims-assertion"), Some(&*assertion));
        assert_eq!(sent.header("host"), Some(&*stage(&world)));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_proxy_that_asks_for_an_identity_gets_it_at_the_instance_of_the_session_only() {
    let world = three_instances()
        .config(|config| {
            config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
            config.listen.forward_auth_secret = Some(SecretString::from("proxy secret"));
        })
        .start()
        .await;
    let alice = world.signed_in("alice").await;
    let ask = RawRequest::get("/ims/auth")
        .session(&alice.session().unwrap())
        .with("X-Ims-Auth-Secret: proxy secret")
        .with("X-Forwarded-Host: localhost")
        .with("X-Original-URL: https://localhost/view/home");
    let here = ask.send_to(&world).await;
    assert_eq!((here.status(), here.field("x-ims-email")), (200, Some(ALICE)));
    let there = ask.for_host(&world, &stage(&world)).await;
    assert_eq!(there.status(), 401);
    assert!(there.field("x-ims-email").is_none_or(str::is_empty));
    assert_eq!(ask.for_host(&world, TRACKING).await.status(), 404);
    world.stop().await;
}

#[tokio::test]
async fn the_last_user_of_one_instance_is_unknown_at_another() {
    let world = three_instances().start().await;
    let alice = world.signed_in("alice").await;
    let was = alice.cookie("__Host-imsgate-was").unwrap();
    world.clock.advance(std::time::Duration::from_mins(31));
    let page = RawRequest::get("/view/home").navigation().with(&format!("Cookie: __Host-imsgate-was={was}"));
    let asks = |location: Option<&str>| location.unwrap().to_owned();
    let here = asks(page.send_to(&world).await.field("location"));
    assert!(here.contains("prompt=none"), "{here}");
    let there = asks(page.for_host(&world, &stage(&world)).await.field("location"));
    assert!(!there.contains("prompt=") && !there.contains("hint"), "{there}");
    world.stop().await;
}

#[tokio::test]
async fn no_return_address_leads_from_one_instance_to_another() {
    let world = three_instances().start().await;
    let alice = world.signed_in("alice").await;
    let host = stage(&world);
    for target in [
        format!("https://{host}/view/home"),
        format!("//{host}/view/home"),
        format!("/\\{host}/view/home"),
        format!("https:{host}/view/home"),
        format!("https://localhost@{host}/view/home"),
        format!("https://{TRACKING}/webApp/x"),
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
        for address in [
            format!("/ims/login?return_to={encoded}"),
            format!("/nl/jsp/logon.jsp?target={encoded}"),
            format!("/nms/imslogin.jssp?target={encoded}"),
        ] {
            let answer = alice.get(&address).await;
            let to = answer.target();
            assert!(
                !answer.location().contains(&host) || to.host_str() == Some("localhost"),
                "{address}: {to}"
            );
            assert_eq!(to.host_str(), Some("localhost"), "{address}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn however_a_host_is_spelled_its_request_is_of_one_instance_or_refused() {
    let world = three_instances().start().await;
    let alice = world.signed_in("alice").await;
    let (here, there) = (alice.session().unwrap(), sign_in_at_stage(&world, &alice).await);
    let (own, other) = (request::host(&world).to_owned(), stage(&world));
    let port = world.address().port();
    let page = |target: &str| RawRequest::get(target).with("Accept: application/json");
    let absolute = |host: &str| page(&format!("https://{host}/demo/echo"));
    let plain = || page("/demo/echo");
    // The request, its `Host`, and the statuses with a session of `acme` and with one of `stage`.
    let cases = [
        (plain(), own.clone(), [200, 401]),
        (plain(), own.to_uppercase(), [200, 401]),
        (plain(), "localhost".to_owned(), [200, 401]),
        (plain(), "LocalHost:1".to_owned(), [200, 401]),
        (plain(), other.clone(), [401, 200]),
        (plain(), "127.0.0.1".to_owned(), [401, 200]),
        (plain(), "127.0.0.1:1".to_owned(), [401, 200]),
        (plain(), format!("localhost.:{port}"), [421, 421]),
        (plain(), "localhost.".to_owned(), [421, 421]),
        (plain(), "127.0.0.1.".to_owned(), [421, 421]),
        (plain(), "127.1".to_owned(), [421, 421]),
        (plain(), "0x7f.0.0.1".to_owned(), [421, 421]),
        (plain(), "[::ffff:127.0.0.1]".to_owned(), [421, 421]),
        (plain(), "localhost:0".to_owned(), [421, 421]),
        (plain(), "localhost:".to_owned(), [421, 421]),
        (plain(), String::new(), [400, 400]),
        (plain(), format!("localhost@127.0.0.1:{port}"), [400, 400]),
        (plain(), "localhost,127.0.0.1".to_owned(), [400, 400]),
        (plain(), "localhost 127.0.0.1".to_owned(), [400, 400]),
        (plain(), "localhost/127.0.0.1".to_owned(), [400, 400]),
        (plain().with(&format!("Host: {other}")), own.clone(), [400, 400]),
        (plain().with(&format!("Host: {own}")), other.clone(), [400, 400]),
        (plain().with(&format!("X-Forwarded-Host: {own}")), other.clone(), [401, 200]),
        (plain().with("Forwarded: host=localhost"), other.clone(), [401, 200]),
        (absolute(&own), own.clone(), [200, 401]),
        (absolute(&other), other.clone(), [401, 200]),
        (absolute(&other), own.clone(), [400, 400]),
        (absolute(&own), other.clone(), [400, 400]),
        (absolute("localhost"), own.clone(), [400, 400]),
    ];
    world.campaign.forget_requests();
    for (request, host, statuses) in &cases {
        for (session, status) in [&here, &there].into_iter().zip(statuses) {
            let answer = request.clone().session(session).for_host(&world, host).await;
            assert_eq!(answer.status(), *status, "{request:?} {host}: {}", answer.text());
        }
    }
    let reached: usize = cases.iter().map(|(.., statuses)| usize::from(statuses.contains(&200))).sum();
    assert_eq!(world.campaign.requests().len(), reached, "what was refused did not reach Campaign");

    // One connection of HTTP/2 for both, as browsers use it. Its TLS name is `localhost`.
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    for (authority, host, statuses) in [
        (&own, None, [200, 401]),
        (&other, None, [401, 200]),
        (&own, Some(&own), [200, 401]),
        (&own, Some(&other), [400, 400]),
        (&other, Some(&own), [400, 400]),
        (&format!("localhost.:{port}"), None, [421, 421]),
    ] {
        for (session, status) in [&here, &there].into_iter().zip(statuses) {
            let mut request = Request::get(format!("https://{authority}/demo/echo"))
                .header("accept", "application/json")
                .header("cookie", format!("__Host-imsgate={session}"));
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let answer = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), status, "{authority} {host:?}");
        }
    }
    assert_eq!(at_stage(&own), other);
    world.stop().await;
}
