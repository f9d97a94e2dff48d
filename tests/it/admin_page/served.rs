//! The admin token of a configuration file: what the commands send, and what a reload changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::http1::{Answer, RawConnection};
use crate::support::request::RawRequest;
use crate::support::served::Served;
use crate::support::write_secret;

async fn served() -> Served {
    Served::start_with(|folder, _| {
        write_secret(&folder.join("token"), "first-token-of-the-test\n");
        "certificate = \"cert.pem\"\nprivate_key = \"key.pem\"\nadmin_token_file = \"token\"\n\
         forward_auth_secret = \"a-secret-in-the-file\"\n"
            .to_owned()
    })
    .await
}

async fn ask(served: &Served, request: &RawRequest) -> Answer {
    let mut line = RawConnection::new(tokio::net::TcpStream::connect(served.admin).await.unwrap());
    line.send(request.bytes("127.0.0.1")).await;
    line.answer(false).await.unwrap()
}

/// Signs in; the cookie, when the token is right.
async fn sign_in(served: &Served, token: &str) -> Option<String> {
    let request = RawRequest::post("/admin/sign-in", &format!("token={token}"))
        .with("Content-Type: application/x-www-form-urlencoded")
        .with("Origin: http://127.0.0.1");
    let answer = ask(served, &request).await;
    Some(format!("Cookie: {}", answer.field("set-cookie")?.split(';').next()?))
}

#[tokio::test]
async fn the_commands_send_the_token_of_the_configuration() {
    let served = served().await;
    served.signed_in("alice").await;
    for words in [
        &["sessions", "list", "-c", "imsgate.toml"][..],
        &["why", "alice@example.com", "-c", "imsgate.toml"],
        &["reload", "-c", "imsgate.toml"],
        &["reload", "--dry-run", "-c", "imsgate.toml"],
        &["sessions", "list", "-c", "imsgate.toml", "--admin", &served.admin.to_string()],
    ] {
        let (code, text) = served.run(words).await;
        assert_eq!(code, Some(0), "{words:?}: {text}");
        assert!(!text.contains("first-token"), "{text}");
    }
    // Without the configuration there is no token, and the message says what is missing.
    let (code, text) =
        served.run(&["sessions", "list", "-c", "none.toml", "--admin", &served.admin.to_string()]).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("listen.admin_token") && text.contains("--config"), "{text}");
    // Nobody else may read the file.
    fs::set_permissions(served.path("token"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, text) = served.run(&["sessions", "list", "-c", "imsgate.toml"]).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("chmod 600 token"), "{text}");
    let (code, text) = served.run(&["reload", "--dry-run", "-c", "imsgate.toml"]).await;
    assert_eq!(code, Some(2), "{text}");
}

#[tokio::test]
async fn a_changed_token_file_ends_the_sign_ins_of_the_old_token() {
    let served = served().await;
    let cookie = sign_in(&served, "first-token-of-the-test").await.unwrap();
    let page = |cookie: &str| RawRequest::get("/admin").with(cookie);
    assert_eq!(ask(&served, &page(&cookie)).await.status(), 200);
    write_secret(&served.path("token"), "second-token-of-the-test");
    served.until("\"changed\":\"listen.admin_token\"").await;
    assert_eq!(ask(&served, &page(&cookie)).await.status(), 303);
    assert!(sign_in(&served, "first-token-of-the-test").await.is_none());
    let cookie = sign_in(&served, "second-token-of-the-test").await.unwrap();
    assert_eq!(ask(&served, &page(&cookie)).await.status(), 200);

    // What runs is shown without a secret.
    let shown = ask(&served, &RawRequest::get("/admin/configuration").with(&cookie)).await;
    let text = shown.text();
    for part in ["admin_token", "forward_auth_secret", "client_secret", "association_mask", "5s"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for secret in ["second-token", "a-secret-in-the-file", "demo-client-secret"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    served.edit("admin_token_file = \"token\"\n", "");
    served.hang_up();
    served.until_times("\"configuration reloaded\"", 2).await;
    assert_eq!(ask(&served, &page(&cookie)).await.status(), 404, "the page is off");
}
