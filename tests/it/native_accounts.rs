//! Native accounts of Campaign: listed ones sign in from their networks, with their password checked by Campaign; all others are refused.

use imsgate::config::NativeAccount;
use imsgate::internal::PublicPaths;

use crate::support::http1::Answer;
use crate::support::request::RawRequest;
use crate::support::{Builder, World, logs};

const SOAP: &str = "/nl/jsp/soaprouter.jsp";
const PASSWORD: &str = "demo-admin-password";

fn with_account(network: &str, paths: &[&str]) -> Builder {
    let account = NativeAccount {
        login: "admin".to_owned(),
        networks: vec![network.parse().unwrap()],
        paths: PublicPaths::parse(paths.iter().copied()).unwrap(),
        emergency: false,
    };
    World::builder().instance(move |instance| instance.campaign.native_accounts = vec![account])
}

fn envelope(call: &str) -> String {
    format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body>{call}</E:Body></E:Envelope>"
    )
}

fn logon(login: &str, password: &str) -> RawRequest {
    let call = format!("<Logon xmlns='urn:xtk:session'><t/><a>{login}</a><b>{password}</b><c/></Logon>");
    RawRequest::post(SOAP, &envelope(&call))
        .with("Content-Type: text/xml")
        .with("SoapAction: xtk:session#Logon")
}

fn get_option(token: &str, security: &str) -> RawRequest {
    let call = format!("<GetOption xmlns='urn:xtk:session'><t>{token}</t><n>XtkDatabaseId</n></GetOption>");
    RawRequest::post(SOAP, &envelope(&call))
        .with("Content-Type: text/xml")
        .with("SoapAction: xtk:session#GetOption")
        .with(&format!("X-Security-Token: {security}"))
}

fn element(answer: &Answer, name: &str) -> String {
    let text = answer.text();
    let from = text.find(&format!("<{name}")).unwrap_or_else(|| panic!("{text}"));
    let from = from + text[from..].find('>').unwrap() + 1;
    text[from..from + text[from..].find('<').unwrap()].to_owned()
}

#[tokio::test]
async fn a_listed_account_signs_in_and_works_with_the_gateways_tokens() {
    let world = with_account("127.0.0.0/8", &[]).start().await;
    let answer = logon("admin", PASSWORD).send_to(&world).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let line = logs::audit(answer.field("x-request-id").unwrap()).pop().unwrap();
    assert_eq!((line.field("event"), line.field("login")), ("native_logon", "admin"));
    let (token, security) = (element(&answer, "pstrSessionToken"), element(&answer, "pstrSecurityToken"));
    let own = world.campaign.sessions().pop().unwrap();
    assert_ne!(token, own.session_token, "the client gets no token of Campaign");
    let called = get_option(&token, &security).send_to(&world).await;
    assert_eq!(called.status(), 200, "{}", called.text());
    let sent = world.last_request();
    assert_eq!(sent.header("x-ims-user"), None, "it is no person");
    assert_eq!(sent.header("cookie"), Some(&*format!("__sessiontoken={}", own.session_token)));
    // Only the gateway's own tokens are exchanged: a wrong one stays wrong, and another session is refused.
    get_option(&token, "wrong").send_to(&world).await;
    assert_eq!(world.last_request().header("x-security-token"), Some("wrong"));
    let cookie = format!("Cookie: __sessiontoken={token}");
    let foreign = RawRequest::get("/demo/echo?__sessiontoken=___00000000-0000-0000-0000-000000000000");
    assert_eq!(foreign.with(&cookie).send_to(&world).await.status(), 403);
    assert_eq!(RawRequest::get("/view/home").with(&cookie).send_to(&world).await.status(), 200);
    assert_ne!(logon("admin", "wrong").send_to(&world).await.status(), 200, "Campaign checks the password");
    world.stop().await;
}

#[tokio::test]
async fn other_accounts_networks_and_paths_are_refused_and_never_reach_campaign() {
    let outside = with_account("192.0.2.0/24", &[]).start().await;
    let elsewhere = with_account("127.0.0.0/8", &["/nl/jsp/monitor.jsp"]).start().await;
    for (world, login) in [(&outside, "admin"), (&elsewhere, "admin"), (&elsewhere, "internal")] {
        for request in [
            logon(login, PASSWORD),
            get_option(&format!("{login}/{PASSWORD}"), ""),
            RawRequest::get(&format!("/view/home?__sessiontoken={login}%2F{PASSWORD}")),
        ] {
            let answer = request.send_to(world).await;
            assert!([401, 403].contains(&answer.status()), "{}", answer.text());
            assert!(world.campaign.requests().is_empty());
        }
    }
    outside.stop().await;
    elsewhere.stop().await;
}

