//! `imsgate init` and `imsgate key new`, through a pipe.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::Checked;

/// Answers for this world, in the order of the questions, some of them wrong at first.
fn answers(world: &Checked) -> String {
    answers_with(world, &["nothing", "", "new/sessions.redb", ""])
}

/// The same with these answers about the session store and the technical account.
fn answers_with(world: &Checked, end: &[&str]) -> String {
    let port = world.port;
    let admin = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    [
        &*world.ims.url(),
        "",
        "",
        "Campaign1",
        "demo-client-secret",
        &format!("http://campaign.example.com:{port}"),
        &format!("https://localhost:{port}"),
        "acme",
        imsgate::demo::ORGANIZATION_ID,
        "Campaign - acme - (.*",
        "Campaign - acme - (.*)",
        "",
        "acme",
        &world.campaign.url(),
        "bearer_logon",
        "",
        &format!("127.0.0.1:{port}"),
        "nowhere.pem",
        "cert.pem",
        "cert.pem",
        "key.pem",
        "127.0.0.1",
        &format!("127.0.0.1:{admin}"),
    ]
    .iter()
    .chain(end)
    .flat_map(|line| [*line, "\n"])
    .collect()
}

#[tokio::test]
async fn init_asks_again_until_each_answer_is_right_and_writes_what_check_accepts() {
    let world = Checked::good().await;
    std::fs::create_dir(world.path("new")).unwrap();
    let (code, said, error) =
        world.run_with(&["init", "--output", "new/imsgate.toml"], &answers(&world)).await;
    assert_eq!(code, Some(0), "{said}{error}");
    for message in
        ["an answer is needed", "Campaign - acme - delivery gives the Campaign group delivery", "nowhere.pem"]
    {
        assert!(said.contains(message), "{message}: {said}");
    }
    assert_eq!(said.matches('✗').count(), 9, "{said}");
    assert!(said.contains(&format!("https://localhost:{}/ims/callback", world.port)), "{said}");
    assert!(!said.contains("demo-client-secret"), "{said}");
    for name in ["imsgate.toml", "ims_client_secret", "session.key", "admin-token"] {
        let mode = std::fs::metadata(world.path("new").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(std::fs::read_dir(world.path("new")).unwrap().count(), 4, "no temporary file is left");
    let text = std::fs::read_to_string(world.path("new/imsgate.toml")).unwrap();
    assert!(!text.contains("demo-client-secret"));
    // Complete and commented: every line of the reference is there.
    let reference = include_str!("../../config/imsgate.toml");
    assert_eq!(text.lines().count(), reference.lines().count());
    let (code, said, _) = world.run(&["check", "--offline", "new/imsgate.toml"]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said, _) = world.run(&["check", "new/imsgate.toml"]).await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn init_offers_every_store_and_a_technical_account() {
    let world = Checked::good().await;
    let account = ["robot", "secret-of-robot"];
    let redis = [&["redis", "rediss://u:hidden@redis.example.com"][..], &account].concat();
    for (folder, end, files) in [
        ("memory", &["memory", ""][..], &["admin-token", "ims_client_secret", "imsgate.toml"][..]),
        (
            "redis",
            &redis,
            &[
                "account_secret",
                "admin-token",
                "ims_client_secret",
                "imsgate.toml",
                "redis_url",
                "session.key",
            ],
        ),
    ] {
        std::fs::create_dir(world.path(folder)).unwrap();
        let output = format!("{folder}/imsgate.toml");
        let (code, said, error) =
            world.run_with(&["init", "--output", &output], &answers_with(&world, end)).await;
        assert_eq!(code, Some(0), "{said}{error}");
        let mut written: Vec<String> = std::fs::read_dir(world.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        written.sort();
        assert_eq!(written, files, "{said}");
        assert!(files.iter().all(|file| said.contains(&format!("{folder}/{file}"))), "{said}");
        let text = std::fs::read_to_string(world.path(&output)).unwrap();
        assert!(!format!("{text}{said}").contains("hidden") && !text.contains("secret-of-robot"), "{said}");
    }
    // The technical account can be used.
    let (_, said, error) = world.run(&["groups", "--config", "redis/imsgate.toml"]).await;
    assert!(said.contains("operator groups in Campaign"), "{said}{error}");
}

#[tokio::test]
async fn init_never_replaces_a_file_without_being_told_and_a_session_key_never() {
    let world = Checked::good().await;
    let before = std::fs::read_to_string(world.path("imsgate.toml")).unwrap();
    let (code, _, error) = world.run_with(&["init", "--output", "imsgate.toml"], &answers(&world)).await;
    assert!(code == Some(2) && error.contains("--force") && error.contains("Nothing was written"), "{error}");
    assert_eq!(std::fs::read_to_string(world.path("imsgate.toml")).unwrap(), before);
    let (code, ..) = world.run(&["key", "new"]).await;
    assert_eq!(code, Some(0));
    let key = std::fs::read_to_string(world.path("session.key")).unwrap();
    let answers = answers(&world).replace("new/sessions.redb", "sessions.redb");
    let (code, said, error) = world.run_with(&["init", "-o", "imsgate.toml", "--force"], &answers).await;
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains("session.key  kept as it was"), "{said}");
    assert_ne!(std::fs::read_to_string(world.path("imsgate.toml")).unwrap(), before);
    assert_eq!(std::fs::read_to_string(world.path("session.key")).unwrap(), key);
}

#[tokio::test]
async fn an_input_that_ends_early_writes_nothing() {
    let world = Checked::good().await;
    std::fs::create_dir(world.path("new")).unwrap();
    let answers = answers(&world);
    let half: String = answers.split_inclusive('\n').take(9).collect();
    let (code, _, error) = world.run_with(&["init", "-o", "new/imsgate.toml"], &half).await;
    assert!(code == Some(2) && error.contains("the input ended"), "{error}");
    assert_eq!(std::fs::read_dir(world.path("new")).unwrap().count(), 0);
    let (code, _, error) = world.run_with(&["init", "-o", "none/imsgate.toml"], "").await;
    assert!(code == Some(2) && error.contains("there is no folder"), "{error}");
}

#[tokio::test]
async fn key_new_makes_a_private_file_and_keeps_an_existing_one() {
    let world = Checked::good().await;
    let (code, said, _) = world.run(&["key", "new", "fresh.key"]).await;
    assert!(code == Some(0) && said.contains("session.key_file = \"/"), "{said}");
    let text = std::fs::read_to_string(world.path("fresh.key")).unwrap();
    let mode = std::fs::metadata(world.path("fresh.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!said.contains(text.lines().last().unwrap()), "the key is not shown");
    let (code, _, error) = world.run(&["key", "new", "fresh.key"]).await;
    assert!(code == Some(2) && error.contains("exists"), "{error}");
    assert_eq!(std::fs::read_to_string(world.path("fresh.key")).unwrap(), text);
    world.replace("store = \"memory\"", "store = \"embedded\"\npath = \"s.redb\"\nkey_file = \"fresh.key\"");
    let (code, said, _) = world.run(&["check", "--offline", "imsgate.toml"]).await;
    assert_eq!(code, Some(0), "{said}");
}
