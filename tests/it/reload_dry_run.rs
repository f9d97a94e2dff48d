//! `imsgate reload --dry-run`: who would lose access, and whose groups would change. No session is ended.

use std::fs;

use http::StatusCode;
use serde_json::Value;

use crate::support::Checked;

/// What a dry run says of each person.
async fn dry_run(world: &Checked, changes: &[(&str, &str)]) -> (Option<i32>, Vec<(String, String, Value)>) {
    let mut text = fs::read_to_string(world.path("imsgate.toml")).unwrap();
    for (old, new) in changes {
        assert!(text.contains(old), "{old}: {text}");
        text = text.replace(old, new);
    }
    fs::write(world.path("new.toml"), text).unwrap();
    let (code, said, error) = world.run(&["reload", "--dry-run", "--json", "-c", "new.toml"]).await;
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{error}"));
    let mut people: Vec<_> = said["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|person| {
            let text = |name: &str| person[name].as_str().unwrap().to_owned();
            (text("email"), text("outcome"), person["after"].clone())
        })
        .collect();
    people.sort_by(|one, other| one.0.cmp(&other.0));
    (code, people)
}

fn person(name: &str, outcome: &str, after: &Value) -> (String, String, Value) {
    (format!("{name}@example.com"), outcome.to_owned(), after.clone())
}

#[tokio::test]
async fn a_dry_run_names_who_would_lose_access_and_whose_groups_would_change() {
    let world = Checked::good().await;
    let admin = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.replace("[listen]\n", &format!("[listen]\nadmin = \"{admin}\"\n"));
    let running = world.serve().await;
    let mut browsers = Vec::new();
    for who in ["alice", "dave", "erin"] {
        let browser = world.browser();
        assert_eq!(browser.sign_in(who, "/view/home").await.location(), "/view/home");
        browsers.push(browser);
    }
    let none = Value::Null;
    let (code, people) = dry_run(&world, &[]).await;
    assert_eq!(code, Some(0), "{people:?}");
    let stay = ["alice", "dave", "erin"].map(|who| person(who, "stays", &none));
    assert_eq!(people, stay);

    let (code, people) = dry_run(&world, &[(" - (.*)", " - (deliv.*|content)")]).await;
    assert_eq!(code, Some(1));
    let delivery = serde_json::json!(["delivery"]);
    assert_eq!(
        people,
        [
            person("alice", "groups-change", &delivery),
            person("dave", "stays", &none),
            person("erin", "loses-access", &none)
        ]
    );
    let (_, people) =
        dry_run(&world, &[("[experience", "product_context = \"dma_other\"\n[experience")]).await;
    let outcomes: Vec<_> = people.iter().map(|person| person.1.as_str()).collect();
    assert_eq!(outcomes, ["stays", "stays", "loses-access"]);
    let organization = ("organization_id = \"", "organization_id = \"FFFF");
    let (_, people) = dry_run(&world, &[organization]).await;
    assert!(people.iter().all(|person| person.1 == "loses-access"), "{people:?}");

    let (code, said, _) = world.run(&["reload", "--dry-run", "-c", "new.toml"]).await;
    assert_eq!(code, Some(1));
    assert!(said.starts_with("3 live sessions; nothing was changed. With new.toml:\n"), "{said}");
    assert!(said.contains("erin@example.com  loses access: IMS names no membership in FFFF"), "{said}");

    // Nobody was signed out, and the groups are those of before.
    let groups = [&["delivery", "workflow"][..], &["content"], &["report"]];
    for (browser, groups) in browsers.iter().zip(groups) {
        let me = browser.get_json("/ims/me").await;
        assert_eq!((me.status, &me.json()["groups"]), (StatusCode::OK, &serde_json::json!(groups)));
    }
    drop(running);
    let (code, _, error) = world.run(&["reload", "--dry-run", "-c", "imsgate.toml"]).await;
    assert_eq!(code, Some(3), "{error}");
}
