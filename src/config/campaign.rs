//! `[campaign]`: the Campaign servers behind the gateway.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats::{self, OneOrMany};
use super::schema;
use super::upstream::{Upstream, UpstreamEntry};
use crate::policy::public::{DEFAULT_CAMPAIGN, PublicPaths};
use crate::policy::shares::ShareLimits;

/// `[campaign]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Campaign {
    /// Origin of Campaign or `unix:` with the absolute path of a socket, or a list of several among which requests are
    /// spread: to the one with the fewest requests in flight for its weight.
    #[serde(rename = "upstream")]
    #[schemars(
        with = "OneOrMany<formats::UpstreamUrl, UpstreamEntry>",
        extend("add" = "upstream = \"http://127.0.0.1:8080\"")
    )]
    pub upstreams: Vec<Upstream>,
    /// PEM file of certificate authorities trusted for an https upstream besides the public ones.
    #[schemars(with = "Option<formats::File>")]
    pub ca_file: Option<PathBuf>,
    /// What is shown to an https upstream that asks for a certificate.
    #[serde(flatten)]
    pub client_identity: Option<ClientIdentity>,
    /// The name in an https upstream's certificate, and sent as SNI. Default: the host of its address.
    #[schemars(with = "Option<formats::TlsName>")]
    pub tls_server_name: Option<String>,
    /// How a request is tied to a Campaign session.
    #[schemars(extend("default" = "bearer-logon"))]
    pub session: SessionMode,
    /// Paths open to everybody; `*` stands for any run of characters.
    #[schemars(with = "Vec<formats::PublicPath>", extend("default" = DEFAULT_CAMPAIGN))]
    pub public_paths: PublicPaths,
    /// Host names, besides the callback server's, under which requests are accepted.
    #[schemars(with = "Vec<formats::Host>", extend("default" = []))]
    pub hosts: Vec<String>,
    /// The oldest build of the client console let in. Default: what Campaign advertises.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub min_console_build: Option<u32>,
    /// Whether `Location`, `Content-Location` and `Refresh` of a response are rewritten to the public origin where they name an
    /// upstream, or the public host by http.
    #[schemars(extend("default" = true))]
    pub rewrite_location: bool,
    /// Deadline for opening a connection to Campaign.
    #[schemars(with = "formats::Timeout", extend("default" = "5s"))]
    pub connect_timeout: Duration,
    /// Deadline from the last byte of a request that Campaign took to the head of its response.
    #[schemars(with = "formats::Timeout", extend("default" = "300s"))]
    pub response_timeout: Duration,
    /// Longest pause within a response of Campaign; after it the response is cut and the client sees it broken.
    #[schemars(with = "formats::Timeout", extend("default" = "300s"))]
    pub body_idle_timeout: Duration,
    /// Limits of the connections kept and used.
    #[serde(flatten)]
    pub pool: PoolLimits,
    /// Bytes that a person's groups may take in the head of a request, in `X-Campaign-Groups` and in the assertion together. Who has
    /// more is refused at sign-in.
    #[schemars(range(min = 64, max = 1_048_576), extend("default" = 8192))]
    pub groups_bytes: usize,
    /// Whom a refused person should ask; shown on pages.
    #[schemars(extend("default" = ""))]
    pub support_contact: String,
    /// When an upstream is passed over.
    pub health: Health,
}

/// Certificate and key for an https upstream that asks for them: PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct ClientIdentity {
    /// PEM file with the certificate chain shown to an https upstream that asks for one. Needs `client_key`.
    #[serde(rename = "client_certificate")]
    #[schemars(with = "formats::File")]
    pub certificate: PathBuf,
    /// PEM file with the private key of `client_certificate`.
    #[serde(rename = "client_key")]
    #[schemars(with = "formats::PrivateFile")]
    pub key: PathBuf,
}

