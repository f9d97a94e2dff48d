//! The commands `imsgate serve` and `imsgate check`: the files that they read and refuse, and signals.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::http1::{Answer, RawConnection};
use crate::support::request::RawRequest;
use crate::support::{files, wire, write_secret};

/// A folder with a configuration for a free port.
struct Folder {
    root: TempDir,
    port: u16,
    trust: wire::Trust,
}

impl Folder {
    /// `more` replaces parts of the configuration.
    fn new(more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let https = format!("127.0.0.1:{port}");
        let certificate = files(folder.path(), "https://localhost", "http://127.0.0.1:9", &https);
        let config = folder.path().join("imsgate.toml");
        let mut text = fs::read_to_string(&config).unwrap();
        for (old, new) in more {
            assert!(text.contains(old), "{old}");
            text = text.replace(old, new);
        }
        fs::write(&config, text).unwrap();
        Self { root: folder, port, trust: wire::trust(&certificate) }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
        command.args(words).current_dir(self.root.path()).env_remove("IMSGATE_CONFIG").stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }

    /// Starts `imsgate` with these arguments and waits until it serves.
    async fn serve(&self, words: &[&str]) -> Served<'_> {
        let log = fs::File::create(self.path("log")).unwrap();
        let child = self.command(words).stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let served = Served { child, folder: self };
        served.until("\"serving\"").await;
        served
    }

    async fn ask(&self, ask: RawRequest) -> Answer {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut line = RawConnection::new(wire::tls(stream, &self.trust, wire::HTTP_1).await.unwrap());
        line.send(ask.bytes("localhost")).await;
        line.answer(false).await.unwrap()
    }
}

/// A running gateway; ended when dropped.
struct Served<'a> {
    child: Child,
    folder: &'a Folder,
}

