//! IMS is reached through an HTTP proxy: a real one on loopback, which counts tunnels.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use imsgate::demo;
use imsgate::demo::faults::FaultFrequency;
use imsgate::demo::ims::{ImsOptions, ImsSimulator};
use imsgate::internal::OutboundProxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::tunnel::{acceptor, join};
use crate::support::{World, logs};

/// A proxy that opens tunnels only for `me`, or refuses all of them with one status.
struct TestProxy {
    address: SocketAddr,
    way: Arc<Way>,
}

/// Its behaviour, and its record.
#[derive(Default)]
struct Way {
    refusal: Option<u16>,
    /// The target of every tunnel, whatever name is requested.
    leads_to: Option<SocketAddr>,
    /// The requested targets.
    asked: Mutex<Vec<String>>,
    /// What each client sent through its tunnel.
    carried: Mutex<Vec<Vec<u8>>>,
}

impl TestProxy {
    async fn start(refusal: Option<u16>) -> Self {
        Self::of(Way { refusal, ..Way::default() }).await
    }

    async fn of(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let way = Arc::new(way);
        let serving = way.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, serving.clone()));
            }
        });
        Self { address, way }
    }

    fn asked(&self) -> Vec<String> {
        self.way.asked.lock().unwrap().clone()
    }

    fn with_account(&self, account: &str) -> OutboundProxy {
        OutboundProxy::parse(&format!("http://{account}@{}", self.address), "ims.proxy").unwrap()
    }
}

async fn serve(mut stream: TcpStream, way: Arc<Way>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8(head).unwrap();
    let to = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    way.asked.lock().unwrap().push(to.clone());
    let is_known = head.contains("\r\nProxy-Authorization: Basic bWU6aHVudGVyMg==\r\n");
    if let Some(status) = way.refusal.or_else(|| (!is_known).then_some(407)) {
        let _ =
            stream.write_all(format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        return;
    }
    let far = match way.leads_to {
        Some(address) => TcpStream::connect(address).await,
        None => TcpStream::connect(to).await,
    };
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    carry(stream, far.unwrap(), &way).await;
}

/// Copies both ways and records what the client sends.
async fn carry(stream: TcpStream, far: TcpStream, way: &Way) {
    let number = {
        let mut carried = way.carried.lock().unwrap();
        carried.push(Vec::new());
        carried.len() - 1
    };
    let ((mut from_client, mut to_client), (mut from_far, mut to_far)) =
        (stream.into_split(), far.into_split());
    let there = async {
        let mut piece = Vec::new();
        while from_client.read_buf(&mut piece).await.unwrap_or(0) > 0 {
            way.carried.lock().unwrap()[number].extend_from_slice(&piece);
            if to_far.write_all(&piece).await.is_err() {
                break;
            }
            piece.clear();
        }
        let _ = to_far.shutdown().await;
    };
    let back = async {
        let _ = tokio::io::copy(&mut from_far, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    tokio::join!(there, back);
}

/// TLS to IMS is inside the tunnel and ends at the configured host: the proxy cannot read it, and the name is never resolved here.
#[tokio::test]
async fn tls_to_ims_goes_through_the_tunnel_from_end_to_end() {
    const IMS: &str = "https://ims.invalid";
    let folder = tempfile::tempdir().unwrap();
    for (named, is_trusted) in [("ims.invalid", true), ("other.invalid", false)] {
        let (certificate, key) = demo::certificate(&[named]);
        let file = folder.path().join(named);
        std::fs::write(&file, &certificate).unwrap();
        let acceptor = acceptor(&certificate, &key);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let leads_to = Some(listener.local_addr().unwrap());
        let proxy = TestProxy::of(Way { leads_to, ..Way::default() }).await;
        let through = proxy.with_account("me:hunter2");
        let world = World::builder()
            .ims(|ims| ims.id_token_issuer = Some(IMS.to_owned()))
            .instance(move |instance| {
                instance.ims.server = IMS.parse().unwrap();
                instance.ims.discovery_url =
                    format!("{IMS}/.well-known/openid-configuration").parse().unwrap();
                instance.ims.ca_file = Some(file);
                instance.ims.proxy = Some(through);
            })
            .start()
            .await;
        // Browsers reach the simulator directly. Everything else in its document goes through the tunnel.
        let url = world.ims.url();
        world.ims.faults().tamper_discovery(FaultFrequency::Always, move |document| {
            for (name, value) in document.as_object_mut().unwrap() {
                if name != "authorization_endpoint"
                    && let Some(text) = value.as_str()
                {
                    *value = text.replace(&url, IMS).into();
                }
            }
        });
        let simulator = world.ims.url();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, simulator) = (acceptor.clone(), simulator.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        join(stream, &simulator).await;
                    }
                });
            }
        });
        if is_trusted {
            world.signed_in("alice").await;
        } else {
            let page = world.browser().get("/view/home").await;
            assert!(page.status.is_server_error(), "{}", page.status);
        }
        let asked = proxy.asked();
        assert!(!asked.is_empty() && asked.iter().all(|to| to == "ims.invalid:443"), "{asked:?}");
        for sent in &*proxy.way.carried.lock().unwrap() {
            assert!(sent.starts_with(&[0x16, 0x03]), "the tunnel begins with a TLS handshake");
            let text = String::from_utf8_lossy(sent);
            assert!(!text.contains("HTTP/1.1") && !text.contains("client_secret"), "{text}");
        }
        world.stop().await;
        serving.abort();
    }
}

