//! `kill -9` during many logins: every session whose cookie was sent exists after the restart.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::super::{Embedded, Sessions, Vault};
use super::{LIFETIMES, identity, tokens};
use crate::clock::Clock;
use crate::crypto::KeyRing;

fn sessions(directory: &Path) -> Sessions {
    let clock = Clock::system();
    let (keys, _) = KeyRing::read_or_create(&directory.join("key")).unwrap();
    let file = Embedded::open(&directory.join("sessions.redb"), clock.clone()).unwrap();
    Sessions::new(Arc::new(Vault::new(file, &keys, clock.clone())), 1000, LIFETIMES, clock)
}

#[tokio::test]
async fn every_acknowledged_session_survives_a_kill_during_logins() {
    let directory = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "session::tests::crash::logins_in_a_process_of_its_own", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        let mut take = |line: String, all: &mut Vec<String>| {
            if let Some(cookie) = line.strip_prefix("cookie ").and_then(|rest| rest.strip_suffix(" .")) {
                all.push(cookie.to_owned());
                acknowledged += 1;
            }
            acknowledged
        };
        while take(lines.next().unwrap().unwrap(), &mut all) < 200 {}
        child.kill().unwrap();
        // Lines printed before the kill are in the pipe; the last one may be incomplete.
        for line in lines.map_while(Result::ok) {
            take(line, &mut all);
        }
        assert!(!child.wait().unwrap().success(), "killed");

        let sessions = sessions(directory.path());
        for cookie in &all {
            assert!(sessions.find(cookie).await.unwrap().is_some(), "round {round}, of {}", all.len());
        }
    }
    assert!(all.len() >= 600);
}

/// The child process of the test above; does nothing otherwise.
#[test]
fn logins_in_a_process_of_its_own() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let sessions = sessions(&directory);
        let logins = (0..32).map(|_| {
            let sessions = sessions.clone();
            tokio::spawn(async move {
                loop {
                    let session =
                        sessions.create(identity(), tokens(&sessions.clock), None, None).await.unwrap();
                    let line = format!("cookie {} .\n", session.cookie_value());
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            })
        });
        futures_util::future::join_all(logins.collect::<Vec<_>>()).await;
    });
}

const DIRECTORY: &str = "IMSGATE_TEST_CRASH_DIRECTORY";
