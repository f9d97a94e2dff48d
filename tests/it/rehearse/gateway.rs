//! Compares `rehearse` with the gateway: each line is also sent as a request, without and with a session.

use std::collections::BTreeMap;

use imsgate::config::NativeAccount;
use imsgate::internal::PublicPaths;
use serde::Deserialize;
use serde_json::Value;

use super::combined;
use crate::support::corpus::cases;
use crate::support::request::{self, RawRequest};
use crate::support::{Checked, World};

#[derive(Deserialize)]
struct Case {
    send: Value,
}

/// The request lines of the corpus of hostile requests.
fn hostile() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in ["targets", "heads", "framing", "chunks", "identity", "switches", "old"] {
        for case in cases::<Case>(&format!("requests/{file}")) {
            let text = case.send.as_str().or_else(|| case.send[0].as_str()).unwrap_or_default();
            let line = text.lines().next().unwrap_or_default();
            let mut words = line.split(' ');
            if let (Some(method), Some(target), Some("HTTP/1.1"), None) =
                (words.next(), words.next(), words.next(), words.next())
                && !target.contains('{')
                && !target.starts_with("http")
            {
                found.push((method.to_owned(), target.to_owned()));
            }
        }
    }
    assert!(found.len() > 40, "{}", found.len());
    found
}

/// Paths joined from parts that have a meaning for the rules.
fn combinations() -> impl Iterator<Item = (String, String)> {
    const HEADS: [&str; 7] =
        ["/r", "/view/home", "/res", "/nl/jsp/logon.jsp", "/ims/x", "/webApp", "/nl/jsp"];
    const MIDDLES: [&str; 16] = [
        "", "/", "//", "/..", "/.", ";x", "%2f", "%3b", "%2e", "%252e", "%23", "%00", "\\", ":", "%C3%A9",
        "%ff",
    ];
    const TAILS: [&str; 5] = ["", "/x.png", "/sc.jssp", "/ooconv.jsp", "/x.jsp?a=b"];
    HEADS.into_iter().flat_map(|head| {
        MIDDLES.into_iter().flat_map(move |middle| {
            TAILS.into_iter().map(move |tail| ("GET".to_owned(), format!("{head}{middle}{tail}")))
        })
    })
}

fn lines() -> Vec<(String, String)> {
    let mut lines = hostile();
    lines.extend(combinations());
    for byte in b'!'..=b'~' {
        lines.push(("GET".to_owned(), format!("/r/a{}b", char::from(byte))));
        lines.push(("GET".to_owned(), format!("/view/a?q={}", char::from(byte))));
    }
    for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"] {
        for target in ["/r/x", "/view/home", "/res/x.jsp", "/r/%2e%2e/x", "*", "example.com:443"] {
            lines.push((method.to_owned(), target.to_owned()));
        }
    }
    for query in [
        "__sessiontoken=admin/secret",
        "__sessiontoken=monitoring/secret",
        "__sessiontoken=___AB01",
        "__sessiontoken=",
        "a=1;__SessionToken=eve",
        "%5f_sessiontoken=%70robe/x",
        "__sessiontoken=monitoring/x&__sessiontoken=admin",
        "__securitytoken=admin/x",
    ] {
        for path in ["/r/x", "/view/home", "/res/x.jsp", "/nl/jsp/logon.jsp", "/ims/health/live"] {
            lines.push(("GET".to_owned(), format!("{path}?{query}")));
        }
    }
    lines.push(("GET".to_owned(), format!("/r/{}", "a".repeat(50_000))));
    lines.push(("GET".to_owned(), format!("/r/{}", "%20".repeat(2000))));
    // These two end the session.
    lines.retain(|(_, target)| !target.contains("disconnect") && !target.contains("logout"));
    lines
}

/// The status of a response, and whether Campaign got the request.
struct Happened {
    status: u16,
    reached: bool,
}

async fn send(world: &World, (method, target): &(String, String), session: Option<&str>) -> Happened {
    world.campaign.forget_requests();
    let request = RawRequest::new(method, target);
    let request = match session {
        Some(session) => request.session(session),
        None => request,
    };
    let mut line = request::connect(world).await;
    line.send(request.bytes(request::host(world))).await;
    let status = line.answer(method == "HEAD").await.map_or(400, |answer| answer.status());
    Happened { status, reached: !world.campaign.requests().is_empty() }
}

