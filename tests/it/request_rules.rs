//! `[[campaign.rule]]`: a request that matches the paths of a rule and does not meet it never reaches Campaign, whoever sends it.

use imsgate::config::NativeAccount;
use imsgate::internal::{PublicPaths, RequestRule, RequestRules, RulePaths};

use crate::support::account::{bearer_logon, soap, token, with_account};
use crate::support::admin::{value, with_admin};
use crate::support::http1::Answer;
use crate::support::request::RawRequest;
use crate::support::saved_form::{AFTER_IDLE_TIMEOUT, URLENCODED, buttons, confirmation, form, received};
use crate::support::{Builder, World, logs};

const SOAP: &str = "/nl/jsp/soaprouter.jsp";
const PASSWORD: &str = "demo-admin-password";

fn rule(paths: &[&str]) -> RequestRule {
    RequestRule { paths: RulePaths::parse(paths.iter().copied()).unwrap(), ..RequestRule::default() }
}

fn for_group(paths: &[&str], group: &str) -> RequestRule {
    RequestRule { groups: vec![group.to_owned()], ..rule(paths) }
}

fn for_network(paths: &[&str], network: &str) -> RequestRule {
    RequestRule { networks: vec![network.parse().unwrap()], ..rule(paths) }
}

fn with_rate(paths: &[&str], rate: &str) -> RequestRule {
    RequestRule { rate: Some(rate.parse().unwrap()), ..rule(paths) }
}

fn with(builder: Builder, rules: Vec<RequestRule>) -> Builder {
    builder.instance(move |instance| {
        instance.campaign.request_rules = RequestRules::new(rules).unwrap();
        instance.campaign.native_accounts = vec![NativeAccount {
            login: "admin".to_owned(),
            networks: vec!["127.0.0.0/8".parse().unwrap()],
            paths: PublicPaths::default(),
            emergency: false,
        }];
    })
}

fn world(rules: Vec<RequestRule>) -> Builder {
    with(World::builder(), rules)
}

/// A session of a person who came by a path without a rule.
async fn signed_in(world: &World, who: &str) -> String {
    let browser = world.browser();
    browser.sign_in(who, "/nms/x.jssp").await;
    browser.session().unwrap()
}

fn event(answer: &Answer) -> logs::Line {
    let lines = logs::audit(answer.field("x-request-id").unwrap());
    lines.into_iter().find(|line| line.field("event") == "rule_refused").expect("an audit event")
}

