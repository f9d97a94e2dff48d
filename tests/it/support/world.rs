//! IMS simulator, Campaign simulator and the gateway between them, on free ports of loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use imsgate::app::Gateway;
use imsgate::clock::Clock;
use imsgate::config::{
    AccessFormat, Acme, Brand, Campaign, CheckMode, Config, ConsolePasswordMode, ExperienceCloud,
    ForeignTokens, HealthSettings, Ims, Instance, Limits, Listen, Log, LogFormat, PoolLimits, Session,
    SessionMode, Store, TokenAuth,
};
use imsgate::demo::campaign::{CampaignOptions, CampaignSimulator, Recorded};
use imsgate::demo::ims::{ImsOptions, ImsSimulator};
use imsgate::demo::{self, CLIENT_ID, ORGANIZATION_ID, TENANT};
use imsgate::internal::{Mask, PublicPaths, RequestRules, server_config_from_pem};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{browser::Browser, logs, reserved::Reserved, wire};

/// Everything that runs during a test.
pub struct World {
    /// The clock of gateway and simulators alike.
    pub clock: Clock,
    /// The IMS simulator.
    pub ims: ImsSimulator,
    /// The Campaign simulator.
    pub campaign: CampaignSimulator,
    /// The gateway under test.
    pub gateway: Gateway,
    /// The gateway's origin, `https://localhost:PORT`.
    pub origin: String,
    /// Its certificate and the private key, as PEM.
    pub certificate: (String, String),
    trust: wire::Trust,
    config: Config,
    tls: Arc<ServerConfig>,
}

impl World {
    /// A world as configured by default: mode `bearer-logon`, all scopes of the demo, two workers.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A world to be configured before it starts.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where the gateway listens.
    pub fn address(&self) -> SocketAddr {
        self.gateway.https[0]
    }

    /// A new browser without any cookie.
    pub fn browser(&self) -> Browser {
        Browser::new(self.origin.clone(), self.trust.clone())
    }

    /// A new browser in which this person signed in on the way to `/view/home`.
    pub async fn signed_in(&self, who: &str) -> Browser {
        let browser = self.browser();
        let answer = browser.sign_in(who, "/view/home").await;
        assert_eq!(answer.location(), "/view/home", "{}", answer.text());
        browser
    }

    /// The request that reached Campaign last.
    pub fn last_request(&self) -> Recorded {
        self.campaign.requests().pop().unwrap()
    }

