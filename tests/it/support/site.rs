//! A site as an operator runs it: nginx, two `imsgate serve` processes, one Redis. IMS and Campaign are simulators in the test process. All
//! use the real clock.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use imsgate::demo::campaign::{CampaignOptions, CampaignSimulator};
use imsgate::demo::ims::{ImsOptions, ImsSimulator};
use imsgate::demo::{self, ORGANIZATION_ID, TENANT};
use tempfile::TempDir;

use crate::support::http1::RawConnection;
use crate::support::request::RawRequest;

use super::{Browser, Front, Instance, KEY, Load, wire};

/// Everything that runs.
pub struct Site {
    pub ims: ImsSimulator,
    pub campaign: CampaignSimulator,
    pub front: Front,
    pub instances: Vec<Instance>,
    config: String,
    trust: wire::Trust,
    // Last: the others have their files in it.
    folder: TempDir,
}

/// False where a program that a site needs may be [`missing`](super::missing).
pub fn installed() -> bool {
    let redis = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
    let programs =
        [("redis-server", redis), ("nginx", Front::program().is_some()), ("wrk", Load::installed())];
    let missing = programs.into_iter().filter(|(_, is_there)| !is_there);
    let missing: Vec<&str> = missing.map(|(program, _)| program).collect();
    if !missing.is_empty() {
        super::missing(&missing.join(", "));
    }
    missing.is_empty()
}

impl Site {
    /// Two instances with their sessions in this Redis, and nginx in front of them.
    pub async fn start(redis_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (certificate, key) = demo::certificate(&["localhost"]);
        std::fs::write(path("cert.pem"), &certificate).unwrap();
        super::write_secret(&path("key.pem"), &key);
        std::fs::write(path("session.key"), KEY).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path("session.key"), private).unwrap();
        let mut front = Front::reserve(path("nginx"));
        let origin = origin(front.address());
        let options =
            ImsOptions { redirect_uris: vec![format!("{origin}/ims/callback")], ..ImsOptions::default() };
        let ims = ImsSimulator::start(options).await.unwrap();
        let options = CampaignOptions { ims: Some(ims.url()), ..CampaignOptions::default() };
        let campaign = CampaignSimulator::start(options).await.unwrap();
        let config = format!(
            "[ims]\nserver = \"{ims}\"\nclient_id = \"{client}\"\nclient_secret = \"demo-client-secret\"\n\
             scope = \"openid,AdobeID,read_organizations,session,offline_access\"\ncallback_server = \"{origin}\"\n\
             organization_id = \"{ORGANIZATION_ID}\"\nassociation_mask = \"Campaign - {TENANT} - (.*)\"\n\
             [campaign]\nupstream = \"{campaign}\"\n\
             [session]\nstore = \"redis\"\nredis_url = \"{redis_url}\"\nkey_file = \"{key_file}\"\nmax_per_user = 0\n\
             [log]\nformat = \"json\"\naccess_file = \"/dev/null\"\n\
             [listen]\nworkers = 2\ndrain_timeout = \"20s\"\ntrusted_proxies = [\"127.0.0.1/32\"]\n",
            ims = ims.url(),
            client = demo::CLIENT_ID,
            campaign = campaign.url(),
            key_file = path("session.key").display(),
        );
        let instances =
            vec![Instance::start(path("one"), &config).await, Instance::start(path("two"), &config).await];
        front.start(&[instances[0].address(), instances[1].address()]).await;
        let site = Self { ims, campaign, front, instances, config, trust: wire::trust(&certificate), folder };
        for index in 0..2 {
            site.ready(index).await;
        }
        site
    }

    /// Waits until logins can begin at this instance.
    pub async fn ready(&self, index: usize) {
        let browser = self.browser_at(index, "none");
        let begun = Instant::now();
        while browser.get("/ims/health/sign-in").await.status != http::StatusCode::OK {
            assert!(begun.elapsed() < Duration::from_secs(30), "{}", self.instances[index].log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// One more instance, which nginx does not use. Returns its number.
    pub async fn another(&mut self) -> usize {
        let number = self.instances.len();
        let folder = self.folder.path().join(format!("another-{number}"));
        self.instances.push(Instance::start(folder, &self.config).await);
        self.ready(number).await;
        number
    }

    /// A new browser, in front of nginx.
    pub fn browser(&self) -> Browser {
        Browser::new(origin(self.front.address()), self.trust.clone())
    }

    /// A new browser in which alice signed in.
    pub async fn signed_in(&self) -> Browser {
        let browser = self.browser();
        let answer = browser.sign_in("alice", "/view/home").await;
        assert_eq!(answer.location(), "/view/home", "{}", answer.text());
        browser
    }

    /// A browser with this session that connects to this instance directly.
    pub fn browser_at(&self, index: usize, session: &str) -> Browser {
        let browser = Browser::new(origin(self.instances[index].address()), self.trust.clone());
        browser.plant("__Host-imsgate", session);
        browser
    }

    /// The status of each session at this instance, over one connection.
    pub async fn ask_all(&self, index: usize, path: &str, sessions: &[&String]) -> Vec<u16> {
        let address = self.instances[index].address();
        let mut line = RawConnection::new(wire::connect(address, &self.trust, wire::HTTP_1).await);
        let mut statuses = Vec::new();
        for session in sessions {
            line.send(RawRequest::get(path).session(session).keep_alive("localhost")).await;
            statuses.push(line.answer(false).await.unwrap().status());
        }
        statuses
    }

    /// Requests with this session through nginx, until they are stopped.
    pub fn load(&self, method: &str, path: &str, session: &str, connections: usize) -> Load {
        let url = format!("{}{path}", origin(self.front.address()));
        Load::start(self.folder.path(), &url, session, method, connections)
    }

    /// Waits until nginx has passed this many more requests that this instance answered.
    pub async fn answers(&self, index: usize, more: usize) {
        let address = self.instances[index].address();
        let by = || {
            let passed = self.front.passed();
            let last = passed.iter().filter_map(|passed| passed.tries.last());
            last.filter(|(tried, status)| *tried == address && *status == 200).count()
        };
        let (before, begun) = (by(), Instant::now());
        while by() < before + more {
            assert!(begun.elapsed() < Duration::from_secs(30), "{}", self.front.errors());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Stops everything, clients before servers.
    pub async fn stop(mut self) {
        drop(self.front);
        for instance in &mut self.instances {
            instance.end().await;
        }
        self.campaign.stop().await;
        self.ims.stop().await;
    }
}

fn origin(address: SocketAddr) -> String {
    format!("https://localhost:{}", address.port())
}