#[tokio::test]
async fn only_people_of_the_group_reach_the_paths_of_a_rule() {
    let paths = ["/view/*", "/demo/upload", "/demo/ws", "/nl/jsp/logon.jsp"];
    let world = world(vec![for_group(&paths, "delivery")]).start().await;
    let (alice, dave) = (signed_in(&world, "alice").await, signed_in(&world, "dave").await);
    assert_eq!(RawRequest::get("/view/home").session(&alice).send_to(&world).await.status(), 200);
    assert_eq!(RawRequest::get("/demo/echo").session(&dave).send_to(&world).await.status(), 200);
    world.campaign.forget_requests();
    for request in [
        RawRequest::get("/view/home").navigation(),
        RawRequest::get("/view/home").with("Accept: application/json"),
        RawRequest::get("/nl/jsp/logon.jsp?target=%2Fdemo%2Fecho").navigation(),
        RawRequest::post("/demo/upload", "a=b").with("Sec-Fetch-Site: same-origin"),
        RawRequest::get("/demo/ws")
            .with("Upgrade: websocket")
            .with("Connection: Upgrade")
            .with("Sec-WebSocket-Version: 13")
            .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        let answer = request.session(&dave).send_to(&world).await;
        assert_eq!(answer.status(), 403, "{}", answer.text());
        let event = event(&answer);
        assert_eq!((event.field("rule"), event.field("condition")), ("/view/*", "groups"));
        assert_eq!(event.field("email"), "dave@example.com");
    }
    // Nobody is asked to sign in for nothing, and somebody who is not signed in is asked as usual.
    assert_eq!(RawRequest::get("/view/home").navigation().send_to(&world).await.status(), 303);
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn no_spelling_of_a_path_escapes_a_rule() {
    let group = for_group(&["/view/home", "/webApp/form", "/nms/delivery.jssp"], "report");
    let world = world(vec![group, for_network(&["/r/secret"], "192.0.2.0/24")]).start().await;
    let session = signed_in(&world, "alice").await;
    world.campaign.forget_requests();
    for target in [
        "/view/home",
        "/VIEW/Home",
        "//view//home",
        "/view/home/",
        "/view/home?a=b",
        "/view/home;jsessionid=1",
        "/view;x/home",
        "/v%69ew/home",
        "/v%2569ew/home",
        "/view/home%3fx",
        "/view/home%23",
        "/view/home%253bx",
        "/view/h%EF%BD%8Fme",
        "/view/ho%E2%80%8Bme",
        "/x/%252e%252e/view/home",
        "/nms/DELIVE~1.JSS",
        "/nms/delivery.jssp/more/text",
        "/webApp/form",
        "/WEBAPP/form",
        "/WEBAPP~1/form",
        "/r/secret",
        "/R/secret",
        "/r/s%65cret",
        "/%2525252541",
    ] {
        let host = crate::support::request::host(&world).to_owned();
        for target in [target.to_owned(), format!("https://{host}{target}")] {
            let answer = RawRequest::get(&target).session(&session).send_to(&world).await;
            assert!([400, 403].contains(&answer.status()), "{target}: {}", answer.status());
        }
    }
    assert!(world.campaign.requests().is_empty());
    for target in ["/view/homes", "/webApp/other", "/r/open"] {
        let answer = RawRequest::get(target).session(&session).send_to(&world).await;
        assert_ne!(answer.status(), 403, "{target}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_public_path_with_a_group_is_public_no_more() {
    let world = world(vec![for_group(&["/r/*", SOAP], "report")]).start().await;
    let anonymous = RawRequest::get("/r/test").navigation().send_to(&world).await;
    assert_eq!(anonymous.status(), 303, "{}", anonymous.text());
    assert_eq!(RawRequest::get("/r/test").send_to(&world).await.status(), 401);
    // Nor is a SOAP method that anybody may call.
    let open = soap("xtk:session#GetServerTime").send_to(&world).await;
    assert_eq!(open.status(), 403);
    assert!(open.text().contains("XSV-350008"), "{}", open.text());
    // A page of another site uses nobody's session for it, and gets nothing without.
    let alice = world.signed_in("alice").await.session().unwrap();
    let reached = world.campaign.requests().len();
    let foreign = RawRequest::post("/r/test", "a=b").session(&alice).with("Origin: https://evil.example");
    assert_eq!(foreign.send_to(&world).await.status(), 403);
    assert_eq!(RawRequest::get("/r/test").session(&alice).send_to(&world).await.status(), 403);
    assert_eq!(world.campaign.requests().len(), reached);
    let erin = world.signed_in("erin").await.session().unwrap();
    assert_eq!(RawRequest::get("/r/test").session(&erin).send_to(&world).await.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn other_networks_are_refused_on_every_path_of_a_rule() {
    let builder = with(
        with_admin(),
        vec![for_network(&["/r/*", "/view/*", "/nl/jsp/logon.jsp", SOAP], "192.0.2.0/24")],
    );
    let world = builder
        .config(|config| config.listen.trusted_proxies = vec!["127.0.0.2/32".parse().unwrap()])
        .start()
        .await;
    let alice = signed_in(&world, "alice").await;
    world.campaign.forget_requests();
    let form = format!("login=admin&password={PASSWORD}");
    for request in [
        RawRequest::get("/r/test"),
        RawRequest::get("/r/test").with("X-Forwarded-For: 192.0.2.1"),
        RawRequest::get("/view/home").session(&alice),
        RawRequest::get(&format!("/view/home?__sessiontoken=admin%2F{PASSWORD}")),
        RawRequest::post("/nl/jsp/logon.jsp", &form).with("Content-Type: application/x-www-form-urlencoded"),
        RawRequest::get("/nl/jsp/logon.jsp").session(&alice),
    ] {
        let answer = request.send_to(&world).await;
        assert_eq!(answer.status(), 403, "{}", answer.text());
        assert_eq!(answer.json()["error"], "rule_unmet");
    }
    let fault = soap("xtk:session#GetServerTime").send_to(&world).await;
    assert_eq!(fault.status(), 403);
    assert!(
        fault.text().contains("<SOAP-ENV:Fault>") && fault.text().contains("rule_unmet"),
        "{}",
        fault.text()
    );
    assert!(world.campaign.requests().is_empty());
    // The closed paths stay closed, and the gateway's own addresses work.
    assert_eq!(RawRequest::get("/res/x.jsp").send_to(&world).await.json()["error"], "closed");
    assert_eq!(RawRequest::get("/ims/me").session(&alice).send_to(&world).await.status(), 200);
    assert_eq!(value(&world, "imsgate_rule_refusals_total{condition=\"networks\"}").await, 7);
    world.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_of_a_rule() {
    let rules = vec![for_network(&["/r/*"], "192.0.2.0/24"), with_rate(&["/r/*"], "1/hour")];
    let world =
        world(rules).config(|config| config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()]);
    let world = world.start().await;
    for (client, status) in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 429),
        ("192.0.2.2", 200),
        ("198.51.100.1", 403),
        ("192.0.2.3, 198.51.100.1", 403),
        ("198.51.100.1, 192.0.2.4", 200),
        ("nonsense", 403),
    ] {
        let request = RawRequest::get("/r/test").with(&format!("X-Forwarded-For: {client}"));
        assert_eq!(request.send_to(&world).await.status(), status, "{client}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_rate_bounds_requests_of_one_address_and_the_audit_trail() {
    let rules = vec![with_rate(&["/r/*"], "3/hour"), with_rate(&[SOAP], "1/hour")];
    let world = with(with_admin(), rules).start().await;
    for _ in 0..3 {
        assert_eq!(RawRequest::get("/r/test").send_to(&world).await.status(), 200);
    }
    let refused = RawRequest::get("/R/test").send_to(&world).await;
    assert_eq!(refused.status(), 429, "the same rule counts each spelling");
    let wait: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=1200).contains(&wait), "{wait}");
    let first = event(&refused);
    assert_eq!((first.field("condition"), first.field("refused"), first.field("user")), ("rate", "1", ""));
    let page = RawRequest::get("/r/test").navigation().send_to(&world).await;
    assert!(page.text().contains("Too many requests"), "{}", page.text());
    let mut events = 0;
    for _ in 0..50 {
        let answer = RawRequest::get("/r/test").send_to(&world).await;
        assert_eq!(answer.status(), 429);
        events += logs::audit(answer.field("x-request-id").unwrap()).len();
    }
    // One in ten seconds, however slow this machine is.
    assert!(events < 25, "a flood does not fill the audit trail: {events}");
    world.clock.advance(std::time::Duration::from_secs(10));
    let later = RawRequest::get("/r/test").send_to(&world).await;
    let counted: u64 = event(&later).field("refused").parse().unwrap();
    assert!(events > 0 || counted == 52, "{counted}");
    // Signed in or not: a rule is about the address.
    let alice = world.signed_in("alice").await.session().unwrap();
    assert_eq!(RawRequest::get("/r/test").session(&alice).send_to(&world).await.status(), 429);
    assert_eq!(RawRequest::get("/view/home").session(&alice).send_to(&world).await.status(), 200);
    assert_eq!(soap("xtk:session#GetServerTime").send_to(&world).await.status(), 200);
    let fault = soap("xtk:session#GetServerTime").send_to(&world).await;
    assert_eq!(fault.status(), 429);
    let wait: u64 = fault.field("retry-after").unwrap().parse().unwrap();
    assert!((3000..=3600).contains(&wait), "{wait}");
    assert!(fault.text().contains("<SOAP-ENV:Fault>"), "{}", fault.text());
    assert_eq!(value(&world, "imsgate_rule_refusals_total{condition=\"rate\"}").await, 55);
    world.stop().await;
}

#[tokio::test]
async fn technical_accounts_have_the_groups_of_the_configuration() {
    let builder = with_account(|_| {});
    let rules = vec![for_group(&["/report/*", SOAP], "report"), for_group(&["/nms/*"], "delivery")];
    let world = builder
        .instance(move |instance| instance.campaign.request_rules = RequestRules::new(rules).unwrap())
        .start()
        .await;
    let token = token(&world);
    let refused = RawRequest::post("/report/deliveryFeedback", "").bearer(&token).send_to(&world).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert_eq!(event(&refused).field("client_id"), "report-robot");
    let call = soap("xtk:queryDef#ExecuteQuery").bearer(&token).send_to(&world).await;
    assert!(call.status() == 403 && call.text().contains("rule_unmet"), "{}", call.text());
    let logon = bearer_logon(&token).send_to(&world).await;
    assert!(logon.status() == 403 && logon.text().contains("rule_unmet"), "{}", logon.text());
    assert!(world.campaign.requests().is_empty());
    let allowed = RawRequest::post("/nms/aemAssetDownload.jssp", "{}").bearer(&token).send_to(&world).await;
    assert_eq!(allowed.status(), 200, "{}", allowed.text());
    world.stop().await;
}

fn element(answer: &Answer, name: &str) -> String {
    let text = answer.text();
    let from = text.find(&format!("<{name}")).unwrap_or_else(|| panic!("{text}"));
    let from = from + text[from..].find('>').unwrap() + 1;
    text[from..from + text[from..].find('<').unwrap()].to_owned()
}

fn call(method: &str, parameters: &str) -> RawRequest {
    let envelope = format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body>\
         <{method} xmlns='urn:xtk:session'>{parameters}</{method}></E:Body></E:Envelope>"
    );
    RawRequest::post(SOAP, &envelope)
        .with("Content-Type: text/xml")
        .with(&format!("SoapAction: xtk:session#{method}"))
}

#[tokio::test]
async fn native_accounts_have_no_groups_however_they_call() {
    let world = world(vec![for_group(&["/view/*", "/nl/jsp/logon.jsp"], "delivery")]).start().await;
    let logon = call("Logon", &format!("<t/><a>admin</a><b>{PASSWORD}</b><c/>")).send_to(&world).await;
    assert_eq!(logon.status(), 200, "{}", logon.text());
    let ticket = element(&logon, "pstrSessionToken");
    world.campaign.forget_requests();
    let form = format!("login=admin&password={PASSWORD}");
    for request in [
        RawRequest::get("/view/home").with(&format!("Cookie: __sessiontoken={ticket}")),
        RawRequest::get("/view/home").with(&format!("X-Session-Token: {ticket}")),
        RawRequest::get(&format!("/view/home?__sessiontoken=admin%2F{PASSWORD}")),
        RawRequest::post("/view/home", &format!("__sessiontoken=admin%2F{PASSWORD}"))
            .with("Content-Type: application/x-www-form-urlencoded"),
        RawRequest::post("/nl/jsp/logon.jsp", &form)
            .with("Content-Type: application/x-www-form-urlencoded")
            .with("Sec-Fetch-Site: same-origin"),
    ] {
        let answer = request.send_to(&world).await;
        assert!([401, 403].contains(&answer.status()), "{}", answer.text());
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_client_console_has_the_groups_of_its_person() {
    let world = world(vec![for_group(&[SOAP], "delivery"), for_group(&["/view/*"], "report")]).start().await;
    for (who, allowed) in [("alice", 200), ("dave", 403)] {
        let browser = world.browser();
        browser.sign_in(who, "/nms/x.jssp").await;
        let request = http::Request::post("/ims/me/console-password")
            .header("accept", "application/json")
            .header("sec-fetch-site", "same-origin");
        let made = browser.request(request.body(bytes::Bytes::new()).unwrap()).await.json();
        let password = made["password"].as_str().unwrap();
        let logon = call(
            "Logon",
            &format!("<t/><a>{who}@example.com</a><b>{password}</b><c><client build='9999'/></c>"),
        );
        let logon = logon.send_to(&world).await;
        assert_eq!(logon.status(), 200, "{}", logon.text());
        let (ticket, security) = (element(&logon, "pstrSessionToken"), element(&logon, "pstrSecurityToken"));
        let asked = call("GetOption", &format!("<t>{ticket}</t><n>XtkDatabaseId</n>"))
            .with(&format!("X-Security-Token: {security}"));
        let answer = asked.send_to(&world).await;
        assert_eq!(answer.status(), allowed, "{who}: {}", answer.text());
        let view = RawRequest::get("/view/home").with(&format!("Cookie: __sessiontoken={ticket}"));
        assert_eq!(view.send_to(&world).await.status(), 403, "{who}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_saved_form_is_compared_with_the_rules_of_its_own_path() {
    let world = world(vec![for_group(&["/demo/secret"], "report")]).start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let saved = browser.request(form(&world, "/demo/secret", URLENCODED, "a=b")).await;
    let page = confirmation(&browser, saved).await;
    let (target, id) = buttons(&page).remove(0);
    assert_eq!(target, "/demo/secret");
    let body = format!("imsgate-kept={id}\r\n");
    for target in ["/demo/secret", "/demo/echo"] {
        let answer = browser.request(form(&world, target, "text/plain", body.clone())).await;
        assert_eq!(answer.status, 403, "{target}: {}", answer.text());
        assert!(answer.text().contains("You may not open this address"), "{}", answer.text());
    }
    assert!(received(&world).is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_the_count_of_a_rule_that_stays() {
    let world =
        world(vec![with_rate(&["/r/*"], "1/hour"), with_rate(&["/webApp/*"], "1/hour")]).start().await;
    let status = async |path: &str| RawRequest::get(path).send_to(&world).await.status();
    assert_eq!((status("/r/test").await, status("/webApp/x").await == 429), (200, false));
    let change = |rules: Vec<RequestRule>| {
        let config = world.changed(|config| {
            let mut instance = (*config.instances[0]).clone();
            instance.campaign.request_rules = RequestRules::new(rules).unwrap();
            config.instances = vec![instance.into()];
        });
        world.gateway.apply(&config);
    };
    change(vec![
        for_group(&["/x"], "y"),
        with_rate(&["/webApp/*"], "2/hour"),
        with_rate(&["/r/*"], "1/hour"),
    ]);
    assert_eq!(status("/r/test").await, 429, "it goes on");
    assert_ne!(status("/webApp/x").await, 429, "another rate begins anew");
    change(Vec::new());
    assert_eq!(status("/r/test").await, 200);
    world.stop().await;
}
