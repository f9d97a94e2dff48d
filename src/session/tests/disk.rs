//! A full disk: logins fail, signed-in people stay signed in, and logins work again as soon as there is space.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::{Embedded, Sessions, Tokens, Vault};
use super::servers::missing;
use super::{LIFETIMES, identity, tokens};
use crate::clock::Clock;
use crate::crypto::{KeyRing, random_text};

#[test]
fn a_full_disk_stops_logins_only_while_it_is_full() {
    let tools = ["bash", "prlimit"].iter().all(|tool| {
        Command::new(tool)
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    });
    if !tools {
        // They limit the size of files.
        missing("bash or prlimit");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    // A limit on the size of files, in units of 1024 bytes, that lets writes fail instead of ending the process.
    let script = "trap '' XFSZ; ulimit -S -f 6000; exec \"$@\"";
    let mut child = Command::new("bash")
        .args(["-c", script, "bash"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "session::tests::disk::logins_in_a_process_with_a_small_disk", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("full")), "the disk does not get full");
    let (id, unlimited) = (child.id().to_string(), "--fsize=unlimited:unlimited");
    assert!(Command::new("prlimit").args(["--pid", &id, unlimited]).status().unwrap().success());
    child.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    assert!(lines.any(|line| line.ends_with("back")));
    assert!(child.wait().unwrap().success());
}

/// The child process of the test above; does nothing otherwise.
#[tokio::test]
async fn logins_in_a_process_with_a_small_disk() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let clock = Clock::system();
    let file = Embedded::open(&directory.join("sessions.redb"), clock.clone()).unwrap();
    let store = Arc::new(Vault::new(file, &KeyRing::random(), clock.clone()));
    let sessions = Sessions::new(store, 10, LIFETIMES, clock.clone());
    let login = async || {
        let tokens = Tokens { access: random_text::<9000>().into(), ..tokens(&clock) };
        sessions.create(identity(), tokens, None, None).await.map(|session| session.cookie_value())
    };
    let mut cookies = Vec::new();
    let error = loop {
        match login().await {
            Ok(cookie) => cookies.push(cookie),
            Err(error) => break error,
        }
    };
    assert!(cookies.len() > 20, "{} logins until {error}", cookies.len());
    for cookie in &cookies {
        assert!(sessions.find(cookie).await.unwrap().is_some());
    }
    println!("full");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let begun = Instant::now();
    while let Err(error) = login().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for cookie in &cookies {
        assert!(sessions.find(cookie).await.unwrap().is_some());
    }
    println!("back");
}

const DIRECTORY: &str = "IMSGATE_TEST_DISK_DIRECTORY";