/// Connections to one upstream, kept by one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct PoolLimits {
    /// Most connections in use at a time, for each upstream and worker. A WebSocket counts only until it is open.
    #[schemars(range(min = 1, max = 65_535), extend("default" = 1024))]
    pub max_connections: usize,
    /// How long a request waits for one of `max_connections`; after it the answer is 503.
    #[schemars(with = "formats::Timeout", extend("default" = "5s"))]
    pub queue_timeout: Duration,
    /// A connection that nobody used for this long is closed.
    #[schemars(with = "formats::Timeout", extend("default" = "4s"))]
    pub idle_timeout: Duration,
    /// Of a hundred of these, those that callers without a session may use together; then they wait, and get 503 after `queue_timeout`.
    #[schemars(range(min = 1, max = 100), extend("default" = 50))]
    pub anonymous_share: u32,
    /// Of a hundred of those, what one address (IPv6: one /64 network) may use, trusted proxies apart.
    #[schemars(range(min = 1, max = 100), extend("default" = 50))]
    pub address_share: u32,
}

/// `[campaign.health]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Health {
    /// Whether every upstream is asked for `/r/test` at an interval: always, never, or only when there are several.
    #[serde(rename = "check")]
    #[schemars(extend("default" = "auto"))]
    pub mode: CheckMode,
    /// How they are asked.
    #[serde(flatten)]
    pub check: HealthCheck,
    /// Failed requests in a row (no connection, no answer, one that breaks off within its first 32 kB) after which an upstream is passed over.
    #[schemars(range(min = 1, max = 1000), extend("default" = 3))]
    pub max_failures: u32,
    /// For how long it is passed over at first; twice as long after every failed try.
    #[schemars(with = "formats::Timeout", extend("default" = "1s"))]
    pub ejection: Duration,
    /// The longest it is passed over before it is tried again.
    #[schemars(with = "formats::Timeout", extend("default" = "60s"))]
    pub max_ejection: Duration,
}

/// How upstreams are asked for `/r/test`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct HealthCheck {
    /// Pause between two questions.
    #[schemars(with = "formats::Timeout", extend("default" = "5s"))]
    pub interval: Duration,
    /// Deadline of one question.
    #[schemars(with = "formats::Timeout", extend("default" = "3s"))]
    pub timeout: Duration,
    /// Good answers in a row after which an upstream is used again.
    #[schemars(range(min = 1, max = 100), extend("default" = 2))]
    pub rise: u32,
    /// Bad or missing answers in a row after which an upstream is passed over.
    #[schemars(range(min = 1, max = 100), extend("default" = 3))]
    pub fall: u32,
}

/// `campaign.health.check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckMode {
    /// When there are several upstreams.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// `campaign.session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SessionMode {
    /// `bearer-logon`: `xtk:session#BearerTokenLogon` at login, then session cookie and security token.
    BearerLogon,
    /// `bearer`: the IMS access token on every request (Campaign 8.5 and newer).
    Bearer,
    /// `headers`: identity headers and assertion only.
    Headers,
}

impl Campaign {
    /// How upstreams are asked for `/r/test`; `None`: they are not asked. A check of the only upstream changes nothing, because
    /// requests go there whatever the check says.
    pub fn health_check(&self) -> Option<HealthCheck> {
        let wanted = match self.health.mode {
            CheckMode::Auto => self.upstreams.len() > 1,
            CheckMode::On => true,
            CheckMode::Off => false,
        };
        wanted.then_some(self.health.check)
    }
}

impl PoolLimits {
    /// The shares of callers without a session.
    pub fn shares(&self) -> ShareLimits {
        ShareLimits::of(self.max_connections, self.anonymous_share, self.address_share)
    }
}

/// The defaults of the keys.
impl Default for PoolLimits {
    fn default() -> Self {
        schema::defaults("campaign")
    }
}

/// The defaults of the keys.
impl Default for Health {
    fn default() -> Self {
        schema::defaults("campaign.health")
    }
}
