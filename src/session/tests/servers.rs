//! Real Redis servers on free ports of 127.0.0.1, ended with the test.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A running `redis-server`.
pub(crate) struct Server {
    child: Child,
    pub port: u16,
    pub directory: TempDir,
    options: Vec<String>,
}

/// True when `redis-server` is installed; otherwise reports it as [`missing`].
pub(crate) fn installed() -> bool {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        missing("redis-server");
    }
    found
}

/// Reports that a test is skipped because a program is not installed. With `CI=true` the test fails instead.
pub(crate) fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{what} is not installed");
    println!("SKIPPED: {what} is not installed");
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_on(free_port(), options)
    }

    pub(crate) fn start_on(port: u16, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let child = spawn(port, directory.path(), &options);
        let server = Self { child, port, directory, options };
        server.wait_until_up();
        server
    }

    /// A Sentinel that watches `master` alone and decides alone.
    pub(crate) fn sentinel(master: u16) -> Self {
        let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = directory.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 3000\n"
        );
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel").current_dir(directory.path());
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let server = Self { child, port, directory, options: Vec::new() };
        server.wait_until_up();
        server
    }

    /// Three masters that share the slots.
    pub(crate) fn cluster() -> Vec<Self> {
        let options = |bus: u16| {
            ["--cluster-enabled", "yes", "--cluster-port"]
                .map(str::to_owned)
                .into_iter()
                .chain([bus.to_string()])
        };
        let buses = [free_port(), free_port(), free_port()];
        let nodes = buses.map(|bus| {
            let options: Vec<String> = options(bus).collect();
            Self::start(&options.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let slots = [(0, 5460), (5461, 10922), (10923, 16383)];
        for ((node, (from, to)), bus) in nodes.iter().zip(slots).zip(buses) {
            assert!(node.ask(&format!("CLUSTER ADDSLOTSRANGE {from} {to}")).starts_with("+OK"));
            let meet = format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port);
            assert!(nodes[0].ask(&meet).starts_with("+OK"));
        }
        let begun = Instant::now();
        while !nodes.iter().all(|node| {
            let info = node.ask("CLUSTER INFO");
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        }) {
            assert!(begun.elapsed() < Duration::from_secs(30), "the cluster does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        nodes.into()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills the process like `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Suspends the process (`SIGSTOP`). Its connections stay open.
    pub(crate) fn pause(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Continues the process (`SIGCONT`).
    pub(crate) fn resume(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Starts it again on its port, with its files.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port, self.directory.path(), &self.options);
        self.wait_until_up();
    }

    /// Sends one inline command; returns the raw answer.
    pub(crate) fn ask(&self, command: &str) -> String {
        self.try_ask(command).unwrap()
    }

    fn try_ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = vec![0; 65536];
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    fn wait_until_up(&self) {
        let begun = Instant::now();
        while !self
            .try_ask("PING")
            .is_ok_and(|answer| answer.starts_with("+PONG") || answer.starts_with("-NOAUTH"))
        {
            assert!(begun.elapsed() < Duration::from_secs(20), "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, directory: &Path, options: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"]).arg(directory);
    command.args(options).stdout(Stdio::null()).spawn().unwrap()
}
