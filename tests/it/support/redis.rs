//! A real `redis-server` on a free port, ended with the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
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

    /// Configures the gateway to keep its sessions here.
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

    /// The number that a command returns.
    pub fn number(&self, command: &str) -> u64 {
        self.line(command).strip_prefix(':').unwrap().parse().unwrap()
    }

    /// Bytes that the server has in use.
    pub fn used_memory(&self) -> u64 {
        let mut stream = self.sent("INFO memory");
        let mut text = String::new();
        while !text.contains("used_memory_human") {
            let mut part = [0; 512];
            let length = stream.read(&mut part).unwrap();
            assert_ne!(length, 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&part[..length]));
        }
        let (_, rest) = text.split_once("used_memory:").unwrap();
        rest.split_once("\r\n").unwrap().0.parse().unwrap()
    }

    fn line(&self, command: &str) -> String {
        let mut line = String::new();
        BufReader::new(self.sent(command)).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn sent(&self, command: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        stream
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