/// What is wrong with a line of `rehearse --all --json`; empty: nothing.
fn difference(said: &Value, anonymous: &Happened, signed_in: &Happened) -> &'static str {
    let rule = said["rule"].as_str().unwrap();
    let is_status = |happened: &Happened| rule.ends_with(&format!("status {}", happened.status));
    let holds_token = rule.contains("holds a session token");
    match said["access"].as_str().unwrap() {
        "public" | "account" if !anonymous.reached => "Campaign did not get it",
        "signed-in" if anonymous.reached => "Campaign got it without a session",
        "signed-in" if signed_in.reached == holds_token => "a session makes the wrong difference",
        "gateway" | "closed" | "refused" if anonymous.reached || signed_in.reached => "Campaign got it",
        "closed" if (anonymous.status, signed_in.status) != (403, 403) => "not the status of a closed path",
        // A sign-in comes before the refusal of a foreign login.
        "refused" if !is_status(signed_in) => "not the status of the rule",
        "refused" if !is_status(anonymous) && !rule.contains("holds the login") => {
            "not the status of the rule"
        }
        _ => "",
    }
}

#[tokio::test]
async fn what_rehearse_says_is_what_the_gateway_does() {
    // Two, because a third wrong password for one is refused, which a log does not tell.
    const LOGINS: [&str; 2] = ["monitoring", "probe"];
    let checked = Checked::good().await;
    let account = |login| {
        format!(
            "[[campaign.native_account]]\nlogin = \"{login}\"\nnetworks = [\"127.0.0.0/8\"]\npaths = [\"/view/*\"]\n"
        )
    };
    checked.replace("[session]\n", &format!("{}[session]\n", LOGINS.map(account).concat()));
    let world = World::builder()
        .instance(|instance| {
            let account = |login: &str| NativeAccount {
                login: login.to_owned(),
                networks: vec!["127.0.0.0/8".parse().unwrap()],
                paths: PublicPaths::parse(["/view/*"]).unwrap(),
                emergency: false,
            };
            instance.campaign.native_accounts = LOGINS.map(account).into();
        })
        .start()
        .await;
    let lines = lines();
    let log: String = lines.iter().map(|(method, target)| combined(method, target, 200)).collect();
    std::fs::write(checked.path("access.log"), log).unwrap();
    let (code, said, error) =
        checked.run(&["rehearse", "access.log", "-c", "imsgate.toml", "--all", "--json"]).await;
    assert_eq!((code, said.lines().count()), (Some(0), lines.len()), "{error}");
    let session = world.signed_in("alice").await.session().unwrap();
    let (mut wrong, mut seen) = (Vec::new(), BTreeMap::<String, u32>::new());
    for (line, said) in lines.iter().zip(said.lines()) {
        let said: Value = serde_json::from_str(said).unwrap();
        let anonymous = send(&world, line, None).await;
        let signed_in = send(&world, line, Some(&session)).await;
        *seen.entry(said["access"].as_str().unwrap().to_owned()).or_default() += 1;
        match difference(&said, &anonymous, &signed_in) {
            "" => {}
            what => wrong.push(format!(
                "{} {:.80}: {what}: {} {} {} {}; {said:.400}",
                line.0, line.1, anonymous.status, anonymous.reached, signed_in.status, signed_in.reached
            )),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
    // Each decision is tried.
    assert!(lines.len() > 700 && seen.len() == 6 && seen.values().all(|count| *count > 1), "{seen:?}");
    world.stop().await;
}

#[tokio::test]
async fn hosts_are_those_of_the_gateway() {
    let checked = Checked::good().await;
    checked.replace("[campaign]\n", "[campaign]\nhosts = [\"tracker.example.com\"]\n");
    let world = World::builder()
        .instance(|instance| instance.campaign.hosts = vec!["tracker.example.com".to_owned()])
        .start()
        .await;
    for (host, access, status) in [
        ("localhost", "public", 200),
        ("LOCALHOST:8443", "public", 200),
        ("tracker.example.com", "public", 200),
        ("other.example.com", "refused", 421),
        ("localhost.", "refused", 421),
        ("loc@lhost", "refused", 400),
        ("localhost:0", "refused", 421),
    ] {
        let line = combined("GET", "/r/test", 200);
        for (input, options) in [(format!("{host} {line}"), &[][..]), (line.clone(), &["--host", host][..])] {
            let words = [&["rehearse", "-", "-c", "imsgate.toml", "--all", "--json"], options].concat();
            let (code, said, error) = checked.run_with(&words, &input).await;
            assert_eq!(code, Some(0), "{error}");
            let said: Value = serde_json::from_str(&said).unwrap();
            assert_eq!(said["access"], access, "{host}: {said}");
        }
        let answer = RawRequest::get("/r/test").for_host(&world, host).await;
        assert_eq!(answer.status(), status, "{host}");
    }
    world.stop().await;
}
