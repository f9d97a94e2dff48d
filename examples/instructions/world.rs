//! The surroundings of one run: a folder with certificate, configuration and a session store with one session, and a Campaign.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use imsgate::clock::Clock;
use imsgate::demo;
use imsgate::internal::KeyRing;
use imsgate::internal::{Embedded, Identity, Lifetimes, Sessions, Tokens, Vault};

use super::baseline::Counts;
use super::client::{Client, campaign};
use super::{Outcome, callgrind};

/// All that a run of the gateway needs: its folder, a client with a session cookie, and a Campaign.
pub struct World {
    folder: tempfile::TempDir,
    address: SocketAddr,
    certificate: String,
    cookie: String,
    length: usize,
}

impl World {
    /// The responses of its Campaign have `length` bytes.
    pub fn new(length: usize) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let cookie = session(folder.path())?;
        let (certificate, key) = demo::certificate(&["localhost"]);
        std::fs::write(folder.path().join("cert.pem"), &certificate)?;
        std::fs::write(folder.path().join("key.pem"), key)?;
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(folder.path().join("key.pem"), private)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let text = configuration(folder.path(), campaign(length)?, address);
        std::fs::write(folder.path().join(CONFIG), text)?;
        Ok(Self { folder, address, certificate, cookie, length })
    }

    /// Runs the program under valgrind for this many requests, over one connection or each over a new one.
    pub fn run(self, times: u32, connects: bool) -> Outcome<Counts> {
        let folder = self.folder.path();
        let config = folder.join(CONFIG);
        let arguments = ["serve", "--config", config.to_str().ok_or("a folder with a readable name")?];
        let mut gateway = callgrind::start(folder, &binary(), &arguments)?;
        let talked = self.talk(&mut gateway, times, connects);
        // SIGTERM, so that the gateway stops in order and valgrind writes its counts.
        Command::new("kill").arg(gateway.id().to_string()).status()?;
        let counted = callgrind::finish(folder, gateway);
        talked?;
        counted
    }

    fn talk(&self, gateway: &mut Child, times: u32, connects: bool) -> Outcome<()> {
        let client = Client::new(self.address, &self.certificate)?;
        client.wait(gateway)?;
        // Then its work after the start is done, in the short run too.
        std::thread::sleep(SETTLED);
        let request = self.request();
        if !connects {
            let mut connection = client.connect()?;
            return (0..times).try_for_each(|_| connection.ask(&request, self.length));
        }
        for _ in 0..times {
            let mut connection = client.connect()?;
            connection.ask(&request, self.length)?;
            connection.close()?;
        }
        Ok(())
    }

    /// The request as a browser sends it.
    fn request(&self) -> String {
        let (port, cookie) = (self.address.port(), &self.cookie);
        format!(
            "GET /view/home HTTP/1.1\r\nHost: localhost:{port}\r\n{BROWSER}Cookie: lang=en; __Host-imsgate={cookie}\r\n\r\n"
        )
    }
}

/// The program: `IMSGATE_BIN`, or the release build.
fn binary() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/imsgate");
    std::env::var_os("IMSGATE_BIN").map_or(built, PathBuf::from)
}

/// Creates a session store with one session; returns its cookie.
fn session(folder: &Path) -> Outcome<String> {
    let (clock, hours) = (Clock::system(), Duration::from_hours(12));
    let (keys, _) = KeyRing::read_or_create(&folder.join("sessions.key"))?;
    let file = Embedded::open(&folder.join("sessions.redb"), clock.clone())?;
    let store = Arc::new(Vault::new(file, &keys, clock.clone()));
    let sessions = Sessions::new(store, 10, Lifetimes { idle: hours, absolute: hours }, clock.clone());
    let identity = Identity {
        ims_session: None,
        original: None,
        user: "A11CE0000000000000000001@acme.e".to_owned(),
        email: Some("alice@example.com".to_owned()),
        name: Some("Alice Archer".to_owned()),
        organization: "4E3D60F754C8E5D0A4C98A2@AdobeOrg".to_owned(),
        organization_name: Some("Acme".to_owned()),
        groups: vec!["delivery".to_owned(), "workflow".to_owned()],
        membership: None,
    };
    let access_expires = clock.now().plus(hours);
    let tokens = Tokens { access: "eyJ".repeat(400).into(), access_expires, refresh: None };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    Ok(runtime.block_on(sessions.create(identity, tokens, None, None))?.cookie_value())
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

/// The gateway looks at its files once more some seconds after its start.
const SETTLED: Duration = Duration::from_secs(6);
const CONFIG: &str = "imsgate.toml";
const BROWSER: &str = "\
User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Encoding: gzip, deflate, br\r\n\
Accept-Language: en-GB,en;q=0.9\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-Dest: document\r\n";
