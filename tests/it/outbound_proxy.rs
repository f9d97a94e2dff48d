//! IMS is reached through an HTTP proxy: a real one on loopback, which counts tunnels.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use imsgate::policy::outbound_proxy::OutboundProxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{World, logs};

/// A proxy that opens tunnels for `me` alone, or refuses all of them with one status.
struct TestProxy {
    address: SocketAddr,
    /// Where tunnels were asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    async fn start(refusal: Option<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, refusal, noted.clone()));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn with_account(&self, account: &str) -> OutboundProxy {
        OutboundProxy::parse(&format!("http://{account}@{}", self.address), "ims.proxy").unwrap()
    }
}

async fn serve(mut stream: TcpStream, refusal: Option<u16>, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8(head).unwrap();
    let to = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    asked.lock().unwrap().push(to.clone());
    let is_known = head.contains("\r\nProxy-Authorization: Basic bWU6aHVudGVyMg==\r\n");
    if let Some(status) = refusal.or_else(|| (!is_known).then_some(407)) {
        let _ =
            stream.write_all(format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        return;
    }
    let mut far = TcpStream::connect(to).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut far).await;
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

/// `imsgate check` for an IMS that only a proxy could reach.
async fn check(folder: &Path, line: &str, environment: &[(&str, String)]) -> String {
    let config = format!(
        "[ims]\nserver = \"https://ims.invalid\"\nclient_id = \"a\"\nclient_secret = \"b\"\n\
         scope = \"openid,read_organizations\"\ncallback_server = \"https://campaign.example.com\"\n\
         organization_id = \"0123456789ABCDEF01234567@AdobeOrg\"\nassociation_mask = \"(.*)\"\n{line}\n\
         [campaign]\nupstream = \"http://127.0.0.1:9\"\n[listen]\ncertificate = \"none\"\nprivate_key = \"none\"\n"
    );
    std::fs::write(folder.join("imsgate.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
    command.args(["check", "--json", "imsgate.toml"]).current_dir(folder);
    for variable in ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] {
        command.env_remove(variable);
    }
    command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
    let output: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn check_says_by_which_proxy_ims_is_asked_who_named_it_and_why_it_refuses() {
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
                said.contains(&format!("IMS is asked through the proxy {address}, with a user")),
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

#[tokio::test]
async fn no_proxy_and_none_keep_ims_off_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = TestProxy::start(None).await;
    let url = || ("HTTPS_PROXY", format!("http://{}", proxy.address));
    let no_proxy = |text: &str| ("NO_PROXY", text.to_owned());
    let said = check(folder.path(), "", &[url(), no_proxy("example.com, .invalid")]).await;
    assert!(said.contains("NO_PROXY names it"), "{said}");
    for line in ["proxy = \"none\"", "proxy = \"\""] {
        let said = check(folder.path(), line, &[url()]).await;
        assert!(said.contains("IMS is asked without a proxy"), "{said}");
    }
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
    let said = check(folder.path(), "", &[("HTTPS_PROXY", "socks5://me:hunter2@proxy:1".to_owned())]).await;
    assert!(said.contains("SOCKS are not supported") && said.contains("HTTPS_PROXY"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}
