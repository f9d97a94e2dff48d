//! The client console signs in with a password that its user makes on `/ims/me`.

use std::time::Duration;

use http::StatusCode;
use imsgate::config::{ConsolePasswordMode, SessionMode};

use crate::support::Browser;
use crate::support::http1::Answer;
use crate::support::request::RawRequest;
use crate::support::{World, logs};

const SOAP: &str = "/nl/jsp/soaprouter.jsp";
const ALICE: &str = "alice@example.com";

/// What the console holds after its logon.
struct Console {
    session: String,
    security: String,
}

fn envelope(call: &str) -> String {
    format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body>{call}</E:Body></E:Envelope>"
    )
}

fn logon(login: &str, password: &str, build: u32) -> RawRequest {
    let call = format!(
        "<Logon xmlns='urn:xtk:session'><__sessiontoken/><a>{login}</a><b>{password}</b><c><client build='{build}'/></c></Logon>"
    );
    RawRequest::post(SOAP, &envelope(&call))
        .with("Content-Type: text/xml")
        .with("SoapAction: \"xtk:session#Logon\"")
}

fn get_option(token: &str) -> RawRequest {
    let call = format!(
        "<GetOption xmlns='urn:xtk:session'><__sessiontoken>{token}</__sessiontoken><n>XtkDatabaseId</n></GetOption>"
    );
    RawRequest::post(SOAP, &envelope(&call))
        .with("Content-Type: text/xml")
        .with("SoapAction: xtk:session#GetOption")
}

fn element(answer: &Answer, name: &str) -> String {
    let text = answer.text();
    let from = text.find(&format!("<{name}")).unwrap_or_else(|| panic!("{text}"));
    let from = from + text[from..].find('>').unwrap() + 1;
    text[from..from + text[from..].find('<').unwrap()].to_owned()
}

/// Makes a password on the page, as a script does.
async fn password(browser: &Browser) -> String {
    let request = http::Request::post("/ims/me/console-password")
        .header("accept", "application/json")
        .header("sec-fetch-site", "same-origin");
    let answer = browser.request(request.body(bytes::Bytes::new()).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["login"], ALICE);
    answer.json()["password"].as_str().unwrap().to_owned()
}

async fn console(world: &World, password: &str) -> Console {
    let answer = logon(ALICE, password, 9999).send_to(world).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(answer.text().contains("<LogonResponse"), "{}", answer.text());
    Console { session: element(&answer, "pstrSessionToken"), security: element(&answer, "pstrSecurityToken") }
}

impl Console {
    /// A call with the tokens in every place where the official clients put them.
    async fn call(&self, world: &World) -> Answer {
        get_option(&self.session)
            .with(&format!("X-Session-Token: {}", self.session))
            .with(&format!("X-Security-Token: {}", self.security))
            .with(&format!("Cookie: __sessiontoken={}", self.session))
            .send_to(world)
            .await
    }
}

#[tokio::test]
async fn the_console_works_as_the_person_until_she_signs_out() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    let password = password(&alice).await;
    let console = console(&world, &password).await;
    let live = world.campaign.sessions();
    assert!(
        live.iter().all(|session| session.session_token != console.session),
        "the token is the gateway's own"
    );
    let answer = console.call(&world).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent = world.last_request();
    assert_eq!(sent.header("x-ims-email"), Some(ALICE));
    assert!(!format!("{:?}", sent.headers).contains(&console.session), "it never reaches Campaign");
    // The token in the body alone is enough, and the security token is exchanged with it.
    let alone = get_option(&console.session).with(&format!("X-Security-Token: {}", console.security));
    assert_eq!(alone.send_to(&world).await.status(), 200);
    // Campaign's protection against cross-site requests stays.
    let without = get_option(&console.session).send_to(&world).await;
    assert_eq!(without.status(), 403, "{}", without.text());

    alice.post_form("/ims/logout", &[]).await;
    let after = console.call(&world).await;
    assert_eq!(after.status(), 403);
    assert!(after.text().contains("XSV-350008"), "{}", after.text());
    world.stop().await;
}

