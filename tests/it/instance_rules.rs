//! `[[campaign.rule]]` at several Campaign instances of one gateway: each instance has its own rules, groups and counts.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use imsgate::config::{Campaign, Config};
use imsgate::demo::TENANT;
use imsgate::internal::{Mask, RequestRule, RequestRules, RulePaths};

use crate::support::account::{CLIENT, account, bearer_logon, soap, token};
use crate::support::http1::Answer;
use crate::support::instances::{TRACKING, session_call, sign_in_at_stage, stage, three_instances};
use crate::support::request::{self, RawRequest};
use crate::support::{Builder, World, logs};

fn rule(paths: &[&str]) -> RequestRule {
    RequestRule { paths: RulePaths::parse(paths.iter().copied()).unwrap(), ..RequestRule::default() }
}

fn for_group(path: &str, group: &str) -> RequestRule {
    RequestRule { groups: vec![group.to_owned()], ..rule(&[path]) }
}

/// A rule that no client of a test meets.
fn elsewhere(path: &str) -> RequestRule {
    RequestRule { networks: vec!["192.0.2.0/24".parse().unwrap()], ..rule(&[path]) }
}

fn with_rate(path: &str, rate: &str) -> RequestRule {
    RequestRule { rate: Some(rate.parse().unwrap()), ..rule(&[path]) }
}

/// The rules of `acme`, `stage` and `tracking`.
type Rules = [Vec<RequestRule>; 3];

fn set_rules(config: &mut Config, [acme, stage, tracking]: Rules) {
    let set = |campaign: &mut Campaign, rules| campaign.request_rules = RequestRules::new(rules).unwrap();
    for (instance, rules) in config.instances.iter_mut().zip([acme, stage]) {
        set(&mut Arc::make_mut(instance).campaign, rules);
    }
    set(&mut Arc::make_mut(&mut config.public_instances[0]).campaign, tracking);
}

/// The three instances with these rules. The mask of `stage` gives no group `workflow`; there, the technical account has the group `report`
/// in place of `delivery`.
fn with_rules(rules: Rules) -> Builder {
    three_instances().config(move |config| {
        let stage = Arc::make_mut(&mut config.instances[1]);
        stage.ims.association_mask = Mask::parse(&format!("Campaign - {TENANT} - ([^w].*)")).unwrap();
        let groups = Some(vec!["report".to_owned()]);
        stage.campaign.technical_accounts =
            vec![imsgate::config::TechnicalAccount { groups, ..account(CLIENT) }];
        set_rules(config, rules);
    })
}

/// The hosts of `acme`, `stage` and `tracking`.
fn hosts(world: &World) -> [String; 3] {
    [request::host(world).to_owned(), stage(world), TRACKING.to_owned()]
}

/// The statuses of this request at each instance.
async fn at_each(world: &World, request: &RawRequest) -> [u16; 3] {
    let mut statuses = [0; 3];
    for (host, status) in hosts(world).iter().zip(&mut statuses) {
        *status = request.for_host(world, host).await.status();
    }
    statuses
}

/// The instance, the rule and the condition in the audit event about this refusal.
fn refusal(answer: &Answer) -> [String; 3] {
    let lines = logs::audit(answer.field("x-request-id").unwrap());
    let event = lines.into_iter().find(|line| line.field("event") == "rule_refused").expect("an audit event");
    ["instance", "rule", "condition"].map(|name| event.field(name).to_owned())
}

