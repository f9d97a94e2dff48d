//! As a service of systemd: sockets handed over, readiness and the stop told.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::ask::Ask;
use crate::raw::Line;
use crate::support::{files, wire};

/// The program; ended when dropped.
struct Service(Child);

impl Service {
    /// Starts it with this socket as the one that systemd opened.
    fn start(config: &Path, notify: &Path, socket: TcpListener) -> Self {
        // LISTEN_PID must be the program's own id, which only the shell that becomes the program knows.
        let script =
            "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" serve --config \"$1\"";
        let child = Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_imsgate")])
            .arg(config)
            .env("NOTIFY_SOCKET", notify)
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_socket_of_systemd_is_served_and_systemd_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let origin = format!("https://localhost:{}", address.port());
    let certificate = files(folder.path(), &origin, "http://127.0.0.1:9", "systemd:web");
    let notify = UnixDatagram::bind(path("notify.sock")).unwrap();
    notify.set_read_timeout(Some(Duration::from_secs(20))).unwrap();

    let mut service = Service::start(&path("imsgate.toml"), &path("notify.sock"), socket);
    let told = || {
        let mut bytes = [0; 256];
        let length = notify.recv(&mut bytes).expect("systemd is told");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    assert!(told().contains("READY=1"));
    for _ in 0..4 {
        let stream = wire::connect(address, &wire::trust(&certificate), wire::HTTP_1).await;
        let mut line = Line::new(stream);
        line.send(Ask::get("/ims/health/live").bytes(&format!("localhost:{}", address.port()))).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 200);
    }
    let pid = service.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(told().contains("STOPPING=1"));
    assert!(service.0.wait().unwrap().success());
}