#[tokio::test]
async fn views_inside_the_console_are_open_with_its_cookie() {
    let world = World::start().await;
    let console = console(&world, &password(&world.signed_in("alice").await).await).await;
    let cookie = format!("Cookie: _console=1; __sessiontoken=\"{}\"", console.session);
    let view = RawRequest::get("/view/home").with(&cookie).with("Accept: text/html").send_to(&world).await;
    assert_eq!(view.status(), 200, "{}", view.text());
    let target = format!("/demo/echo?a=1&__sessiontoken={}", console.session);
    let echo = RawRequest::get(&target).echo(&world).await;
    assert_eq!(echo.field("x-ims-email"), Some(ALICE));
    let sent = world.last_request();
    let own = &world.campaign.sessions()[0].session_token;
    let query = url::form_urlencoded::parse(sent.path_and_query.split_once('?').unwrap().1.as_bytes());
    let sent_tokens: Vec<_> =
        query.filter(|(name, _)| name == "__sessiontoken").map(|(_, value)| value.into_owned()).collect();
    assert_eq!(sent_tokens.concat(), *own);
    // A page of another site cannot use the cookie of the console's browser.
    let write = RawRequest::post("/demo/upload", "a=b").with(&cookie).with("Origin: https://evil.example");
    assert_eq!(write.send_to(&world).await.status(), 401);
    let other =
        RawRequest::get("/view/home").with("Cookie: __sessiontoken=___ims.forged").send_to(&world).await;
    assert_eq!(other.status(), 401);
    world.stop().await;
}

#[tokio::test]
async fn the_published_first_calls_of_the_console_work() {
    let world = World::start().await;
    let password = password(&world.signed_in("alice").await).await;
    let config = RawRequest::get("/r/config").send_to(&world).await;
    assert_eq!(config.status(), 404, "as Campaign answers it");
    let console = console(&world, &password).await;
    let call = |schema: &str, method: &str, parameters: &str| {
        let call = format!(
            "<{method} xmlns='urn:{schema}'><__sessiontoken>{}</__sessiontoken>{parameters}</{method}>",
            console.session
        );
        RawRequest::post(SOAP, &envelope(&call))
            .with("Content-Type: application/soap+xml;charset=UTF-8")
            .with(&format!("SoapAction: \"{schema}#{method}\""))
            .with(&format!("X-Security-Token: {}", console.security))
    };
    for (schema, method, parameters) in [
        ("xtk:persist", "GetDirtyCacheEntities", "<entities/>"),
        ("xtk:session", "GetOption", "<name>XtkDatabaseId</name>"),
        (
            "xtk:queryDef",
            "ExecuteQuery",
            "<entity><queryDef schema='nms:recipient' operation='select'/></entity>",
        ),
    ] {
        let answer = call(schema, method, parameters).send_to(&world).await;
        assert_eq!(answer.status(), 200, "{method}: {}", answer.text());
        let zone = RawRequest::get("/xtk/jsp/zoneinfo.jsp?name=public").send_to(&world).await;
        assert_eq!(zone.status(), 200);
    }
    world.stop().await;
}

#[tokio::test]
async fn one_logon_within_ten_minutes() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    let first = password(&alice).await;
    console(&world, &first).await;
    let again = logon(ALICE, &first, 9999).send_to(&world).await;
    assert_eq!(again.status(), 403);
    assert!(again.text().contains("XSV-350012"), "{}", again.text());
    let late = password(&alice).await;
    world.clock.advance(Duration::from_secs(601));
    assert!(logon(ALICE, &late, 9999).send_to(&world).await.text().contains("XSV-350012"));
    world.stop().await;
}

