//! `imsgate serve` with a configuration file that a test changes, in front of the simulators. All use the real clock.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use imsgate::demo::campaign::{CampaignOptions, CampaignSimulator};
use imsgate::demo::ims::{ImsOptions, ImsSimulator};
use imsgate::demo::{self, ORGANIZATION_ID, TENANT};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::http1::{Answer, RawConnection};
use super::request::RawRequest;
use super::reserved::Reserved;
use super::{Browser, wire};

/// A running gateway with its files; ended when dropped.
pub struct Served {
    pub ims: ImsSimulator,
    pub campaign: CampaignSimulator,
    pub trust: wire::Trust,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    child: std::process::Child,
    folder: TempDir,
}

impl Served {
    /// Starts it with this configuration besides the necessary one, and waits until people can sign in.
    pub async fn start(more: &str) -> Self {
        Self::start_with(|_, _| format!("certificate = \"cert.pem\"\nprivate_key = \"key.pem\"\n{more}"))
            .await
    }

    /// The same with another certificate: `more` gets the folder and the address, and returns the rest of the configuration.
    pub async fn start_with(more: impl FnOnce(&Path, SocketAddr) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = demo::certificate(&["localhost"]);
        fs::write(folder.path().join("cert.pem"), &certificate).unwrap();
        super::write_secret(&folder.path().join("key.pem"), &key);
        super::write_secret(&folder.path().join("secret"), "demo-client-secret");
        let (https, admin) = (Reserved::new(), Reserved::new());
        let (address, admin_address) = (https.address, admin.address);
        let origin = format!("https://localhost:{}", address.port());
        // Also for a second instance.
        let redirect_uris = ["localhost", "127.0.0.1"]
            .map(|host| format!("{}/ims/callback", origin.replace("localhost", host)));
        let options = ImsOptions { redirect_uris: redirect_uris.into(), ..ImsOptions::default() };
        let ims = ImsSimulator::start(options).await.unwrap();
        let options = CampaignOptions { ims: Some(ims.url()), ..CampaignOptions::default() };
        let campaign = CampaignSimulator::start(options).await.unwrap();
        let more = more(folder.path(), address);
        let config = format!(
            "[ims]\nserver = \"{ims}\"\nclient_id = \"{client}\"\nclient_secret_file = \"secret\"\n\
             scope = \"openid,AdobeID,read_organizations,session,offline_access\"\ncallback_server = \"{origin}\"\n\
             organization_id = \"{ORGANIZATION_ID}\"\nassociation_mask = \"Campaign - {TENANT} - (.*)\"\n\
             [log]\nformat = \"json\"\naccess_file = \"/dev/null\"\n\
             [session]\nstore = \"embedded\"\npath = \"sessions.redb\"\nmax_per_user = 0\n\
             [campaign]\nupstream = \"{campaign}\"\npublic_paths = [\"/r/*\"]\n\
             [listen]\nhttps = \"{address}\"\nadmin = \"{admin_address}\"\nworkers = 2\ndrain_timeout = \"5s\"\n{more}",
            ims = ims.url(),
            client = demo::CLIENT_ID,
            campaign = campaign.url(),
        );
        super::write_secret(&folder.path().join("imsgate.toml"), &config);
        let child = command(folder.path(), &["serve", "imsgate.toml"])
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let trust = wire::trust(&certificate);
        let served = Self { ims, campaign, trust, address, admin: admin_address, child, folder };
        served.until("\"IMS metadata and keys loaded\"").await;
        served.until("\"serving\"").await;
        drop((https, admin));
        served
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a part of the configuration file.
    pub fn edit(&self, old: &str, new: &str) {
        let text = fs::read_to_string(self.path("imsgate.toml")).unwrap();
        assert!(text.contains(old), "{old}: {text}");
        fs::write(self.path("imsgate.toml"), text.replace(old, new)).unwrap();
    }

    /// Adds to the configuration file.
    pub fn append(&self, text: &str) {
        let file = fs::read_to_string(self.path("imsgate.toml")).unwrap();
        fs::write(self.path("imsgate.toml"), format!("{file}\n{text}")).unwrap();
    }

    /// Runs another command of imsgate: its exit code and what it writes.
    pub async fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        let mut command = command(self.folder.path(), words);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let Output { status, stdout, stderr } = output.unwrap();
        (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }

    /// `imsgate reload`, which succeeds.
    pub async fn reload(&self) -> String {
        let (code, text) = self.run(&["reload", "-c", "imsgate.toml"]).await;
        assert_eq!(code, Some(0), "{text}\n{}", self.log());
        text
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// The log so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("log")).unwrap()).into_owned()
    }

    /// Waits until the log has this text.
    pub async fn until(&self, said: &str) {
        self.until_times(said, 1).await;
    }

    /// Waits until the log has this text this many times.
    pub async fn until_times(&self, said: &str, times: usize) {
        let begun = Instant::now();
        while self.log().matches(said).count() < times {
            assert!(begun.elapsed() < Duration::from_mins(1), "{said}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A new browser.
    pub fn browser(&self) -> Browser {
        Browser::new(format!("https://localhost:{}", self.address.port()), self.trust.clone())
    }

    /// A new browser in which this person signed in.
    pub async fn signed_in(&self, who: &str) -> Browser {
        let browser = self.browser();
        let answer = browser.sign_in(who, "/view/home").await;
        assert_eq!(answer.location(), "/view/home", "{}\n{}", answer.text(), self.log());
        browser
    }

    /// A value of the metrics.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = self.ask_admin("/metrics").await.text();
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    async fn ask_admin(&self, path: &str) -> Answer {
        let stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.admin.port())).await.unwrap();
        let mut line = RawConnection::new(stream);
        line.send(RawRequest::get(path).bytes("127.0.0.1")).await;
        line.answer(false).await.unwrap()
    }

    /// Private memory of the process in kB, without code and files.
    pub fn resident(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("RssAnon")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
    command.args(words).current_dir(folder).env_remove("IMSGATE_CONFIG").stdin(Stdio::null());
    command
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
