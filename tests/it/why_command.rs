//! `imsgate why` explains the response that a person or a request got.

use std::process::{Command, Output};

use crate::support::admin::{ask, with_admin};

#[tokio::test]
async fn a_refused_person_and_a_reference_are_explained_with_near_misses_and_a_fix() {
    let world = with_admin().start().await;
    world.signed_in("alice").await;
    let refused = world.browser().sign_in("bob", "/view/home").await;
    let admin = world.gateway.admin.unwrap().to_string();
    let by_name = why(&["BOB@example.com", "--admin", &admin]).await;
    let text = String::from_utf8_lossy(&by_name.stdout);
    assert_eq!(by_name.status.code(), Some(0), "{by_name:?}");
    for part in ["refused", "why: ", "nearly: ", "fix: ", &refused.request_id()] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("alice"), "{text}");
    let by_reference = why(&[&refused.request_id(), "--admin", &admin]).await;
    assert_eq!(by_reference.stdout, by_name.stdout);
    let nothing = why(&["nobody@example.com", "--admin", &admin]).await;
    assert_eq!(nothing.status.code(), Some(1));
    let all = ask(&world, "GET", "/events").await.json();
    let events: Vec<&str> =
        all["events"].as_array().unwrap().iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["login", "refusal"]);
    world.stop().await;
}

/// Runs the program while the world is running.
async fn why(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
    command.arg("why").args(arguments).env_remove("IMSGATE_CONFIG");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}
