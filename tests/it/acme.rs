//! A certificate from a real ACME server on this machine: Pebble.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use imsgate::demo;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::support::served::Served;
use crate::support::{missing, wire, write_secret};

/// A running Pebble; ended when dropped.
struct Pebble(Child);

impl Pebble {
    /// Starts it with its files in this folder. It checks names at this address. Its certificates have this lifetime.
    /// Returns its directory.
    fn start(folder: &Path, checked: SocketAddr, seconds: u64) -> (Self, String) {
        let free = || {
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().to_string()
        };
        let (address, management) = (free(), free());
        let (certificate, key) = demo::certificate(&["localhost", "127.0.0.1"]);
        let path = |name: &str| folder.join(name).display().to_string();
        fs::write(path("pebble.pem"), certificate).unwrap();
        write_secret(&folder.join("pebble.key"), &key);
        let config = serde_json::json!({"pebble": {
            "listenAddress": address,
            "managementListenAddress": management,
            "certificate": path("pebble.pem"),
            "privateKey": path("pebble.key"),
            "httpPort": 1,
            "tlsPort": checked.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": seconds,
        }});
        fs::write(path("pebble.json"), config.to_string()).unwrap();
        let log = fs::File::create(path("pebble.log")).unwrap();
        let child = Command::new("pebble")
            .args(["-config", &path("pebble.json")])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{}",
                fs::read_to_string(path("pebble.log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        (Self(child), format!("https://{address}/dir"))
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_certificate_comes_from_the_acme_server_and_is_renewed_in_time() {
    if Command::new("pebble").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return missing("pebble");
    }
    let mut pebble = None;
    let served = Served::start_with(|folder, address| {
        let (server, directory) = Pebble::start(folder, address, 15);
        pebble = Some(server);
        format!(
            "[listen.acme]\ndirectory = \"{directory}\"\ncontact = \"mailto:admin@example.com\"\ncache = \"acme\"\n\
             ca_file = \"pebble.pem\"\n"
        )
    })
    .await;
    let first = from_server(&served, &[]).await;
    for (name, mode) in [("acme", 0o700), ("acme/certificate.pem", 0o600)] {
        let permissions = fs::metadata(served.path(name)).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "{name}");
    }
    let accounts = || {
        let files = fs::read_dir(served.path("acme")).unwrap().map(|file| file.unwrap().path());
        files.filter(|file| file.to_string_lossy().contains("account-")).collect::<Vec<_>>()
    };
    let account = accounts();
    assert_eq!(account.len(), 1);
    assert_eq!(fs::metadata(&account[0]).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = fs::read(&account[0]).unwrap();

    // The next one, without a restart, for the same account.
    let second = from_server(&served, &first).await;
    assert_ne!(first, second);
    assert_eq!(fs::read(&accounts()[0]).unwrap(), kept);
    assert!(!served.log().contains("no certificate from the ACME server"), "{}", served.log());
}

/// Waits until the gateway shows a certificate of the server that is not `old`, with the chain that the server gave.
async fn from_server(served: &Served, old: &[u8]) -> Vec<u8> {
    let begun = Instant::now();
    loop {
        let file = fs::read(served.path("acme/certificate.pem")).unwrap();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&file).collect::<Result<_, _>>().unwrap();
        // One that nobody has issued stands alone.
        if let [own, issuer, ..] = &chain[..]
            && own.as_ref() != old
        {
            let mut roots = RootCertStore::empty();
            roots.add(issuer.clone()).unwrap();
            let stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
            if let Ok(stream) = wire::tls(stream, &Arc::new(roots), wire::HTTP_1).await
                && stream.get_ref().1.peer_certificates().unwrap()[0] == *own
            {
                return own.to_vec();
            }
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", served.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
