//! A gateway behind another web server, which runs with a configuration of docs/proxies.md.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use regex::{Captures, Regex};
use tempfile::TempDir;

use super::markdown::Page;
use super::reserved::Reserved;
use super::{Browser, Builder, World, missing, wire};

/// Another web server, and how a test runs it.
pub struct Server {
    /// For messages, such as `haproxy`.
    pub name: &'static str,
    /// Where its program may be.
    pub places: &'static [&'static str],
    /// The arguments; `@FOLDER@` stands for a folder of its own, which has `server.yaml`.
    pub arguments: &'static [&'static str],
    /// The info of its block in docs/proxies.md.
    pub block: &'static [&'static str],
    /// Makes a complete configuration of the block. `@LISTEN@` stands for its address, `@PORT@` for its port, `@FOLDER@` for its folder.
    pub complete: fn(&str) -> String,
}

/// The gateway and the web server in front of it; both end when dropped.
pub struct Behind {
    pub world: World,
    /// Origin of the web server.
    pub origin: String,
    /// Where it listens.
    pub address: SocketAddr,
    trust: wire::Trust,
    process: Process,
}

struct Process {
    child: Child,
    folder: TempDir,
}

impl Server {
    /// Its program. `None` where it may be [`missing`].
    fn program(&self) -> Option<&'static str> {
        let found = self.places.iter().find(|place| Path::new(place).exists());
        if found.is_none() {
            missing(self.name);
        }
        found.copied()
    }
}

impl Behind {
    /// Starts both. `gateway` changes the gateway. The application of the page is at `application`. `None` where the program may be missing.
    pub async fn start(
        server: &Server,
        gateway: impl FnOnce(Builder) -> Builder,
        application: &str,
    ) -> Option<Self> {
        let program = server.program()?;
        let reserved = Reserved::new();
        let address = reserved.address;
        let origin = format!("https://localhost:{}", address.port());
        let (callback, redirect) = (origin.parse().unwrap(), format!("{origin}/ims/callback"));
        let builder = World::builder()
            .ims(move |options| options.redirect_uris = vec![redirect])
            .instance(move |instance| instance.ims.callback_server = callback)
            .config(|config| config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()]);
        let world = gateway(builder).start().await;

        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = &world.certificate;
        // HAProxy reads the key from the file of the certificate.
        let both = if server.name == "haproxy" { format!("{certificate}{key}") } else { certificate.clone() };
        for (name, text) in [("campaign.pem", &both), ("campaign.key", key), ("imsgate-ca.pem", certificate)]
        {
            super::write_secret(&folder.path().join(name), text);
        }
        fs::create_dir(folder.path().join("temp")).unwrap();
        let snippet = Page::read("docs/proxies.md").block(server.block).text;
        let fitted = fit(&(server.complete)(&snippet), folder.path(), address, world.address(), application);
        fs::write(folder.path().join("server.yaml"), fitted).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program)
            .args(
                server
                    .arguments
                    .iter()
                    .map(|text| text.replace("@FOLDER@", &folder.path().display().to_string())),
            )
            .env("HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path())
            .env("XDG_CONFIG_HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut process = Process { child, folder };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = process.child.try_wait().unwrap();
            let waits = ended.is_none() && begun.elapsed() < Duration::from_mins(1);
            assert!(waits, "{} does not come up\n{}", server.name, process.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let trust = wire::trust(&world.certificate.0);
        Some(Self { world, origin, address, trust, process })
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser {
        Browser::new(self.origin.clone(), self.trust.clone())
    }

    /// `localhost:PORT`.
    pub fn host(&self) -> &str {
        self.origin.trim_start_matches("https://")
    }

    /// A TLS connection from this address of loopback.
    pub async fn connect_from(&self, client: [u8; 4]) -> wire::Stream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((client, 0))).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        wire::tls(stream, &self.trust, wire::HTTP_1).await.unwrap()
    }

    /// Ends both.
    pub async fn stop(self) {
        drop(self.process);
        self.world.stop().await;
    }
}

impl Process {
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "the web server in front says:\n{}", self.log());
        }
    }
}

/// The configuration with addresses, names and files of this test.
fn fit(text: &str, folder: &Path, listen: SocketAddr, gateway: SocketAddr, application: &str) -> String {
    static FILE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("/etc/(?:nginx|haproxy|apache2|caddy|envoy)/").unwrap());
    let folder = folder.display().to_string();
    let text = FILE.replace_all(text, |_: &Captures<'_>| format!("{folder}/"));
    text.replace("@LISTEN@", &listen.to_string())
        .replace("@PORT@", &listen.port().to_string())
        .replace("@FOLDER@", &folder)
        .replace("10.0.0.5:443", &gateway.to_string())
        .replace(
            "address: 10.0.0.5, port_value: 443",
            &format!("address: 127.0.0.1, port_value: {}", gateway.port()),
        )
        .replace("127.0.0.1:3000", application)
        .replace("campaign.example.com", "localhost")
}
