//! The surroundings of a run: two gateway processes, Redis, an IMS simulator, and a Campaign that records its requests.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use imsgate::demo;
use imsgate::demo::ims::{ImsOptions, ImsSimulator};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Outcome;
use super::mask::Mask;
use super::wire::{Connection, Message};

/// Ends its processes when dropped.
pub struct World {
    /// The gateway under test.
    pub gateway: SocketAddr,
    /// A second instance, which has not seen any session yet.
    pub other: SocketAddr,
    /// The sign-in form of IMS.
    pub ims: SocketAddr,
    /// Records the requests.
    pub campaign: Campaign,
    /// Applied to everything that is written to the file.
    pub mask: Mask,
    roots: Arc<RootCertStore>,
    redis: Child,
    gateways: Vec<Child>,
    _simulator: ImsSimulator,
    folder: tempfile::TempDir,
}

/// A Campaign that records forwarded requests, in order, and the gateway's own SOAP calls.
#[derive(Clone, Default)]
pub struct Campaign(Arc<Mutex<(Vec<Message>, Vec<Message>)>>);

impl World {
    /// Starts two gateways with this program, and everything that they need.
    pub async fn start(program: &Path) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let (certificate, key) = demo::certificate(&["localhost"]);
        std::fs::write(folder.path().join("cert.pem"), &certificate)?;
        secret(&folder.path().join("key.pem"), &key)?;
        secret(&folder.path().join("session.key"), KEY)?;
        let (gateway, other, redis_address) = (free()?, free()?, free()?);
        let redis = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &redis_address.port().to_string(), "--save", "", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()?;
        let options = ImsOptions {
            redirect_uris: vec![format!("https://localhost:{}/ims/callback", gateway.port())],
            ..ImsOptions::default()
        };
        let simulator = ImsSimulator::start(options).await?;
        let ims: SocketAddr = simulator.url().trim_start_matches("http://").parse()?;
        let (campaign, upstream) = Campaign::start().await?;
        let ports = [
            (gateway.port(), "GATEWAY"),
            (other.port(), "OTHER"),
            (ims.port(), "IMS"),
            (upstream.port(), "CAMPAIGN"),
            (redis_address.port(), "REDIS"),
        ];
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes())?)?;
        let mut world = Self {
            gateway,
            other,
            ims,
            campaign,
            mask: Mask::new(&ports)?,
            roots: Arc::new(roots),
            redis,
            gateways: Vec::new(),
            _simulator: simulator,
            folder,
        };
        wait_for(redis_address, &mut world.redis)?;
        for listen in [gateway, other] {
            let path = world.folder.path().join(format!("{}.toml", listen.port()));
            let text = configuration(world.folder.path(), [gateway, listen, ims, upstream, redis_address]);
            std::fs::write(&path, text)?;
            let log = std::fs::File::create(path.with_extension("log"))?;
            let mut child =
                Command::new(program).args(["serve", "--config"]).arg(&path).stderr(log).spawn()?;
            wait_for(listen, &mut child)?;
            world.gateways.push(child);
        }
        Ok(world)
    }

    /// A TLS connection with this protocol.
    pub async fn connect(&self, to: SocketAddr, alpn: &[u8]) -> Outcome<TlsStream<tokio::net::TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let stream = tokio::net::TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, stream).await?)
    }

    /// Stops Redis for good.
    pub fn stop_redis(&mut self) -> Outcome<()> {
        self.redis.kill()?;
        self.redis.wait()?;
        Ok(())
    }

    /// Ends the gateways as an operator does, so that their background work is done.
    pub fn stop_gateways(&mut self) -> Outcome<()> {
        for mut gateway in self.gateways.drain(..) {
            Command::new("kill").arg(gateway.id().to_string()).status()?;
            gateway.wait()?;
        }
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for child in self.gateways.iter_mut().chain([&mut self.redis]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Campaign {
    /// The forwarded requests since the last call.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// The gateway's own SOAP calls.
    pub fn soap_calls(&self) -> Vec<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    async fn start() -> Outcome<(Self, SocketAddr)> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let campaign = Self::default();
        let serving = campaign.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (campaign, mut connection) = (serving.clone(), Connection::new(stream));
                tokio::spawn(async move {
                    // An incomplete request ends the connection and is not recorded.
                    while let Ok(Some(request)) = connection.request().await {
                        let response = campaign.respond(request, address);
                        connection.send(response).await;
                    }
                });
            }
        });
        Ok((campaign, address))
    }

    fn respond(&self, request: Message, own: SocketAddr) -> String {
        let mut words = request.first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let action = request.field("soapaction").unwrap_or_default();
        let (status, kind, more, body) = if target.starts_with("/view/moved") {
            ("302 Found", "text/plain", format!("Location: http://{own}/view/home\r\n"), String::new())
        } else if action.contains("BearerTokenLogon") {
            ("200 OK", "text/xml", String::new(), LOGON.to_owned())
        } else if target.starts_with("/view/expired") {
            ("403 Forbidden", "text/xml", String::new(), FAULT.to_owned())
        } else {
            ("200 OK", "text/plain", "Set-Cookie: uuid230=1\r\n".to_owned(), format!("{method} {target}\n"))
        };
        let body_text = if method == "HEAD" { "" } else { &body };
        let response = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {}\r\n\r\n{body_text}",
            body.len()
        );
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ["BearerTokenLogon", "Logoff"].iter().any(|call| action.contains(call)) {
            seen.1.push(request);
        } else {
            seen.0.push(request);
        }
        response
    }
}