#[tokio::test]
async fn in_mode_session_a_password_is_good_until_it_is_withdrawn() {
    let world = World::builder()
        .instance(|i| i.campaign.console_password = ConsolePasswordMode::Session)
        .start()
        .await;
    let alice = world.signed_in("alice").await;
    let password = password(&alice).await;
    let first = console(&world, &password).await;
    let second = console(&world, &password.to_uppercase().replace('-', " ")).await;
    assert_eq!(second.call(&world).await.status(), 200);
    assert_ne!(first.security, second.security);
    let answer = alice.post_form("/ims/me/console-password/withdraw", &[]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/ims/me"));
    assert!(second.call(&world).await.text().contains("XSV-350008"), "its consoles are signed out");
    assert!(logon(ALICE, &password, 9999).send_to(&world).await.text().contains("XSV-350012"));
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_password_never_reaches_campaign_and_guessing_ends() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    let right = password(&alice).await;
    world.campaign.forget_requests();
    for login in [ALICE, "nobody@example.com", "admin"] {
        let answer = logon(login, "wrong", 9999).send_to(&world).await;
        assert_eq!(answer.status(), 403);
        assert!(answer.text().contains("XSV-350012 Invalid login or password"), "{}", answer.text());
        let line = logs::audit(answer.field("x-request-id").unwrap()).pop().unwrap();
        assert_eq!((line.field("event"), line.field("login")), ("console_logon_refused", login));
    }
    for _ in 0..5 {
        logon(ALICE, "wrong", 9999).send_to(&world).await;
    }
    let answer = logon(ALICE, &right, 9999).send_to(&world).await;
    assert!(answer.text().contains("XSV-350012"), "too many attempts: {}", answer.text());
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_a_guesser_blocks_only_the_address_of_its_own() {
    let world = World::builder()
        .config(|config| config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()])
        .start()
        .await;
    let alice = world.signed_in("alice").await;
    let right = password(&alice).await;
    let from = |password: &str, address: &str| {
        logon(ALICE, password, 9999).with(&format!("X-Forwarded-For: {address}"))
    };
    for _ in 0..6 {
        from("wrong", "203.0.113.7").send_to(&world).await;
    }
    let guesser = from(&right, "203.0.113.7").send_to(&world).await;
    assert!(guesser.text().contains("XSV-350012"), "{}", guesser.text());
    let console = from(&right, "198.51.100.9").send_to(&world).await;
    assert!(console.text().contains("<LogonResponse"), "{}", console.text());
    world.stop().await;
}

#[tokio::test]
async fn beside_a_session_cookie_of_the_same_person_a_logon_is_as_without_it() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    let session = alice.session().unwrap();
    let wrong = logon(ALICE, "wrong", 9999).session(&session).send_to(&world).await;
    assert!(wrong.text().contains("XSV-350012"), "{}", wrong.text());
    let right = password(&alice).await;
    let answer = logon(&ALICE.to_uppercase(), &right, 9999).session(&session).send_to(&world).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let ticket = element(&answer, "pstrSessionToken");
    let console = Console { session: ticket.clone(), security: element(&answer, "pstrSecurityToken") };
    assert_eq!(console.call(&world).await.status(), 200);
    let again = logon(ALICE, &right, 9999).session(&session).send_to(&world).await;
    assert!(again.text().contains("XSV-350012"), "it was used: {}", again.text());
    // A console that still has the ticket of an earlier logon logs on again, also as somebody else.
    let erin = world.signed_in("erin").await;
    for (browser, who) in [(&alice, ALICE), (&erin, "erin@example.com")] {
        let request = http::Request::post("/ims/me/console-password")
            .header("accept", "application/json")
            .header("sec-fetch-site", "same-origin");
        let made = browser.request(request.body(bytes::Bytes::new()).unwrap()).await;
        let password = made.json()["password"].as_str().unwrap().to_owned();
        let cookie = format!("Cookie: __sessiontoken={ticket}");
        let answer = logon(who, &password, 9999).with(&cookie).send_to(&world).await;
        assert_eq!(answer.status(), 200, "{who}: {}", answer.text());
        let token = element(&answer, "pstrSessionToken");
        let echo =
            RawRequest::get("/demo/echo").with(&format!("X-Session-Token: {token}")).echo(&world).await;
        assert_eq!(echo.field("x-ims-email"), Some(who));
    }
    for _ in 0..4 {
        logon(ALICE, "wrong", 9999).session(&session).send_to(&world).await;
    }
    let right = password(&alice).await;
    let blocked = logon(ALICE, &right, 9999).session(&session).send_to(&world).await;
    assert!(blocked.text().contains("XSV-350012"), "guesses count beside a cookie too: {}", blocked.text());
    world.stop().await;
}