#[tokio::test]
async fn a_password_in_the_place_of_a_token_passes_for_a_listed_account() {
    let world = with_account("127.0.0.1/32", &["/demo/*", SOAP]).start().await;
    let target = format!("/demo/echo?__sessiontoken=admin%2F{PASSWORD}");
    RawRequest::get(&target).send_to(&world).await;
    assert_eq!(world.last_request().path_and_query, target);
    assert!(!logs::say(PASSWORD));
    let other = RawRequest::get(&target.replace("admin", "internal")).send_to(&world).await;
    assert_eq!(other.status(), 401);
    world.stop().await;
}

#[tokio::test]
async fn a_ticket_is_worth_nothing_where_the_account_may_not_call() {
    let world = with_account("127.0.0.1/32", &[SOAP]).start().await;
    let answer = logon("admin", PASSWORD).send_to(&world).await;
    let token = element(&answer, "pstrSessionToken");
    let page = RawRequest::get("/view/home").with(&format!("Cookie: __sessiontoken={token}"));
    assert_eq!(page.send_to(&world).await.status(), 401);
    world.stop().await;
}

#[tokio::test]
async fn the_sign_in_page_of_campaign_takes_a_listed_account_and_gives_a_ticket() {
    let world = with_account("127.0.0.0/8", &[]).start().await;
    let form = |login: &str| {
        let body = format!("target=%2Fview%2Fhome&login={login}&password={PASSWORD}&action=submit");
        RawRequest::post("/nl/jsp/logon.jsp", &body).with("Content-Type: application/x-www-form-urlencoded")
    };
    let answer = form("admin").with("Sec-Fetch-Site: same-origin").send_to(&world).await;
    assert_eq!((answer.status(), answer.field("location")), (302, Some("/view/home")), "{}", answer.text());
    let cookie = answer.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert!(!cookie.contains(&world.campaign.sessions()[0].session_token), "{cookie}");
    let page = RawRequest::get("/view/home").with(&format!("Cookie: {cookie}"));
    assert_eq!(page.send_to(&world).await.status(), 200);
    world.campaign.forget_requests();
    let foreign = form("admin").with("Origin: https://evil.example").send_to(&world).await;
    assert_eq!(foreign.status(), 403);
    let unlisted = form("internal").send_to(&world).await;
    assert_ne!(unlisted.status(), 302, "to the gateway's own sign-in");
    assert!(world.campaign.requests().is_empty(), "no password reached Campaign");
    assert!(!logs::say(PASSWORD));
    world.stop().await;
}

#[tokio::test]
async fn a_listed_account_in_a_form_is_let_in_where_it_may_call() {
    let world = with_account("127.0.0.1/32", &["/demo/*"]).start().await;
    let form = |account: &str| format!("a=1&__sessiontoken={account}%2F{PASSWORD}&b=2");
    let encoded = |path: &str, account: &str| {
        RawRequest::post(path, &form(account)).with("Content-Type: application/x-www-form-urlencoded")
    };
    let multipart = |account: &str| {
        let part = "--X\r\nContent-Disposition: form-data; name=\"__sessiontoken\"\r\n\r\n";
        RawRequest::post("/demo/upload", &format!("{part}{account}/{PASSWORD}\r\n--X--\r\n"))
            .with("Content-Type: multipart/form-data; boundary=X")
    };
    encoded("/demo/upload", "admin").send_to(&world).await;
    assert_eq!(world.last_request().body_len, form("admin").len() as u64, "the body passes unchanged");
    multipart("admin").send_to(&world).await;
    assert_eq!(world.campaign.requests().len(), 2);
    world.campaign.forget_requests();
    for (refused, status) in [
        (encoded("/demo/upload", "internal"), 401),
        (multipart("internal"), 401),
        (encoded("/view/home", "admin"), 401),
        // Another account beside the listed one.
        (
            RawRequest::post("/demo/upload", &format!("{}&__sessiontoken=internal/x", form("admin")))
                .with("Content-Type: application/x-www-form-urlencoded"),
            403,
        ),
        // Nobody is let in by a page of another site.
        (encoded("/demo/upload", "admin").with("Origin: https://evil.example"), 401),
        // The account must be named in the beginning of the body.
        (
            RawRequest::post("/demo/upload", &format!("a={}&{}", "x".repeat(70_000), form("admin")))
                .with("Content-Type: application/x-www-form-urlencoded"),
            401,
        ),
    ] {
        let answer = refused.send_to(&world).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
    }
    assert!(world.campaign.requests().iter().all(|request| request.body_len == 0), "no password reached it");
    assert!(!logs::say(PASSWORD));
    world.stop().await;
}
