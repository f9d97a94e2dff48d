//! One of several `imsgate serve` processes, on a port that stays the same when it is restarted.

use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::reserved::Reserved;

/// An `imsgate serve` process; ended when dropped.
pub struct Instance {
    place: Reserved,
    folder: PathBuf,
    child: Option<Child>,
}

impl Instance {
    /// Starts it with this configuration, in which `[listen]` is the last section and goes on here. Its certificate is
    /// `cert.pem` beside its folder.
    pub async fn start(folder: PathBuf, config: &str) -> Self {
        let place = Reserved::new();
        std::fs::create_dir_all(&folder).unwrap();
        let certificates = folder.parent().unwrap().display();
        let config = format!(
            "{config}https = \"{}\"\ncertificate = \"{certificates}/cert.pem\"\nprivate_key = \"{certificates}/key.pem\"\n",
            place.address
        );
        std::fs::write(folder.join("imsgate.toml"), config).unwrap();
        let mut instance = Self { place, folder, child: None };
        instance.begin().await;
        instance
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.place.address
    }

    /// SIGTERM, and waits until it has ended by itself.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let begun = Instant::now();
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not stop");
            tokio::time::sleep(STEP).await;
        };
        assert!(ended.success(), "{ended}\n{}", self.log());
    }

    /// As [`stop`](Self::stop), if it runs.
    pub async fn end(&mut self) {
        if self.child.is_some() {
            self.stop().await;
        }
    }

    /// `kill -9`
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it where it was, and waits until it listens.
    pub async fn begin(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_imsgate"))
            .args(["serve", "--config"])
            .arg(self.folder.join("imsgate.toml"))
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let begun = Instant::now();
        while TcpStream::connect(self.address()).is_err() {
            assert!(begun.elapsed() < PATIENCE, "it does not listen\n{}", self.log());
            tokio::time::sleep(STEP).await;
        }
    }

    /// The log.
    pub fn log(&self) -> String {
        read(&self.folder.join("log"))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last = log.lines().skip(log.lines().count().saturating_sub(10)).collect::<Vec<_>>();
            let _ =
                writeln!(std::io::stderr(), "the instance at {} says:\n{}", self.address(), last.join("\n"));
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
const STEP: Duration = Duration::from_millis(20);
