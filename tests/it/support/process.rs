//! The gateway as a separate process, so that its memory can be measured from outside.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use imsgate::demo;
use tempfile::TempDir;

use super::wire;

/// `imsgate serve` in front of an upstream; ended when dropped.
pub struct Process {
    /// Where it listens.
    pub address: SocketAddr,
    trust: wire::Trust,
    child: Child,
    _folder: TempDir,
}

impl Process {
    /// Starts it, and waits until it listens.
    pub fn start(upstream: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = files(folder.path(), "https://localhost", upstream, "127.0.0.1:0");
        let mut child = Command::new(env!("CARGO_BIN_EXE_imsgate"))
            .args(["serve", "--config"])
            .arg(folder.path().join("imsgate.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let (_, rest) = line.split_once("\"https\":\"")?;
            rest.split('"').next()?.parse().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self { address: address.unwrap(), trust: wire::trust(&certificate), child, _folder: folder }
    }

    /// A TLS connection to it that speaks this protocol.
    pub async fn connect(&self, protocol: &[u8]) -> wire::Stream {
        wire::connect(self.address, &self.trust, protocol).await
    }

    /// A line of `/proc` about the process.
    pub fn proc(&self, file: &str, name: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap();
        text.lines().find(|line| line.starts_with(name)).unwrap().to_owned()
    }

    /// Private memory in kB, without code and files.
    pub fn resident(&self) -> u64 {
        let line = self.proc("status", "RssAnon");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes `imsgate.toml` for this callback server, upstream and listener, with a certificate, which is returned.
pub fn files(folder: &Path, callback: &str, upstream: &str, https: &str) -> String {
    let (certificate, key) = demo::certificate(&["localhost"]);
    let path = |name: &str| folder.join(name);
    std::fs::write(path("cert.pem"), &certificate).unwrap();
    super::write_secret(&path("key.pem"), &key);
    let config = format!(
        "[ims]\nserver = \"http://127.0.0.1:9\"\nclient_id = \"c\"\nclient_secret = \"s\"\n\
         scope = \"openid read_organizations\"\ncallback_server = \"{callback}\"\n\
         organization_id = \"4E3D60F754C8E5D0A4C98A2@AdobeOrg\"\nassociation_mask = \"x\"\n\
         [campaign]\nupstream = \"{upstream}\"\n[session]\nstore = \"memory\"\n\
         [log]\nformat = \"json\"\naccess_file = \"/dev/null\"\n\
         [listen]\nhttps = \"{https}\"\nworkers = 2\ncertificate = \"{cert}\"\nprivate_key = \"{key}\"\n",
        cert = path("cert.pem").display(),
        key = path("key.pem").display(),
    );
    std::fs::write(path("imsgate.toml"), config).unwrap();
    certificate
}