#[tokio::test]
async fn beside_a_session_cookie_of_another_person_a_logon_is_refused() {
    let world = World::start().await;
    let (alice, erin) = (world.signed_in("alice").await, world.signed_in("erin").await);
    let right = password(&alice).await;
    let answer = logon(ALICE, &right, 9999).session(&erin.session().unwrap()).send_to(&world).await;
    assert_eq!(answer.status(), 403);
    assert!(answer.text().contains("XSV-350012"), "{}", answer.text());
    let line = logs::audit(answer.field("x-request-id").unwrap()).pop().unwrap();
    assert_eq!((line.field("event"), line.field("login")), ("console_logon_refused", ALICE));
    assert!(line.field("reason").contains("another person"));
    // From a page of another site, no cookie counts, and no password either.
    let foreign = logon(ALICE, &right, 9999)
        .session(&alice.session().unwrap())
        .with("Origin: https://evil.example")
        .send_to(&world)
        .await;
    assert!(!foreign.text().contains("LogonResponse"), "{}", foreign.text());
    console(&world, &right).await;
    world.stop().await;
}

#[tokio::test]
async fn an_old_console_is_told_to_update() {
    let world = World::builder().instance(|i| i.campaign.min_console_build = Some(9333)).start().await;
    let alice = world.signed_in("alice").await;
    let password = password(&alice).await;
    let answer = logon(ALICE, &password, 9332).send_to(&world).await;
    assert_eq!(answer.status(), 403);
    assert!(answer.text().contains("9333") && answer.text().contains("too old"), "{}", answer.text());
    assert_eq!(
        logon(ALICE, &password, 9333).send_to(&world).await.status(),
        200,
        "the password was not used up"
    );
    world.stop().await;
}

#[tokio::test]
async fn what_campaign_advertises_is_the_oldest_build_by_default() {
    let world = World::start().await;
    let password = password(&world.signed_in("alice").await).await;
    assert!(logon(ALICE, &password, 8968).send_to(&world).await.text().contains("8969"));
    world.eventually(|| world.campaign.sessions().len() == 1).await;
    world.stop().await;
}

#[tokio::test]
async fn who_may_not_use_the_console_is_told_so() {
    let world = World::builder().campaign(|options| options.no_console = true).start().await;
    let password = password(&world.signed_in("alice").await).await;
    let answer = logon(ALICE, &password, 9999).send_to(&world).await;
    assert_eq!(answer.status(), 403);
    assert!(answer.text().contains("may not use the client console"), "{}", answer.text());
    world.stop().await;
}

#[tokio::test]
async fn other_pages_get_no_password() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    for field in ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Accept: */*"] {
        let answer = RawRequest::post("/ims/me/console-password", "")
            .session(&alice)
            .with(field)
            .send_to(&world)
            .await;
        assert_eq!(answer.status(), 403, "{field}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_page_shows_the_password_once_and_no_log_holds_it() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await;
    assert!(alice.get("/ims/me").await.text().contains("/ims/me/console-password"));
    let page = alice.post_form("/ims/me/console-password", &[]).await;
    let text = page.text();
    let at = text.find("<code>").unwrap() + "<code>".len();
    let password = &text[at..at + 19];
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(!alice.get("/ims/me").await.text().contains(password));
    console(&world, password).await;
    assert!(!logs::say(password));
    world.stop().await;
}

#[tokio::test]
async fn without_the_feature_there_is_no_password_and_a_logon_gets_the_usual_fault() {
    let world =
        World::builder().instance(|i| i.campaign.console_password = ConsolePasswordMode::Off).start().await;
    let alice = world.signed_in("alice").await;
    assert!(!alice.get("/ims/me").await.text().contains("console-password"));
    let page = alice.post_form("/ims/me/console-password", &[]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(logon(ALICE, "x", 9999).send_to(&world).await.text().contains("XSV-350008"));
    world.stop().await;
}

#[tokio::test]
async fn the_console_works_in_mode_bearer_too() {
    let world = World::builder().session_mode(SessionMode::Bearer).start().await;
    let password = password(&world.signed_in("alice").await).await;
    let console = console(&world, &password).await;
    let answer = console.call(&world).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent = world.last_request();
    assert!(sent.header("authorization").is_some_and(|value| value.starts_with("Bearer ")));
    world.stop().await;
}
