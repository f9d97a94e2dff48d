//! `imsgate check` as a command, with simulators of IMS and Campaign in the process of the test.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use imsgate::demo::campaign::{CampaignOptions, CampaignSimulator};
use imsgate::demo::ims::{ImsOptions, ImsSimulator, TechnicalClient};
use imsgate::demo::{self, CLIENT_ID, ORGANIZATION_ID, TENANT};
use serde_json::Value;
use tempfile::TempDir;

use super::{Browser, wire};

/// A configuration that fits its simulators.
pub struct Checked {
    pub ims: ImsSimulator,
    pub campaign: CampaignSimulator,
    /// The port of `listen.https`; free.
    pub port: u16,
    folder: TempDir,
    trust: wire::Trust,
}

/// `imsgate serve` with this configuration; ended when dropped.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One finding of `imsgate check --json`.
#[derive(Clone, Debug)]
pub struct Finding(pub Value);

impl Finding {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }

    pub fn id(&self) -> &str {
        self.text("id")
    }

    pub fn severity(&self) -> &str {
        self.text("severity")
    }

    pub fn message(&self) -> &str {
        self.text("message")
    }

    pub fn fix(&self) -> &str {
        self.text("fix")
    }
}

impl Checked {
    /// Simulators whose options were changed, and a configuration for them.
    pub async fn start(
        change_ims: impl FnOnce(&mut ImsOptions),
        change_campaign: impl FnOnce(&mut CampaignOptions),
    ) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let origin = format!("https://localhost:{port}");
        let mut options =
            ImsOptions { redirect_uris: vec![format!("{origin}/ims/callback")], ..ImsOptions::default() };
        options.technical_clients =
            vec![TechnicalClient::new("robot", ORGANIZATION_ID, TENANT, &["delivery"])];
        change_ims(&mut options);
        let ims = ImsSimulator::start(options).await.unwrap();
        let mut options = CampaignOptions { ims: Some(ims.url()), ..CampaignOptions::default() };
        options.external_accounts[0].callback_server.clone_from(&origin);
        change_campaign(&mut options);
        let campaign = CampaignSimulator::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = demo::certificate(&["localhost"]);
        std::fs::write(folder.path().join("cert.pem"), &certificate).unwrap();
        super::write_secret(&folder.path().join("key.pem"), &key);
        let config = format!(
            "[ims]\nserver = \"{ims}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"demo-client-secret\"\n\
             scope = \"openid,AdobeID,read_organizations,session,additional_info.projectedProductContext\"\n\
             callback_server = \"{origin}\"\norganization_id = \"{ORGANIZATION_ID}\"\n\
             association_mask = \"Campaign - {TENANT} - (.*)\"\n\
             [experience_cloud]\ntenant = \"{TENANT}\"\n\
             [campaign]\nupstream = \"{campaign}\"\n\
             [session]\nstore = \"memory\"\n\
             [log]\nlevel = \"info\"\n\
             [listen]\nhttps = \"127.0.0.1:{port}\"\ncertificate = \"cert.pem\"\nprivate_key = \"key.pem\"\n",
            ims = ims.url(),
            campaign = campaign.url(),
        );
        super::write_secret(&folder.path().join("imsgate.toml"), &config);
        Self { ims, campaign, port, folder, trust: wire::trust(&certificate) }
    }

    /// As [`start`](Self::start), without changes.
    pub async fn good() -> Self {
        Self::start(|_| {}, |_| {}).await
    }

    /// A path in the folder of the configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds a technical account, with its secret in the file `robot`.
    pub fn with_technical_account(&self) {
        super::write_secret(&self.path("robot"), "secret-of-robot");
        let path = self.path("imsgate.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let account =
            "[[campaign.technical_account]]\nclient_id = \"robot\"\nclient_secret_file = \"robot\"\n";
        std::fs::write(path, text + account).unwrap();
    }

    /// Replaces a part of the configuration.
    pub fn replace(&self, old: &str, new: &str) {
        let path = self.path("imsgate.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{old}");
        std::fs::write(path, text.replace(old, new)).unwrap();
    }

    /// A browser for the gateway of this configuration.
    pub fn browser(&self) -> Browser {
        Browser::new(format!("https://localhost:{}", self.port), self.trust.clone())
    }

    /// Starts the gateway, and waits until people can sign in.
    pub async fn serve(&self) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
        let log = std::fs::File::create(self.path("log")).unwrap();
        command
            .args(["serve", "imsgate.toml"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stderr(log);
        let running = Running(command.spawn().unwrap());
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err()
            || self.browser().get("/ims/health/sign-in").await.status != http::StatusCode::OK
        {
            let log = std::fs::read_to_string(self.path("log")).unwrap();
            assert!(begun.elapsed() < Duration::from_mins(1), "{log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        running
    }

    /// Runs `imsgate` in the folder of the configuration.
    pub async fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        self.run_with(words, "").await
    }

    /// The same with this text as standard input.
    pub async fn run_with(&self, words: &[&str], input: &str) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
        command.args(words).current_dir(self.folder.path()).env_remove("IMSGATE_CONFIG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for variable in ["HTTPS_PROXY", "https_proxy"] {
            command.env_remove(variable);
        }
        let input = input.to_owned();
        let run = move || {
            let mut child = command.spawn().unwrap();
            // A command that does not read its input closes the pipe.
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            child.wait_with_output().unwrap()
        };
        let Output { status, stdout, stderr } = tokio::task::spawn_blocking(run).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    }

    /// The findings of `imsgate check` with these options.
    pub async fn findings(&self, options: &[&str]) -> Vec<Finding> {
        let words = [&["check", "--json"], options, &["imsgate.toml"]].concat();
        let (code, text, error) = self.run(&words).await;
        let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{error}"));
        let findings: Vec<Finding> =
            report["findings"].as_array().unwrap().iter().cloned().map(Finding).collect();
        let has_errors = findings.iter().any(|finding| finding.severity() == "error");
        assert_eq!(code, Some(i32::from(has_errors)), "{text}");
        assert_eq!(report["ok"], !has_errors);
        for finding in &findings {
            let needs_fix = ["error", "warning"].contains(&finding.severity());
            assert_eq!(needs_fix, !finding.fix().is_empty() && needs_fix, "a fix is missing: {finding:?}");
            assert!(!finding.id().is_empty() && !finding.message().is_empty(), "{finding:?}");
        }
        findings
    }

    /// The one finding with this id and severity.
    pub async fn finding(&self, id: &str, severity: &str) -> Finding {
        let findings = self.findings(&[]).await;
        let mut found =
            findings.iter().filter(|finding| finding.id() == id && finding.severity() == severity);
        let first = found.next().unwrap_or_else(|| panic!("no {severity} {id} in {findings:#?}"));
        assert!(found.next().is_none(), "several {id} in {findings:#?}");
        first.clone()
    }
}
