//! As a systemd service: socket activation and readiness notification.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::support::http1::RawConnection;
use crate::support::request::RawRequest;
use crate::support::{files, wire};

/// The program, its folder, and its notification socket. Ended when dropped.
struct Service {
    child: Child,
    folder: TempDir,
    notify: UnixDatagram,
    trust: wire::Trust,
}

impl Service {
    /// Starts it with one or two sockets from systemd. `names` are their names in the units, if there are any.
    fn start(https: &str, names: Option<&str>, sockets: Vec<OwnedFd>) -> Self {
        Self::start_with(https, names, sockets, &[])
    }

    /// The same with more variables in its environment.
    fn start_with(
        https: &str,
        names: Option<&str>,
        sockets: Vec<OwnedFd>,
        environment: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = files(folder.path(), "https://localhost", "http://127.0.0.1:9", https);
        let notify = UnixDatagram::bind(folder.path().join("notify.sock")).unwrap();
        notify.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // LISTEN_PID must be the id of the program. Only the shell that becomes the program knows it. It inherits the sockets as
        // input and output, and passes them on from descriptor 3 (sd_listen_fds(3)).
        let script = "exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$ exec \"$0\" serve --config \"$1\"";
        let mut command = Command::new("sh");
        command
            .args(["-c", script, env!("CARGO_BIN_EXE_imsgate")])
            .arg(folder.path().join("imsgate.toml"))
            .env("NOTIFY_SOCKET", folder.path().join("notify.sock"))
            .env("LISTEN_FDS", sockets.len().to_string())
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log")).unwrap());
        if let Some(names) = names {
            command.env("LISTEN_FDNAMES", names);
        }
        let mut sockets = sockets.into_iter();
        command.stdin(sockets.next().unwrap());
        if let Some(second) = sockets.next() {
            command.stdout(second);
        }
        Self { child: command.spawn().unwrap(), folder, notify, trust: wire::trust(&certificate) }
    }

    /// The next notification to systemd.
    fn notification(&self) -> String {
        let mut bytes = [0; 256];
        let length = self.notify.recv(&mut bytes).unwrap_or_else(|e| panic!("{e}\n{}", self.log()));
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// A request over this stream is answered.
    async fn serves<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S) {
        let mut line = RawConnection::new(wire::tls(stream, &self.trust, wire::HTTP_1).await.unwrap());
        line.send(RawRequest::get("/ims/health/live").bytes("localhost")).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 200);
    }

    /// SIGTERM, and a clean exit.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        while !self.notification().contains("STOPPING=1") {}
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A listening socket of systemd, and its address.
fn tcp() -> (OwnedFd, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket.into(), address)
}

#[tokio::test]
async fn a_socket_of_systemd_is_served_and_readiness_is_notified() {
    let (socket, address) = tcp();
    let service = Service::start("systemd:web", Some("web"), vec![socket]);
    assert!(service.notification().contains("READY=1"));
    for _ in 0..4 {
        service.serves(TcpStream::connect(address).await.unwrap()).await;
    }
    service.stop();
}

#[tokio::test]
async fn a_reload_is_notified_from_its_beginning_to_its_end() {
    let (socket, address) = tcp();
    let service = Service::start("systemd:web", Some("web"), vec![socket]);
    assert!(service.notification().contains("READY=1"));
    for _ in 0..2 {
        let pid = service.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
        let notified = service.notification();
        assert!(notified.contains("RELOADING=1") && notified.contains("MONOTONIC_USEC="), "{notified}");
        assert!(service.notification().contains("READY=1"));
        service.serves(TcpStream::connect(address).await.unwrap()).await;
    }
    service.stop();
}

#[tokio::test]
async fn the_watchdog_of_systemd_gets_signs_of_life_only_if_it_asks_for_them() {
    let start = |environment: &[(&str, &str)]| {
        let (socket, address) = tcp();
        (Service::start_with("systemd:web", Some("web"), vec![socket], environment), address)
    };
    let (service, address) = start(&[("WATCHDOG_USEC", "300000")]);
    for _ in 0..4 {
        while service.notification() != "WATCHDOG=1\n" {}
        service.serves(TcpStream::connect(address).await.unwrap()).await;
    }
    service.stop();
    for environment in
        [&[][..], &[("WATCHDOG_USEC", "0")], &[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]]
    {
        let (service, address) = start(environment);
        assert!(service.notification().contains("READY=1"));
        service.serves(TcpStream::connect(address).await.unwrap()).await;
        let pid = service.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(service.notification().contains("STOPPING=1"), "{environment:?}: nothing in between");
    }
}

#[tokio::test]
async fn without_a_name_every_socket_of_systemd_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("https.sock");
    let (socket, address) = tcp();
    let unix = UnixListener::bind(&path).unwrap();
    let service = Service::start("systemd", None, vec![socket, unix.into()]);
    assert!(service.notification().contains("READY=1"));
    for _ in 0..4 {
        service.serves(TcpStream::connect(address).await.unwrap()).await;
        service.serves(UnixStream::connect(&path).await.unwrap()).await;
    }
    service.stop();
    assert!(path.exists(), "the file is systemd's, who will hand it over again");
}

#[tokio::test]
async fn of_two_sockets_only_the_named_one_is_served() {
    let ((first, other), (second, address)) = (tcp(), tcp());
    let service = Service::start("systemd:web", Some("other:web"), vec![first, second]);
    assert!(service.notification().contains("READY=1"));
    service.serves(TcpStream::connect(address).await.unwrap()).await;
    assert!(TcpStream::connect(other).await.is_err(), "nobody would ever answer there");
    service.stop();
}

#[tokio::test]
async fn a_socket_that_systemd_does_not_hand_over_is_named() {
    let mut service = Service::start("systemd:web", Some("other"), vec![tcp().0]);
    assert!(!service.child.wait().unwrap().success());
    assert!(service.log().contains("systemd did not hand over a socket named web"), "{}", service.log());
}