fn secret(path: &Path, text: &str) -> Outcome<()> {
    std::fs::write(path, text)?;
    Ok(std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?)
}

fn free() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Waits until a program listens; fails when the program has ended.
fn wait_for(address: SocketAddr, program: &mut Child) -> Outcome<()> {
    let until = Instant::now() + Duration::from_mins(1);
    while let Err(error) = TcpStream::connect(address) {
        if Instant::now() > until || program.try_wait()?.is_some() {
            return Err(format!("{address} does not listen: {error}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn configuration(folder: &Path, [gateway, listen, ims, campaign, redis]: [SocketAddr; 5]) -> String {
    let (folder, port) = (folder.display(), gateway.port());
    format!(
        r#"[ims]
server = "http://{ims}"
client_id = "{client}"
client_secret = "demo-client-secret"
scope = "openid,AdobeID,read_organizations,session,offline_access"
callback_server = "https://localhost:{port}"
organization_id = "{organization}"
association_mask = "Campaign - {tenant} - (.*)"
[campaign]
upstream = "http://{campaign}"
idle_timeout = "60s"
support_contact = "help@example.com"
[listen]
https = "{listen}"
certificate = "{folder}/cert.pem"
private_key = "{folder}/key.pem"
forward_auth_secret = "{AUTH_SECRET}"
workers = 1
[limits]
sign_ins_per_second = 0
[session]
store = "redis"
redis_url = "redis://{redis}"
key_file = "{folder}/session.key"
max_per_user = 1
[log]
level = "warn"
access_file = "/dev/null"
"#,
        client = demo::CLIENT_ID,
        organization = demo::ORGANIZATION_ID,
        tenant = demo::TENANT,
    )
}

/// The secret that a proxy sends to `/ims/auth`.
pub const AUTH_SECRET: &str = "sixteen-characters-and-more";
/// The session key: 32 bytes, base64.
const KEY: &str = "c2V2ZW50eSBzZXZlbiBzZWNyZXRzIGFyZSBlbm91Z2g=\n";
const LOGON: &str = "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body><r>\
    <pstrSessionToken>___session</pstrSessionToken><pstrSecurityToken>@security</pstrSecurityToken></r></e:Body></e:Envelope>";
const FAULT: &str = "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body><e:Fault>\
    <faultcode>e:Client</faultcode><faultstring>XSV-350008 Session has expired or is invalid. Please reconnect.\
    </faultstring></e:Fault></e:Body></e:Envelope>";
