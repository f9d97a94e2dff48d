//! A real `redis-server` on a free port, ended with the test.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use imsgate::config::{Config, Store};
use tempfile::TempDir;

/// A running server and the key file of the instances that share it.
pub struct Redis {
    child: Child,
    port: u16,
    directory: TempDir,
}

impl Redis {
    /// A server that loses nothing when it is killed; `None` where it may be [`missing`](super::missing).
    pub fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            super::missing("redis-server");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("key"), KEY).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(directory.path().join("key"), private).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let redis = Self { child: spawn(port, &directory), port, directory };
        redis.wait();
        Some(redis)
    }

    /// Has the gateway keep its sessions here.
    pub fn keeps(&self) -> impl FnOnce(&mut Config) + 'static {
        let store = Store::Redis {
            address: Box::new(self.url().parse().unwrap()),
            ca_file: None,
            key_file: self.directory.path().join("key"),
        };
        move |config| config.session.store = store
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// As `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on its port, with its files.
    pub fn restart(&mut self) {
        self.child = spawn(self.port, &self.directory);
        self.wait();
    }

    /// One command, as typed, which must succeed.
    pub fn ask(&self, command: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut answer = [0; 5];
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK\r\n", "{command}");
    }

    fn wait(&self) {
        let begun = Instant::now();
        while !self.answers() {
            assert!(begun.elapsed() < Duration::from_secs(20), "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut answer = [0; 7];
        stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut answer)).is_ok()
            && &answer == b"+PONG\r\n"
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, directory: &TempDir) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(directory.path());
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// 32 bytes, base64.
pub const KEY: &str = "c2V2ZW50eSBzZXZlbiBzZWNyZXRzIGFyZSBlbm91Z2g=\n";
