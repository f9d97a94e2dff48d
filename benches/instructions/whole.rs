//! One whole forwarded request: the real program under valgrind, a client and a Campaign outside, over loopback with TLS.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use imsgate::clock::Clock;
use imsgate::crypto::KeyRing;
use imsgate::demo;
use imsgate::session::{Embedded, Lifetimes, SealedStore, Sessions};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Outcome, callgrind};

/// What is counted: a proxied GET by the length of its answer.
pub const NAMES: [&str; 2] = ["request-1k", "request-100k"];

const FEW: u64 = 200;
const MANY: u64 = 1200;

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Instructions of one request.
pub fn count(name: &str) -> Outcome<u64> {
    let length = if name == "request-1k" { 1024 } else { 102_400 };
    Ok(callgrind::each(run(length, FEW)?, run(length, MANY)?))
}

fn run(length: usize, times: u64) -> Outcome<(u64, u64)> {
    let folder = tempfile::tempdir()?;
    let cookie = session(folder.path())?;
    let (certificate, key) = demo::certificate(&["localhost"]);
    std::fs::write(folder.path().join("cert.pem"), &certificate)?;
    std::fs::write(folder.path().join("key.pem"), key)?;
    let campaign = campaign(length)?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let config = folder.path().join("imsgate.toml");
    std::fs::write(&config, configuration(folder.path(), campaign, address))?;
    let arguments = ["serve", "--config", config.to_str().ok_or("a folder with a readable name")?];
    let mut gateway = callgrind::start(folder.path(), Path::new(env!("CARGO_BIN_EXE_imsgate")), &arguments)?;
    let talked = connect(address, &certificate, &mut gateway)
        .and_then(|mut stream| talk(&mut stream, address, &cookie, length, times));
    // SIGTERM, so that it ends as it does in service and valgrind has the last word.
    Command::new("kill").arg(gateway.id().to_string()).status()?;
    let counted = callgrind::finish(folder.path(), gateway);
    talked?;
    Ok((times, counted?))
}

/// A store with one session; its cookie.
fn session(folder: &Path) -> Outcome<String> {
    let clock = Clock::system();
    let hours = Duration::from_hours(12);
    let (keys, _) = KeyRing::read_or_create(&folder.join("sessions.key"))?;
    let store =
        SealedStore::new(Embedded::open(&folder.join("sessions.redb"), clock.clone())?, &keys, clock.clone());
    let sessions =
        Sessions::new(Arc::new(store), 10, Lifetimes { idle: hours, absolute: hours }, clock.clone());
    let (identity, tokens) = super::pieces::person();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    Ok(runtime.block_on(sessions.create(identity, tokens, None))?.cookie_value())
}

/// Answers everything with so many bytes; lives as long as this program.
fn campaign(length: usize) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes();
    answer.resize(answer.len() + length, b'x');
    let answer: Arc<[u8]> = answer.into();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream);
                let mut line = String::new();
                while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
                    if line == "\r\n" && lines.get_mut().write_all(&answer).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
    });
    Ok(address)
}

fn configuration(folder: &Path, campaign: SocketAddr, address: SocketAddr) -> String {
    let folder = folder.display();
    let port = address.port();
    format!(
        r#"[ims]
server = "http://127.0.0.1:9"
client_id = "Campaign1"
client_secret = "nobody-signs-in-here"
scope = "openid,AdobeID,read_organizations"
callback_server = "https://localhost:{port}"
organization_id = "4E3D60F754C8E5D0A4C98A2@AdobeOrg"
association_mask = "Campaign - acme - (.*)"
[campaign]
upstream = "http://{campaign}"
session = "headers"
idle_timeout = "60s"
[listen]
https = "{address}"
certificate = "{folder}/cert.pem"
private_key = "{folder}/key.pem"
workers = 1
[session]
path = "{folder}/sessions.redb"
[log]
level = "warn"
access_file = "{folder}/access.log"
"#
    )
}

/// Tries until the gateway listens; gives up when it has ended.
fn connect(address: SocketAddr, certificate: &str, gateway: &mut Child) -> Outcome<Tls> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let until = Instant::now() + Duration::from_mins(1);
    let stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(error) if Instant::now() > until || gateway.try_wait()?.is_some() => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let connection = ClientConnection::new(config, ServerName::try_from("localhost")?)?;
    Ok(StreamOwned::new(connection, stream))
}

fn talk(stream: &mut Tls, address: SocketAddr, cookie: &str, length: usize, times: u64) -> Outcome<()> {
    let port = address.port();
    let request = format!(
        "GET /view/home HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: bench\r\nAccept: text/html\r\nCookie: lang=en; __Host-imsgate={cookie}\r\n\r\n"
    );
    let mut answer = vec![0; 16 * 1024];
    for _ in 0..times {
        stream.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        let body = loop {
            let count = stream.read(&mut answer)?;
            head.extend_from_slice(&answer[..count]);
            if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
                break head.len() - end - 4;
            }
            if count == 0 {
                return Err("the gateway closed the connection".into());
            }
        };
        if !head.starts_with(b"HTTP/1.1 200") {
            return Err(String::from_utf8_lossy(&head).into_owned().into());
        }
        let mut left = length - body;
        while left > 0 {
            left -= match stream.read(&mut answer)? {
                0 => return Err("the answer was cut".into()),
                count => count,
            };
        }
    }
    Ok(())
}