#[tokio::test]
async fn a_rule_of_one_instance_means_nothing_at_another() {
    // Paths of a rule have another number at each instance.
    let acme = vec![elsewhere("/r/acme"), for_group("/view/*", "workflow"), for_group("/demo/*", "report")];
    let stage_rules = vec![for_group("/view/*", "delivery"), elsewhere("/r/stage"), elsewhere("/nl/jsp/*")];
    let tracking = vec![elsewhere("/r/tracking")];
    let world = with_rules([acme, stage_rules, tracking]).start().await;
    for (path, refused) in [
        ("/r/acme", [true, false, false]),
        ("/r/stage", [false, true, false]),
        ("/r/tracking", [false, false, true]),
        ("/r/other", [false, false, false]),
    ] {
        let statuses = at_each(&world, &RawRequest::get(path)).await;
        assert_eq!(statuses.map(|status| status == 403), refused, "{path}");
    }
    let soap = soap("xtk:session#GetServerTime");
    assert_eq!(soap.for_host(&world, request::host(&world)).await.status(), 200);
    let refused = soap.for_host(&world, &stage(&world)).await;
    assert_eq!(
        (refused.status(), refusal(&refused)),
        (403, ["stage", "/nl/jsp/*", "networks"].map(str::to_owned))
    );

    // alice has `workflow` at `acme` alone, erin has `report` at both.
    for (who, statuses) in [
        ("alice", [("/view/home", 200, 200), ("/demo/echo", 403, 200)]),
        ("erin", [("/view/home", 403, 403), ("/demo/echo", 200, 200)]),
    ] {
        let browser = world.browser();
        browser.sign_in(who, "/view/home").await;
        let (here, there) = (browser.session().unwrap(), sign_in_at_stage(&world, &browser).await);
        for (path, at_acme, at_stage) in statuses {
            let page = RawRequest::get(path);
            let answer = page.clone().session(&here).send_to(&world).await;
            assert_eq!(answer.status(), at_acme, "{who} {path}: {}", answer.text());
            let answer = page.session(&there).for_host(&world, &stage(&world)).await;
            assert_eq!(answer.status(), at_stage, "{who} {path} at stage: {}", answer.text());
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn the_groups_of_a_technical_account_are_those_of_the_instance() {
    let group = |group| vec![for_group("/demo/*", group), for_group("/nl/jsp/soaprouter.jsp", group)];
    let world = with_rules([group("delivery"), group("report"), Vec::new()]).start().await;
    let token = token(&world);
    let request = RawRequest::post("/demo/echo", "{}").bearer(&token);
    assert_eq!(at_each(&world, &request).await, [200, 200, 403]);
    let logon = bearer_logon(&token);
    let answer = logon.for_host(&world, &stage(&world)).await.text();
    let (_, held) = answer.split_once("<pstrSessionToken").unwrap_or_else(|| panic!("{answer}"));
    let held = held.split(['>', '<']).nth(1).unwrap();
    let with_held = RawRequest::get("/demo/echo").with(&format!("X-Session-Token: {held}"));
    assert_eq!(at_each(&world, &with_held).await, [401, 200, 403], "a session that it opened at stage");

    // With the rules exchanged, the same token is refused at both.
    let config = world.changed(|config| set_rules(config, [group("report"), group("delivery"), Vec::new()]));
    world.gateway.apply(&config);
    world.campaign.forget_requests();
    for request in [&request, &logon, &soap("xtk:queryDef#ExecuteQuery").bearer(&token)] {
        for (host, name) in hosts(&world).iter().zip(["acme", "stage"]) {
            let answer = request.for_host(&world, host).await;
            assert_eq!(answer.status(), 403, "{request:?}");
            assert_eq!(refusal(&answer)[0], name);
        }
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn the_count_of_a_rate_belongs_to_one_rule_of_one_instance() {
    // The same rule at each, at another place.
    let same = || with_rate("/r/*", "2/hour");
    let rules = [
        vec![with_rate("/res/*", "1/hour"), same()],
        vec![same()],
        vec![elsewhere("/none"), elsewhere("/nothing"), same()],
    ];
    let world = with_rules(rules).start().await;
    let request = RawRequest::get("/r/test");
    let host = stage(&world);
    for status in [200, 200, 429, 429] {
        assert_eq!(request.for_host(&world, &host).await.status(), status);
    }
    for status in [200, 200, 429] {
        assert_eq!(at_each(&world, &request).await, [status, 429, status]);
    }
    // What no instance takes for itself counts nowhere.
    for (host, target) in
        [("localhost.", "/res/x.png"), ("other.example.com", "/res/x.png"), (TRACKING, "/ims/me")]
    {
        RawRequest::get(target).for_host(&world, host).await;
    }
    assert_eq!(at_each(&world, &RawRequest::get("/res/x.png")).await.map(|status| status == 429), [false; 3]);
    assert_eq!(
        at_each(&world, &RawRequest::get("/res/x.png")).await.map(|status| status == 429),
        [true, false, false]
    );
    world.stop().await;
}

#[tokio::test]
async fn a_reload_of_one_instance_keeps_the_counts_of_the_others() {
    let rate = || vec![with_rate("/r/*", "1/hour")];
    let world = with_rules([rate(), rate(), rate()]).start().await;
    let request = RawRequest::get("/r/test");
    assert_eq!(at_each(&world, &request).await, [200; 3]);
    assert_eq!(at_each(&world, &request).await, [429; 3]);
    let reload = |rules: Rules, more: &dyn Fn(&mut Config)| {
        let config = world.changed(|config| {
            set_rules(config, rules);
            more(config);
        });
        world.gateway.apply(&config);
    };
    // Another rate is another rule. The others keep their counts, also behind a new rule.
    reload(
        [vec![with_rate("/r/*", "2/hour")], vec![elsewhere("/x"), with_rate("/r/*", "1/hour")], rate()],
        &|_| {},
    );
    assert_eq!(at_each(&world, &request).await, [200, 429, 429]);
    assert_eq!(at_each(&world, &request).await, [200, 429, 429]);
    assert_eq!(at_each(&world, &request).await, [429; 3]);
    // A rule that leaves one instance takes no count to another. A rule that comes to one finds none of another.
    reload([rate(), Vec::new(), rate()], &|_| {});
    assert_eq!(at_each(&world, &request).await, [200, 200, 429]);
    reload([rate(), rate(), rate()], &|_| {});
    assert_eq!(at_each(&world, &request).await, [429, 200, 429]);
    // In another order, and with an instance less.
    reload([rate(), rate(), rate()], &|config| config.instances.swap(0, 1));
    assert_eq!(at_each(&world, &request).await, [429; 3]);
    reload([rate(), rate(), rate()], &|config| drop(config.instances.pop()));
    assert_eq!(at_each(&world, &request).await, [429, 421, 429]);
    reload([rate(), rate(), rate()], &|_| {});
    assert_eq!(at_each(&world, &request).await, [429, 200, 429], "an instance that was away begins anew");
    world.stop().await;
}

#[tokio::test]
async fn no_mix_of_hosts_and_sessions_escapes_the_rules_of_an_instance() {
    let needs = |group: &str| vec![for_group("/demo/*", group), with_rate("/r/*", "1/hour")];
    let world = with_rules([needs("report"), needs("delivery"), vec![elsewhere("/r/*")]]).start().await;
    let mut sessions = Vec::new();
    for who in ["alice", "erin"] {
        let browser = world.browser();
        browser.sign_in(who, "/view/home").await;
        sessions.push([browser.session().unwrap(), sign_in_at_stage(&world, &browser).await]);
    }
    let [alice, erin] = [&sessions[0], &sessions[1]];
    let [own, other, _] = &hosts(&world);
    let page = |session: &str| RawRequest::get("/demo/echo").session(session);
    // Each is let in where her group is asked for, by her session there.
    assert_eq!(page(&erin[0]).for_host(&world, own).await.status(), 200);
    assert_eq!(page(&alice[1]).for_host(&world, other).await.status(), 200);
    assert_eq!(page(&alice[0]).for_host(&world, own).await.status(), 403);
    assert_eq!(page(&erin[1]).for_host(&world, other).await.status(), 403);
    world.campaign.forget_requests();
    let both = |first: &str, second: &str| {
        [
            RawRequest::get("/demo/echo")
                .with(&format!("Cookie: __Host-imsgate={first}; __Host-imsgate={second}")),
            RawRequest::get("/demo/echo").session(first).session(second),
        ]
    };
    let mut mixes = Vec::new();
    for request in [page(&erin[1]), page(&alice[1])]
        .into_iter()
        .chain(both(&alice[0], &erin[1]))
        .chain(both(&erin[1], &alice[0]))
    {
        for field in ["X-Forwarded-Host: ", "Forwarded: host=", "X-Original-URL: https://", "X-Host: "] {
            mixes.push((request.clone().with(&format!("{field}{other}")), own));
        }
        mixes.push((request, own));
    }
    for request in [page(&alice[0]), page(&erin[0])]
        .into_iter()
        .chain(both(&erin[1], &alice[0]))
        .chain(both(&alice[0], &erin[1]))
    {
        mixes.push((request.clone().with(&format!("X-Forwarded-Host: {own}")), other));
        mixes.push((request, other));
    }
    for (request, host) in &mixes {
        let answer = request.for_host(&world, host).await;
        assert!([400, 401, 403].contains(&answer.status()), "{request:?} {host}: {}", answer.status());
    }
    let absolute = |host: &str| RawRequest::get(&format!("https://{host}/demo/echo"));
    for (request, host, status) in [
        (absolute(own).session(&alice[1]), own, 401),
        (absolute(other).session(&alice[1]), own, 400),
        (absolute(own).session(&erin[0]), other, 400),
        (absolute(other).session(&erin[0]), other, 401),
    ] {
        assert_eq!(request.for_host(&world, host).await.status(), status, "{request:?} {host}");
    }
    // One connection of HTTP/2 for both.
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    for (authority, session, status) in
        [(own, &alice[0], 403), (own, &alice[1], 401), (other, &erin[1], 403), (other, &erin[0], 401)]
    {
        let request = Request::get(format!("https://{authority}/demo/echo"))
            .header("accept", "application/json")
            .header("cookie", format!("__Host-imsgate={session}"));
        let answer = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{authority}");
    }
    // A token of an account, a native account and a console: nobody has a group of the other instance.
    let logon = session_call("Logon", "<t/><a>admin</a><b>demo-admin-password</b><c/>");
    let ticket = logon.for_host(&world, other).await.text();
    let (_, ticket) = ticket.split_once("<pstrSessionToken").unwrap_or_else(|| panic!("{ticket}"));
    let ticket = ticket.split(['>', '<']).nth(1).unwrap();
    world.campaign.forget_requests();
    for host in [own, other] {
        let native = RawRequest::get("/demo/echo").with(&format!("X-Session-Token: {ticket}"));
        assert!([401, 403].contains(&native.for_host(&world, host).await.status()), "{host}");
    }
    assert!(world.campaign.requests().is_empty(), "nothing of this reached Campaign");

    // The address in the count is that of the connection, and the instance that of the host.
    let counted = |host: &str| RawRequest::get("/r/test").with(&format!("X-Forwarded-Host: {host}"));
    for (request, host, status) in [
        (counted(other), own, 200),
        (counted(other), own, 429),
        (counted(own), other, 200),
        (counted(own).with("X-Forwarded-For: 198.51.100.7"), other, 429),
    ] {
        assert_eq!(request.for_host(&world, host).await.status(), status);
    }
    world.stop().await;
}