#[tokio::test]
async fn a_whole_sign_in_goes_through_the_proxy() {
    let proxy = TestProxy::start(None).await;
    let through = proxy.with_account("me:hunter2");
    let world = World::builder().instance(move |instance| instance.ims.proxy = Some(through)).start().await;
    world.signed_in("alice").await;
    let asked = proxy.asked();
    let ims = world.ims.url().replace("http://", "");
    assert!(!asked.is_empty() && asked.iter().all(|to| *to == ims), "{asked:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_proxy_that_refuses_stops_sign_ins_and_the_reason_is_in_the_log_without_the_password() {
    let proxy = TestProxy::start(None).await;
    let through = proxy.with_account("me:hunter3");
    let world = World::builder().instance(move |instance| instance.ims.proxy = Some(through)).start().await;
    let answer = world.browser().get("/view/home").await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
    assert!(!answer.text().contains("hunter3"));
    let reason = format!("the proxy {} (ims.proxy), asked for a tunnel to", proxy.address);
    world.eventually(|| logs::say(&reason)).await;
    assert!(logs::say("status 407: correct the user and the password in ims.proxy"));
    assert!(!logs::say("hunter3") && !logs::say("bWU6aHVudGVyMw"));
    world.stop().await;
}

#[tokio::test]
async fn loopback_is_never_reached_through_a_proxy_of_the_environment() {
    let proxy = TestProxy::start(None).await;
    let through = proxy.with_account("me:hunter2").except("");
    let world = World::builder().instance(move |instance| instance.ims.proxy = Some(through)).start().await;
    world.signed_in("alice").await;
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
    world.stop().await;
}

/// `imsgate check` for an IMS that is only reachable through a proxy.
async fn check(folder: &Path, line: &str, environment: &[(&str, String)]) -> String {
    checked(folder, "https://ims.invalid", &["--json"], line, environment).await
}

/// `imsgate check` with these options for an IMS at `server`.
async fn checked(
    folder: &Path,
    server: &str,
    options: &[&str],
    line: &str,
    environment: &[(&str, String)],
) -> String {
    let config = format!(
        "[ims]\nserver = \"{server}\"\nclient_id = \"a\"\nclient_secret = \"b\"\n\
         scope = \"openid,read_organizations\"\ncallback_server = \"https://campaign.example.com\"\n\
         organization_id = \"0123456789ABCDEF01234567@AdobeOrg\"\nassociation_mask = \"(.*)\"\n{line}\n\
         [campaign]\nupstream = \"http://127.0.0.1:9\"\n[listen]\ncertificate = \"none\"\nprivate_key = \"none\"\n"
    );
    std::fs::write(folder.join("imsgate.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
    command.arg("check").args(options).arg("imsgate.toml").current_dir(folder);
    for variable in ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] {
        command.env_remove(variable);
    }
    command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
    let output: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn check_reports_the_proxy_to_ims_its_origin_and_its_refusal() {
    let folder = tempfile::tempdir().unwrap();
    for (status, fix) in
        [(407, "correct the user and the password"), (403, "allow CONNECT"), (502, "does not reach")]
    {
        let proxy = TestProxy::start(Some(status)).await;
        let address = proxy.address;
        let url = format!("http://me:hunter2@{address}");
        for (line, environment, place) in [
            (format!("proxy = \"{url}\""), vec![], "imsgate.toml:"),
            (String::new(), vec![("HTTPS_PROXY", url.clone())], "\"HTTPS_PROXY\""),
            (
                String::new(),
                vec![("https_proxy", url.clone()), ("HTTPS_PROXY", "http://x:1".to_owned())],
                "\"https_proxy\"",
            ),
        ] {
            let said = check(folder.path(), &line, &environment).await;
            assert!(
                said.contains(&format!("IMS is reached through the proxy {address}, with a user")),
                "{said}"
            );
            assert!(said.contains(place), "{said}");
            assert!(said.contains(&format!("status {status}")) && said.contains(fix), "{said}");
            assert!(!said.contains("hunter2") && !said.contains("bWU6aHVudGVyMg"), "{said}");
        }
        let asked = proxy.asked();
        assert!(asked.len() >= 3 && asked.iter().all(|to| to == "ims.invalid:443"), "{asked:?}");
    }
}

/// Loopback addresses only, so nothing is resolved.
#[tokio::test]
async fn no_proxy_and_none_bypass_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = TestProxy::start(None).await;
    let url = || ("HTTPS_PROXY", format!("http://{}", proxy.address));
    let no_proxy = |text: &str| ("NO_PROXY", text.to_owned());
    // A proxy would be resolved by name, but none is used.
    let offline = async |line: &str, environment: &[(&str, String)]| {
        checked(folder.path(), "https://ims.invalid", &["--json", "--offline"], line, environment).await
    };
    let said = offline("", &[url(), no_proxy("example.com, .invalid")]).await;
    assert!(said.contains("NO_PROXY names it"), "{said}");
    let local = "https://127.0.0.1:9";
    for line in ["proxy = \"none\"", "proxy = \"\""] {
        let said = offline(line, &[url()]).await;
        assert!(said.contains("IMS is reached without a proxy"), "{said}");
        checked(folder.path(), local, &["--json"], line, &[url()]).await;
    }
    checked(folder.path(), local, &["--json"], "", &[url()]).await;
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
    let said = offline("", &[("HTTPS_PROXY", "socks5://me:hunter2@proxy:1".to_owned())]).await;
    assert!(said.contains("SOCKS are not supported") && said.contains("HTTPS_PROXY"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn check_refuses_the_document_of_another_issuer_as_serve_does() {
    let folder = tempfile::tempdir().unwrap();
    let ims = ImsSimulator::start(ImsOptions::default()).await.unwrap();
    let said = checked(folder.path(), &ims.url(), &[], "", &[]).await;
    assert!(said.contains("read; issuer"), "{said}");
    for issuer in ["https://ims.example.com", "http://127.0.0.1:1"] {
        ims.faults()
            .tamper_discovery(FaultFrequency::Always, move |document| document["issuer"] = issuer.into());
        let said = checked(folder.path(), &ims.url(), &[], "", &[]).await;
        assert!(said.contains("ims.id_token_issuers") && !said.contains("read; issuer"), "{said}");
        let line = format!("id_token_issuers = [\"{issuer}\"]");
        let said = checked(folder.path(), &ims.url(), &[], &line, &[]).await;
        assert!(said.contains("read; issuer"), "{said}");
    }
    ims.stop().await;
}