    /// Starts another instance behind the same name, on the runtime that runs this.
    pub fn another(&self) -> impl Future<Output = Gateway> + Send + use<> {
        let (mut config, tls, clock) = (self.config.clone(), self.tls.clone(), self.clock.clone());
        config.listen.https = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()];
        async move { Gateway::start(&config, tls, clock).await.unwrap() }
    }

    /// A browser with this session that talks to this instance.
    pub fn browser_at(&self, gateway: &Gateway, session: &str) -> Browser {
        let browser =
            Browser::new(format!("https://localhost:{}", gateway.https[0].port()), self.trust.clone());
        browser.plant("__Host-imsgate", session);
        browser
    }

    /// Waits for an effect that comes after the response. Fails if there is none.
    pub async fn eventually(&self, happened: impl Fn() -> bool) {
        for _ in 0..500 {
            if happened() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("what was waited for did not happen");
    }

    /// A TLS connection to the gateway that speaks HTTP/1.1.
    pub async fn connect(&self) -> wire::Stream {
        wire::connect(self.address(), &self.trust, wire::HTTP_1).await
    }

    /// TLS with HTTP/1.1 over this stream; an error if the gateway refuses it.
    pub async fn connect_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<tokio_rustls::client::TlsStream<S>> {
        wire::tls(stream, &self.trust, wire::HTTP_1).await
    }

    /// The same with HTTP/2.
    pub async fn connect_http2_over(&self, stream: TcpStream) -> wire::Stream {
        wire::tls(stream, &self.trust, wire::HTTP_2).await.unwrap()
    }

    /// A client that trusts the gateway, with this version of TLS and HTTP/1.1.
    pub fn client(
        &self,
        provider: CryptoProvider,
        version: &'static SupportedProtocolVersion,
    ) -> Arc<ClientConfig> {
        Arc::new(wire::client(&self.trust, wire::HTTP_1, provider, &[version]))
    }

    /// A TLS connection of this client to the gateway.
    pub async fn connect_as(&self, client: &Arc<ClientConfig>) -> wire::Stream {
        let stream = TcpStream::connect(self.address()).await.unwrap();
        TlsConnector::from(client.clone()).connect(wire::name(), stream).await.unwrap()
    }

    /// A TLS connection to the gateway that speaks HTTP/2.
    pub async fn connect_http2(&self) -> wire::Stream {
        wire::connect(self.address(), &self.trust, wire::HTTP_2).await
    }

    /// Sends these bytes over TLS and reads until the gateway closes or is silent.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        wire::exchange(self.connect().await, bytes.as_ref()).await
    }

    /// Another instance of the gateway with the same configuration, on a port of its own, with an admin listener.
    pub async fn neighbour(&self) -> Gateway {
        let mut config = self.config.clone();
        config.listen.https = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()];
        config.listen.admin = Some((Ipv4Addr::LOCALHOST, 0).into());
        Gateway::start(&config, self.tls.clone(), self.clock.clone()).await.unwrap()
    }

    /// The gateway's configuration with this change. The gateway does not use it yet.
    pub fn changed(&self, change: impl FnOnce(&mut Config)) -> Config {
        let mut config = self.config.clone();
        change(&mut config);
        config
    }

    /// The same world after the gateway was stopped and, some time later, started again.
    pub async fn restarted_after(self, pause: Duration) -> Self {
        self.gateway.stop().await;
        self.clock.advance(pause);
        let begun = std::time::Instant::now();
        let gateway = loop {
            // The last task of the old one may be about to close the session file.
            match Gateway::start(&self.config, self.tls.clone(), self.clock.clone()).await {
                Ok(gateway) => break gateway,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        Self { gateway, ..self }
    }

    /// A TLS connection to this instance that speaks HTTP/1.1.
    pub async fn connect_to(&self, gateway: &Gateway) -> wire::Stream {
        wire::connect(gateway.https[0], &self.trust, wire::HTTP_1).await
    }

    /// Ends gateway and simulators.
    pub async fn stop(self) {
        self.gateway.stop().await;
        self.campaign.stop().await;
        self.ims.stop().await;
        logs::assert_audit_schema();
    }
}

type Change<T> = Box<dyn FnOnce(&mut T)>;

/// A world before it starts.
#[derive(Default)]
pub struct Builder {
    ims: Vec<Change<ImsOptions>>,
    campaign: Vec<Change<CampaignOptions>>,
    instance: Vec<Change<Instance>>,
    config: Vec<Change<Config>>,
    ims_down: bool,
}

impl Builder {
    /// Changes the IMS simulator.
    pub fn ims(mut self, change: impl FnOnce(&mut ImsOptions) + 'static) -> Self {
        self.ims.push(Box::new(change));
        self
    }

    /// Changes the Campaign simulator.
    pub fn campaign(mut self, change: impl FnOnce(&mut CampaignOptions) + 'static) -> Self {
        self.campaign.push(Box::new(change));
        self
    }

    /// Changes the instance: the external account, the connection to Campaign.
    pub fn instance(mut self, change: impl FnOnce(&mut Instance) + 'static) -> Self {
        self.instance.push(Box::new(change));
        self
    }

    /// Changes the rest of the configuration: listeners, sessions.
    pub fn config(mut self, change: impl FnOnce(&mut Config) + 'static) -> Self {
        self.config.push(Box::new(change));
        self
    }

    /// Sets `campaign.session`, and configures the Campaign simulator for it.
    pub fn session_mode(self, mode: SessionMode) -> Self {
        self.instance(move |instance| instance.campaign.session = mode)
            .campaign(move |options| options.identity_headers = mode == SessionMode::Headers)
    }

    /// Starts with an IMS that answers 503 to everything.
    pub fn ims_down(mut self) -> Self {
        self.ims_down = true;
        self
    }

    /// Starts simulators and gateway.
    pub async fn start(self) -> World {
        logs::listen();
        let clock = Clock::movable();
        let reserved = Reserved::new();
        let origin = format!("https://localhost:{}", reserved.address.port());

        let mut options = ImsOptions {
            redirect_uris: vec![format!("{origin}/ims/callback")],
            clock: clock.clone(),
            ..ImsOptions::default()
        };
        apply(self.ims, &mut options);
        let ims = ImsSimulator::start(options).await.unwrap();
        ims.faults().down(self.ims_down);

        let mut options =
            CampaignOptions { ims: Some(ims.url()), clock: clock.clone(), ..CampaignOptions::default() };
        // As zones are set up by default: sessions only over HTTPS.
        options.zones[0].allow_http = false;
        apply(self.campaign, &mut options);
        let campaign = CampaignSimulator::start(options).await.unwrap();

        let mut instance = instance(&origin, &ims.url(), &campaign.url());
        apply(self.instance, &mut instance);
        let mut config = config(instance, reserved.address);
        apply(self.config, &mut config);

        let (certificate, key) = demo::certificate(&["localhost", "127.0.0.1"]);
        let tls = server_config_from_pem(&certificate, &key).unwrap();
        let gateway = Gateway::start(&config, tls.clone(), clock.clone()).await.unwrap();
        drop(reserved);
        let trust = wire::trust(&certificate);
        World { clock, ims, campaign, gateway, origin, certificate: (certificate, key), trust, config, tls }
    }
}

fn apply<T>(changes: Vec<Change<T>>, to: &mut T) {
    for change in changes {
        change(to);
    }
}

/// The external account of the demo.
fn instance(origin: &str, ims: &str, campaign: &str) -> Instance {
    Instance {
        name: String::new(),
        ims: Ims {
            server: ims.parse().unwrap(),
            discovery_url: format!("{ims}/.well-known/openid-configuration").parse().unwrap(),
            id_token_issuers: Vec::new(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
            scopes: SCOPES.iter().map(ToString::to_string).collect(),
            callback_server: origin.parse().unwrap(),
            organization_id: ORGANIZATION_ID.to_owned(),
            association_mask: Mask::parse(&format!("Campaign - {TENANT} - (.*)")).unwrap(),
            product_context: None,
            token_auth: TokenAuth::Post,
            timeout: Duration::from_secs(10),
            clock_skew: Duration::from_mins(1),
            validate_token: false,
            token_calls: 16,
            ca_file: None,
            proxy: None,
        },
        experience_cloud: ExperienceCloud {
            server: "https://marketing.adobe.com".parse().unwrap(),
            tenant: TENANT.to_owned(),
        },
        campaign: Campaign {
            upstreams: vec![campaign.parse().unwrap()],
            ca_file: None,
            client_identity: None,
            tls_server_name: None,
            session: SessionMode::BearerLogon,
            public_paths: PublicPaths::default_campaign(),
            hosts: Vec::new(),
            min_console_build: None,
            rewrite_location: true,
            secure_header: true,
            logoff_ends_session: true,
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(30),
            pool: PoolLimits::default(),
            health: HealthSettings { mode: CheckMode::Off, ..HealthSettings::default() },
            groups_bytes: 8192,
            anonymous_soap: vec!["xtk:session#GetServerTime".to_owned()],
            cors_origins: Vec::new(),
            technical_accounts: Vec::new(),
            native_accounts: Vec::new(),
            request_rules: RequestRules::default(),
            foreign_tokens: ForeignTokens::Refuse,
            console_password: ConsolePasswordMode::Once,
            support_contact: SUPPORT.to_owned(),
        },
    }
}

fn config(instance: Instance, https: SocketAddr) -> Config {
    Config {
        instances: vec![Arc::new(instance)],
        public_instances: Vec::new(),
        listen: Listen {
            https: vec![https.into()],
            unix_mode: 0o660,
            proxy_protocol: false,
            certificate: PathBuf::new(),
            private_key: PathBuf::new(),
            certificates: Vec::new(),
            acme: Acme::default(),
            http_redirect: Vec::new(),
            admin: None,
            trusted_proxies: Vec::new(),
            admin_token: None,
            forward_auth_secret: None,
            workers: 2,
            shutdown_delay: Duration::ZERO,
            hsts: Some(Duration::from_hours(365 * 24)),
            drain_timeout: Duration::from_secs(1),
        },
        limits: Limits::default(),
        session: Session {
            cookie_suffix: None,
            store: Store::Memory { max_sessions: 10_000 },
            idle_timeout: Duration::from_mins(30),
            absolute_timeout: Duration::from_hours(12),
            login_timeout: Duration::from_mins(30),
            recheck_groups: Duration::from_mins(10),
            max_per_user: Some(20),
        },
        log: Log {
            format: LogFormat::Json,
            level: "info".to_owned(),
            audit_file: None,
            access_file: Some("/dev/null".into()),
            access_format: AccessFormat::Auto,
        },
        brand: Brand::default(),
    }
}

/// The client secret that the IMS simulator knows.
const CLIENT_SECRET: &str = "demo-client-secret";
/// The contact for refused people.
const SUPPORT: &str = "campaign-help@example.com";
/// The scopes of an external account, and the one for refresh tokens.
const SCOPES: &[&str] = &[
    "openid",
    "AdobeID",
    "read_organizations",
    "session",
    "additional_info.projectedProductContext",
    "offline_access",
];
