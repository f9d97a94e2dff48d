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
use crate::support::{Checked, Finding, missing, wire, write_secret};

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

fn is_missing() -> bool {
    Command::new("pebble").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
}

#[tokio::test]
async fn a_certificate_comes_from_the_acme_server_and_is_renewed_in_time() {
    if is_missing() {
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

#[tokio::test]
async fn a_new_authority_of_the_acme_server_is_trusted_at_the_next_order() {
    if is_missing() {
        return missing("pebble");
    }
    let (mut pebble, mut authority) = (None, Vec::new());
    let served = Served::start_with(|folder, address| {
        let (server, directory) = Pebble::start(folder, address, 600);
        pebble = Some(server);
        authority = fs::read(folder.join("pebble.pem")).unwrap();
        fs::write(folder.join("ca.pem"), demo::certificate(&["localhost"]).0).unwrap();
        format!("[listen.acme]\ndirectory = \"{directory}\"\ncache = \"acme\"\nca_file = \"ca.pem\"\n")
    })
    .await;
    let begun = Instant::now();
    while !served.log().contains("no certificate from the ACME server") {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", served.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fs::write(served.path("ca.pem"), &authority).unwrap();
    from_server(&served, &[]).await;
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

/// A configuration with this directory in place of a certificate.
async fn with_directory(directory: &str) -> Checked {
    let world = Checked::good().await;
    let acme =
        format!("[listen.acme]\ndirectory = \"{directory}\"\ncache = \"acme\"\nca_file = \"pebble.pem\"\n");
    world.replace("certificate = \"cert.pem\"\nprivate_key = \"key.pem\"\n", &acme);
    world
}

#[tokio::test]
async fn check_reads_the_directory_of_the_acme_server_and_orders_nothing() {
    if is_missing() {
        return missing("pebble");
    }
    let folder = tempfile::tempdir().unwrap();
    let (_pebble, directory) = Pebble::start(folder.path(), ([127, 0, 0, 1], 1).into(), 15);
    let world = with_directory(&directory).await;
    fs::copy(folder.path().join("pebble.pem"), world.path("pebble.pem")).unwrap();
    let findings = world.findings(&[]).await;
    for (id, part) in [
        ("listen.acme.directory", "takes new accounts and orders"),
        ("listen.acme.terms", "with this key you agree to "),
        ("listen.acme.names", "localhost leads to this machine: 127.0.0.1"),
    ] {
        let is_it = |finding: &&Finding| finding.id() == id && finding.message().contains(part);
        assert_eq!(findings.iter().find(is_it).map(Finding::severity), Some("ok"), "{id}: {findings:#?}");
    }
    assert!(!world.path("acme").exists());
    assert!(!fs::read_to_string(folder.path().join("pebble.log")).unwrap().contains("new-acct"));
    // Without its authority it is not trusted.
    fs::write(world.path("pebble.pem"), demo::certificate(&["localhost"]).0).unwrap();
    let finding = world.finding("listen.acme.directory", "warning").await;
    assert!(finding.message().contains("no certificate can be ordered"), "{finding:?}");
    world.finding("listen.acme.terms", "not-checked").await;
}

#[tokio::test]
async fn check_names_what_is_no_directory_of_an_acme_server() {
    let ims = Checked::good().await;
    let world = with_directory(&format!("{}/.well-known/openid-configuration", ims.ims.url())).await;
    fs::write(world.path("pebble.pem"), demo::certificate(&["localhost"]).0).unwrap();
    let finding = world.finding("listen.acme.directory", "error").await;
    assert!(finding.message().contains("newNonce, newAccount, newOrder is missing"), "{finding:?}");
    assert!(world.findings(&["--offline"]).await.iter().all(|one| one.id() != "listen.acme.names"));
}