impl Served<'_> {
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).unwrap()
    }

    async fn until(&self, said: &str) {
        let begun = Instant::now();
        while !self.log().contains(said) {
            assert!(begun.elapsed() < Duration::from_mins(1), "{said}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    async fn stop(mut self) {
        self.signal("-TERM");
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(status.success(), "{}", self.log());
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configuration with one more secret in a file of its own.
fn secret_file(key: &str) -> (Folder, String) {
    let folder = match key {
        "listen.private_key" => Folder::new(&[]),
        "ims.client_secret_file" => {
            Folder::new(&[("client_secret = \"s\"", "client_secret_file = \"secret\"")])
        }
        "session.redis_url_file" => Folder::new(&[(
            "store = \"memory\"",
            "store = \"redis\"\nredis_url_file = \"secret\"\nkey_file = \"session.key\"",
        )]),
        "session.key_file" => Folder::new(&[(
            "store = \"memory\"",
            "store = \"embedded\"\npath = \"s.redb\"\nkey_file = \"secret\"",
        )]),
        "campaign.client_key" => Folder::new(&[(
            "upstream = \"http://127.0.0.1:9\"",
            "upstream = \"https://127.0.0.1:9\"\nclient_certificate = \"cert.pem\"\nclient_key = \"secret\"",
        )]),
        other => panic!("{other}"),
    };
    let text = match key {
        "session.redis_url_file" => "rediss://:p@127.0.0.1:1".to_owned(),
        "campaign.client_key" => fs::read_to_string(folder.path("key.pem")).unwrap(),
        _ => "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned(),
    };
    write_secret(&folder.path("secret"), &text);
    write_secret(&folder.path("session.key"), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    let name = if key == "listen.private_key" { "key.pem" } else { "secret" };
    (folder, name.to_owned())
}

const SECRET_FILES: [&str; 5] = [
    "listen.private_key",
    "ims.client_secret_file",
    "session.redis_url_file",
    "session.key_file",
    "campaign.client_key",
];

#[test]
fn a_secret_that_others_can_read_is_refused_with_the_command_that_fixes_it() {
    for key in SECRET_FILES {
        let (folder, name) = secret_file(key);
        folder.chmod("imsgate.toml", 0o600);
        for mode in [0o644, 0o604, 0o660] {
            folder.chmod(&name, mode);
            for command in [&["serve", "imsgate.toml"][..], &["check", "--offline", "imsgate.toml"]] {
                let (code, said) = folder.run(command);
                assert_eq!(code, Some(2), "{key} {mode:o} {command:?}: {said}");
                assert!(said.contains(key) && said.contains("chmod 600") && said.contains(&name), "{said}");
            }
        }
        folder.chmod(&name, 0o640);
        let (_, said) = folder.run(&["check", "--offline", "imsgate.toml"]);
        assert!(!said.contains("chmod"), "{key}: {said}");
    }
}

#[test]
fn a_secret_in_an_open_configuration_file_is_a_warning() {
    let folder = Folder::new(&[]);
    folder.chmod("imsgate.toml", 0o644);
    let (_, said) = folder.run(&["check", "--offline", "imsgate.toml"]);
    assert!(said.contains("chmod 600 imsgate.toml"), "{said}");
    folder.chmod("imsgate.toml", 0o600);
    let (_, said) = folder.run(&["check", "--offline", "imsgate.toml"]);
    assert!(!said.contains("chmod"), "{said}");
}

#[test]
fn a_log_file_that_others_can_read_is_a_warning() {
    let folder = Folder::new(&[(
        "access_file = \"/dev/null\"",
        "access_file = \"access.log\"\naudit_file = \"audit.log\"",
    )]);
    folder.chmod("imsgate.toml", 0o600);
    for (key, name) in [("log.access_file", "access.log"), ("log.audit_file", "audit.log")] {
        fs::write(folder.path(name), "").unwrap();
        for (mode, is_open) in [(0o640, false), (0o600, false), (0o644, true), (0o660, true), (0o666, true)] {
            folder.chmod(name, mode);
            let (_, said) = folder.run(&["check", "--offline", "imsgate.toml"]);
            let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words.contains(&format!("chmod 640 {name}")), is_open, "{mode:o}: {said}");
            assert!(words.contains(key), "{said}");
        }
        folder.chmod(name, 0o640);
    }
}

#[tokio::test]
async fn byte_order_marks_in_every_file_are_removed_and_utf16_is_named() {
    let (folder, _) = secret_file("ims.client_secret_file");
    for name in ["imsgate.toml", "secret", "cert.pem", "key.pem"] {
        let text = fs::read(folder.path(name)).unwrap();
        fs::write(folder.path(name), [b"\xef\xbb\xbf", &text[..]].concat()).unwrap();
    }
    let served = folder.serve(&["serve", "-c", "imsgate.toml"]).await;
    assert_eq!(folder.ask(RawRequest::get("/ims/health/live")).await.status(), 200);
    served.stop().await;
    for name in ["secret", "cert.pem", "key.pem", "imsgate.toml"] {
        let good = fs::read(folder.path(name)).unwrap();
        let wide: Vec<u8> =
            String::from_utf8_lossy(&good).encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(folder.path(name), wide).unwrap();
        let (code, said) = folder.run(&["serve", "imsgate.toml"]);
        assert!(matches!(code, Some(1 | 2)), "{name}: {said}");
        assert!(
            said.contains(name) && said.contains("UTF-16") && said.contains("save it as UTF-8"),
            "{said}"
        );
        fs::write(folder.path(name), good).unwrap();
    }
}

#[test]
fn a_configuration_file_that_cannot_be_read_says_why() {
    let folder = Folder::new(&[]);
    fs::write(folder.path("latin1.toml"), b"# caf\xe9\n").unwrap();
    for (name, said) in [
        ("none.toml", "there is no such file"),
        (".", "it is a folder"),
        ("latin1.toml", "line 1 is not UTF-8"),
    ] {
        for command in ["serve", "check"] {
            let (code, text) = folder.run(&[command, name]);
            assert_eq!(code, Some(2), "{text}");
            assert!(text.contains(&format!("cannot read the configuration file: {said}")), "{text}");
        }
    }
    folder.chmod("imsgate.toml", 0o000);
    // root can read every file.
    if fs::read(folder.path("imsgate.toml")).is_err() {
        let (code, text) = folder.run(&["serve", "imsgate.toml"]);
        assert!(code == Some(2) && text.contains("permission denied"), "{text}");
    }
}

#[tokio::test]
async fn relative_paths_start_at_the_configuration_file_and_not_at_the_working_directory() {
    let folder = Folder::new(&[("access_file = \"/dev/null\"", "access_file = \"access.log\"")]);
    fs::create_dir(folder.path("elsewhere")).unwrap();
    let text = fs::read_to_string(folder.path("imsgate.toml")).unwrap();
    let relative = text.replace(&format!("{}/", folder.root.path().display()), "");
    assert!(relative.contains("certificate = \"cert.pem\""), "{relative}");
    fs::write(folder.path("elsewhere/imsgate.toml"), relative).unwrap();
    let (code, said) = folder.run(&["check", "--offline", "elsewhere/imsgate.toml"]);
    assert_eq!(code, Some(1), "{said}");
    for name in ["cert.pem", "key.pem"] {
        fs::rename(folder.path(name), folder.path("elsewhere").join(name)).unwrap();
    }
    let served = folder.serve(&["serve", "elsewhere/imsgate.toml"]).await;
    assert_eq!(folder.ask(RawRequest::get("/ims/health/live")).await.status(), 200);
    served.stop().await;
    assert!(folder.path("elsewhere/access.log").exists() && !folder.path("access.log").exists());
}

#[test]
fn a_missing_certificate_is_explained_with_the_script_that_makes_one() {
    for name in ["cert.pem", "key.pem"] {
        let folder = Folder::new(&[]);
        fs::remove_file(folder.path(name)).unwrap();
        for command in [&["serve", "imsgate.toml"][..], &["check", "--offline", "imsgate.toml"]] {
            let (code, said) = folder.run(command);
            let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(code, Some(1), "{said}");
            assert!(words.contains(name) && words.contains("certs/make-dev.sh"), "{said}");
        }
    }
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("certs/make-dev.sh").exists());
}

#[tokio::test]
async fn sighup_opens_log_files_again() {
    let folder = Folder::new(&[(
        "access_file = \"/dev/null\"",
        "access_file = \"access.log\"\naudit_file = \"audit.log\"",
    )]);
    let served = folder.serve(&["serve", "imsgate.toml"]).await;
    for name in ["access.log", "audit.log"] {
        let mode = fs::metadata(folder.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{name}: {mode:o}");
    }
    folder.ask(RawRequest::get("/ims/health/live?before")).await;
    for (round, (signal, said)) in
        [("-HUP", "configuration reloaded"), ("-USR1", "SIGUSR1"), ("-HUP", "configuration reloaded")]
            .into_iter()
            .enumerate()
    {
        wait_for(&folder.path("access.log"), "/ims/health/live").await;
        fs::rename(folder.path("access.log"), folder.path(&format!("access.{round}"))).unwrap();
        served.signal(signal);
        served.until(said).await;
        assert_eq!(folder.ask(RawRequest::get("/ims/health/live")).await.status(), 200);
    }
    wait_for(&folder.path("access.log"), "/ims/health/live").await;
    served.stop().await;
}

#[tokio::test]
async fn a_renamed_log_file_is_followed_without_a_signal() {
    let folder = Folder::new(&[("access_file = \"/dev/null\"", "access_file = \"access.log\"")]);
    let served = folder.serve(&["serve", "imsgate.toml"]).await;
    fs::rename(folder.path("access.log"), folder.path("access.1")).unwrap();
    let begun = Instant::now();
    while fs::read_to_string(folder.path("access.log")).unwrap_or_default().is_empty() {
        assert!(begun.elapsed() < Duration::from_mins(1));
        assert_eq!(folder.ask(RawRequest::get("/ims/health/live")).await.status(), 200);
    }
    served.stop().await;
}

#[tokio::test]
async fn readiness_ends_before_the_sockets_close() {
    let folder = Folder::new(&[("workers = 2", "workers = 2\nshutdown_delay = \"600s\"")]);
    let mut served = folder.serve(&["serve", "imsgate.toml"]).await;
    assert_eq!(folder.ask(RawRequest::get("/ims/health/ready")).await.status(), 200, "IMS was never reached");
    assert_eq!(folder.ask(RawRequest::get("/ims/health/sign-in")).await.status(), 503);
    served.signal("-TERM");
    served.until("/ims/health/ready answers 503").await;
    for (path, status) in [("/ims/health/ready", 503), ("/ims/health/live", 200), ("/ims/signed-out", 200)] {
        assert_eq!(folder.ask(RawRequest::get(path)).await.status(), status, "{path}");
    }
    assert!(served.child.try_wait().unwrap().is_none());
    served.stop().await;
}

/// Waits until a file contains this.
async fn wait_for(path: &Path, text: &str) {
    let begun = Instant::now();
    while !fs::read_to_string(path).unwrap_or_default().contains(text) {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
