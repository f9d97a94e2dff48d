//! Sessions at the admin listener, and `imsgate sessions`.

use std::process::{Command, Output};

use http::StatusCode;
use serde_json::Value;

use crate::support::admin::{ask, send, with_admin};
use crate::support::logs;
use crate::support::request::RawRequest;

#[tokio::test]
async fn sessions_are_listed_page_by_page_without_any_token() {
    let world = with_admin().start().await;
    let mut cookies = Vec::new();
    for who in ["alice", "alice", "erin"] {
        cookies.push(world.signed_in(who).await.session().unwrap());
    }
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let answer = ask(&world, "GET", &format!("/sessions?limit=2&after={after}")).await;
        assert_eq!((answer.status(), answer.field("cache-control")), (200, Some("no-store")));
        let text = answer.text();
        for secret in cookies.iter().map(String::as_str).chain(["eyJ", "___", "@"].iter().copied().take(2)) {
            assert!(!text.contains(secret), "{text}");
        }
        listed.extend(answer.json()["sessions"].as_array().unwrap().clone());
        match answer.json()["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(listed.len(), 3);
    let names: Vec<&String> = listed[0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["created", "email", "ends", "groups", "name", "organization", "seen", "sid", "user"]);
    let alices = ask(&world, "GET", "/sessions?user=Alice@Example.com").await.json();
    assert_eq!(alices["sessions"].as_array().unwrap().len(), 2);
    let user = alices["sessions"][0]["user"].as_str().unwrap();
    let by_id = ask(&world, "GET", &format!("/sessions?user={user}")).await.json();
    assert_eq!(by_id["sessions"].as_array().unwrap().len(), 2);
    for wrong in ["/sessions?after=%00", "/sessions?limit=x", "/sessions?usr=alice"] {
        assert_eq!(ask(&world, "GET", wrong).await.status(), 400, "{wrong}");
    }
    assert_eq!(ask(&world, "DELETE", "/sessions").await.status(), 400, "nobody is not everybody");
    world.stop().await;
}

#[tokio::test]
async fn revoking_a_session_ends_only_this_session() {
    let world = with_admin().start().await;
    let (alice, erin) = (world.signed_in("alice").await, world.signed_in("erin").await);
    let listed = ask(&world, "GET", "/sessions?user=alice@example.com").await.json();
    let sid = listed["sessions"][0]["sid"].as_str().unwrap().to_owned();
    let answer = ask(&world, "DELETE", &format!("/sessions/{sid}")).await;
    assert_eq!((answer.status(), answer.json()["ended"].as_u64()), (200, Some(1)));
    assert_eq!(alice.get_json("/view/home").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(erin.get_json("/view/home").await.status, StatusCode::OK);
    for unknown in [sid.as_str(), "x", &erin.session().unwrap()] {
        assert_eq!(ask(&world, "DELETE", &format!("/sessions/{unknown}")).await.status(), 404, "{unknown}");
    }
    world.eventually(|| world.campaign.logoffs().len() == 1 && world.ims.revoked().len() == 1).await;
    assert!(logs::say("revoked_by_operator"));
    assert_eq!(erin.get_json("/view/home").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn a_page_in_the_operators_browser_cannot_read_or_end_sessions() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await;
    for field in [
        "Origin: https://evil.example.com",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        for method in ["GET", "DELETE"] {
            let foreign = RawRequest::new(method, "/sessions?user=alice@example.com").with(field);
            assert_eq!(send(&world, &foreign).await.status(), 403, "{method} {field}");
        }
    }
    assert_eq!(
        RawRequest::new("DELETE", "/sessions?user=alice@example.com").send_to(&world).await.status(),
        401,
        "public"
    );
    assert_eq!(alice.get_json("/view/home").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn the_command_lists_and_revokes_and_its_exit_code_is_the_result() {
    let world = with_admin().start().await;
    let alice = world.signed_in("alice").await;
    world.signed_in("erin").await;
    let admin = world.gateway.admin.unwrap().to_string();
    let table = command(&["list", "--admin", &admin]).await;
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(table.status.success() && text.lines().count() == 3, "{text}");
    assert!(text.contains("alice@example.com  delivery, workflow"), "{text}");

    let listed = command(&["list", "--user", "alice@example.com", "--json", "--admin", &admin]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let sid = listed["sessions"][0]["sid"].as_str().unwrap();
    assert_eq!(command(&["revoke", "--admin", &admin, "--", sid]).await.status.code(), Some(0));
    assert_eq!(alice.get_json("/view/home").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(command(&["revoke", "--admin", &admin, "--", sid]).await.status.code(), Some(1), "it is gone");
    let all = command(&["revoke", "--user", "erin@example.com", "--admin", &admin]).await;
    assert_eq!((all.status.code(), all.stdout.as_slice()), (Some(0), &b"1 session ended\n"[..]));
    world.stop().await;

    let nobody = command(&["list", "--admin", &admin]).await;
    assert_eq!(nobody.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no admin listener answers at"), "{nobody:?}");
    let config = command(&["list", "--config", "/nowhere/imsgate.toml"]).await;
    assert_eq!(config.status.code(), Some(2));
}

/// Runs the program while the world is running.
async fn command(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
    command.arg("sessions").args(arguments).env_remove("IMSGATE_CONFIG");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}
