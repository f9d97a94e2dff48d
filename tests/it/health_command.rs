//! `imsgate health`, and `imsgate simulators`, which the container's compose file uses.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::admin::with_admin;
use crate::support::http1::RawConnection;
use crate::support::request::RawRequest;

#[tokio::test]
async fn health_says_whether_the_gateway_serves_and_whether_people_can_sign_in() {
    let world = with_admin().start().await;
    let admin = world.gateway.admin.unwrap().to_string();
    world.eventually(|| world.gateway.is_ready()).await;
    let good = health(&["--admin", &admin, "--sign-in"]).await;
    let text = String::from_utf8_lossy(&good.stdout);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert!(text.starts_with("gateway   ok\nIMS       ready\nCampaign  http://127.0.0.1:"), "{text}");
    let json = health(&["--admin", &admin, "--json"]).await;
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["status"], &json["sign_in"]), (&"ok".into(), &true.into()));
    world.gateway.retire();
    for more in [&[][..], &["--sign-in"]] {
        let stopping = health(&[&["--admin", &*admin], more].concat()).await;
        assert_eq!(stopping.status.code(), Some(1), "{stopping:?}");
        assert!(String::from_utf8_lossy(&stopping.stdout).starts_with("gateway   stopping\n"));
    }
    world.stop().await;
    assert_eq!(health(&["--admin", &admin]).await.status.code(), Some(3));
    assert_eq!(health(&["--config", "/nowhere/imsgate.toml"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn only_signing_in_fails_while_ims_is_away() {
    let world = with_admin().ims_down().start().await;
    let admin = world.gateway.admin.unwrap().to_string();
    assert_eq!(health(&["--admin", &admin]).await.status.code(), Some(0));
    assert_eq!(health(&["--admin", &admin, "--sign-in"]).await.status.code(), Some(1));
    world.stop().await;
}

#[tokio::test]
async fn the_simulators_alone_say_how_a_gateway_reaches_them() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_imsgate"))
        .args(["simulators", "--ims", "0.0.0.0:0", "--campaign", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let text: String = lines.take(5).flat_map(|line| [line, "\n".to_owned()]).collect();
    let values: toml::Table = text.parse().unwrap();
    let ims = values["ims"]["server"].as_str().unwrap().strip_prefix("http://").unwrap();
    assert!(ims.starts_with("127.0.0.1:"), "a browser on this machine can open it: {ims}");
    let mut line = RawConnection::new(TcpStream::connect(ims).await.unwrap());
    line.send(RawRequest::get("/.well-known/openid-configuration").bytes(ims)).await;
    let document = line.answer(false).await.unwrap().json();
    assert_eq!(document["issuer"], format!("http://{ims}"));
    assert!(values["campaign"]["upstream"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

/// Runs the program while the world is running.
async fn health(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
    command.arg("health").args(arguments).env_remove("IMSGATE_CONFIG");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}
