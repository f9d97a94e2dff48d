//! `[campaign]`: the Campaign servers behind the gateway.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats::{self, OneOrMany};
use super::native_account::NativeAccount;
use super::rule::{self, Rule};
use super::technical_account::TechnicalAccount;
use super::upstream::{Upstream, UpstreamEntry};
use crate::policy::decision::SiteRules;
use crate::policy::native_account::{NativeProof, may_send};
use crate::policy::public::{DEFAULT_CAMPAIGN, PublicPaths};
use crate::policy::request_rules::RequestRules;
use crate::policy::shares::ShareLimits;

/// `[campaign]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Campaign {
    /// Address of Campaign: an http or https origin, or `unix:` and the absolute path of a socket. With a
    /// list, each request goes to the upstream with the fewest requests in flight relative to its weight.
    #[serde(rename = "upstream")]
    #[schemars(
        with = "OneOrMany<formats::UpstreamUrl, UpstreamEntry>",
        extend("add" = "upstream = \"http://127.0.0.1:8080\"")
    )]
    pub upstreams: Vec<Upstream>,
    /// PEM file of certificate authorities that are trusted for https upstreams in addition to the public
    /// ones.
    #[schemars(with = "Option<formats::File>")]
    pub ca_file: Option<PathBuf>,
    /// Certificate and key for https upstreams that ask for a client certificate.
    #[serde(flatten)]
    pub client_identity: Option<ClientIdentity>,
    /// Name in the certificate of https upstreams, also sent as SNI. Default: the host of the upstream's
    /// address.
    #[schemars(with = "Option<formats::TlsName>")]
    pub tls_server_name: Option<String>,
    /// How Campaign authenticates a request: `bearer-logon` logs on at sign-in and uses a Campaign session,
    /// `bearer` sends the IMS access token with every request (Campaign 8.5 and newer), `headers` sends
    /// identity headers and a signed assertion only.
    #[schemars(extend("default" = "bearer-logon"))]
    pub session: SessionMode,
    /// Paths that need no sign-in. `*` matches any characters, also `/`; letter case matters.
    #[schemars(with = "Vec<formats::PublicPath>", extend("default" = DEFAULT_CAMPAIGN))]
    pub public_paths: PublicPaths,
    /// Host names under which the gateway accepts requests, besides the host of `ims.callback_server`. Add
    /// trackers and mirror pages.
    #[schemars(with = "Vec<formats::Host>", extend("default" = []))]
    pub hosts: Vec<String>,
    /// Oldest build of the client console that may sign in. Default: what Campaign advertises.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub min_console_build: Option<u32>,
    /// Rewrites `Location`, `Content-Location` and `Refresh` of a response to the public origin when they
    /// name an upstream, or the public host with http. Turn it off when Campaign already sends public
    /// addresses.
    #[schemars(extend("default" = true))]
    pub rewrite_location: bool,
    /// Longest time to open a connection to Campaign.
    #[schemars(with = "formats::Timeout", extend("default" = "5s"))]
    pub connect_timeout: Duration,
    /// Longest wait for the head of a response, after the last byte of the request that Campaign accepted.
    #[schemars(with = "formats::Timeout", extend("default" = "300s"))]
    pub response_timeout: Duration,
    /// Longest pause within a response of Campaign. After it the gateway cuts the response, and the client
    /// sees that it is incomplete.
    #[schemars(with = "formats::Timeout", extend("default" = "300s"))]
    pub body_idle_timeout: Duration,
    /// Limits of the connections kept and used.
    #[serde(flatten)]
    pub pool: PoolLimits,
    /// Most bytes of a request head that a person's groups may take, in `X-Campaign-Groups` and the assertion
    /// together. People with more are refused at sign-in. Raise it only together with Campaign's own limit.
    #[schemars(range(min = 64, max = 1_048_576), extend("default" = 8192))]
    pub groups_bytes: usize,
    /// What happens to a request with a session token of another session, or with a login and password in place of a
    /// token: `refuse`, or `report`, which forwards it and lists it in the audit trail and in `imsgate check`. Use
    /// `report` only during a migration.
    #[schemars(extend("default" = "refuse"))]
    pub foreign_tokens: ForeignTokens,
    /// Whether people can make a password for the client console on `/ims/me`: `off`, `once` (one logon within
    /// 10 minutes), or `session` (any number while they are signed in).
    #[schemars(extend("default" = "once"))]
    pub console_password: ConsolePasswordMode,
    /// Tells Campaign with the header `NLSSLURL` that the client used HTTPS: the https address of the request, without its query. Without
    /// it, Campaign opens no session unless `allowHTTP` is set in the security zone. Turn it off when a web server
    /// between the gateway and Campaign sets it.
    #[schemars(extend("default" = true))]
    pub secure_header: bool,
    /// Signing out in Campaign's own pages (`/view/home?disconnect=true`) or by `xtk:session#Logoff` ends the
    /// session of the gateway too. When off, it ends only Campaign's session, and the next request opens another.
    #[schemars(extend("default" = true))]
    pub logoff_ends_session: bool,
    /// Whom people should contact when they are refused; shown on pages.
    #[schemars(extend("default" = ""))]
    pub support_contact: String,
    /// SOAP methods, as `schema#Method`, that may be called without a session.
    #[schemars(with = "Vec<formats::SoapMethod>", extend("default" = ["xtk:session#GetServerTime"]))]
    pub anonymous_soap: Vec<String>,
    /// Origins of other web applications whose scripts may call with the token of a technical account (CORS).
    /// Cookies of another origin are never accepted.
    #[schemars(with = "Vec<formats::Origin>", extend("default" = []))]
    pub cors_origins: Vec<String>,
    /// When requests avoid an upstream.
    pub health: HealthSettings,
    /// Programs that call with an IMS access token of their own.
    #[serde(rename = "technical_account")]
    pub technical_accounts: Vec<TechnicalAccount>,
    /// Programs that sign in with a login and a password of Campaign's own.
    #[serde(rename = "native_account")]
    pub native_accounts: Vec<NativeAccount>,
    /// What requests for some paths must meet besides everything else. A request must meet every rule whose paths
    /// it matches, whoever sends it, also on public paths.
    #[serde(rename = "rule", deserialize_with = "rule::rules")]
    #[schemars(with = "Vec<Rule>")]
    pub request_rules: RequestRules,
}

/// Certificate and key for an https upstream that asks for them: PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct ClientIdentity {
    /// PEM file with the certificate chain for https upstreams that ask for a client certificate. Needs
    /// `client_key`.
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
    /// Most connections in use at the same time, for each upstream and worker. A WebSocket counts only until
    /// it is open.
    #[schemars(range(min = 1, max = 65_535), extend("default" = 1024))]
    pub max_connections: usize,
    /// Longest wait of a request for a free connection; then 503.
    #[schemars(with = "formats::Timeout", extend("default" = "5s"))]
    pub queue_timeout: Duration,
    /// Closes a connection that was unused for this long. Keep it shorter than Campaign's own limit.
    #[schemars(with = "formats::Timeout", extend("default" = "4s"))]
    pub idle_timeout: Duration,
    /// Percent of `max_connections` that requests without a session may use together. Further ones wait, and
    /// get 503 after `queue_timeout`. Raise it where nearly all traffic is public.
    #[schemars(range(min = 1, max = 100), extend("default" = 50))]
    pub anonymous_share: u32,
    /// Percent of the connections in `anonymous_share` that one address (IPv6: one /64 network) may use;
    /// trusted proxies are exempt. Raise it where most public traffic comes from one address.
    #[schemars(range(min = 1, max = 100), extend("default" = 50))]
    pub address_share: u32,
}

/// `[campaign.health]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct HealthSettings {
    /// Whether the gateway requests a health page from every upstream at an interval: `on`, `off`, or `auto`,
    /// which is on with several upstreams.
    #[serde(rename = "check")]
    #[schemars(extend("default" = "auto"))]
    pub mode: CheckMode,
    /// How upstreams are checked.
    #[serde(flatten)]
    pub check: HealthCheck,
    /// Failed requests in a row after which an upstream is avoided: no connection, no response, or one that
    /// breaks off within its first 32 kB.
    #[schemars(range(min = 1, max = 1000), extend("default" = 3))]
    pub max_failures: u32,
    /// How long an upstream is avoided at first. Each failed retry doubles the time.
    #[schemars(with = "formats::Timeout", extend("default" = "1s"))]
    pub ejection: Duration,
    /// Longest time an upstream is avoided before it is tried again.
    #[schemars(with = "formats::Timeout", extend("default" = "60s"))]
    pub max_ejection: Duration,
}

/// How upstreams are checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct HealthCheck {
    /// Path of the health page; it must answer with status 200, and `/r/test` also with `status='OK'`. Default:
    /// `/r/test`, where any HTTP response counts as alive, because Tomcat on port 8080 does not have this page.
    #[schemars(with = "Option<formats::UrlPath>")]
    pub path: Option<String>,
    /// Pause between two checks of an upstream.
    #[schemars(with = "formats::Timeout", extend("default" = "5s"))]
    pub interval: Duration,
    /// Longest time for one check.
    #[schemars(with = "formats::Timeout", extend("default" = "3s"))]
    pub timeout: Duration,
    /// Successful checks in a row after which an upstream is used again.
    #[schemars(range(min = 1, max = 100), extend("default" = 2))]
    pub rise: u32,
    /// Failed checks in a row after which an upstream is avoided.
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

/// `campaign.foreign_tokens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForeignTokens {
    /// The request is refused.
    Refuse,
    /// The request is forwarded and reported.
    Report,
}

/// `campaign.console_password`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConsolePasswordMode {
    /// There is none.
    Off,
    /// One logon within 10 minutes.
    Once,
    /// Any number of logons during the session.
    Session,
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
    /// How upstreams are checked; `None`: they are not. A single upstream is not checked in mode `auto`, because it gets
    /// all requests anyway.
    pub fn health_check(&self) -> Option<HealthCheck> {
        let wanted = match self.health.mode {
            CheckMode::Auto => self.upstreams.len() > 1,
            CheckMode::On => true,
            CheckMode::Off => false,
        };
        wanted.then(|| self.health.check.clone())
    }
}

impl Campaign {
    /// The native account with this login.
    pub fn native_account(&self, login: &str) -> Option<&NativeAccount> {
        self.native_accounts.iter().find(|account| account.login == login)
    }

    /// True for the login of an emergency account, in any letter case: Campaign may not distinguish it.
    pub fn is_emergency_login(&self, login: &str) -> bool {
        self.native_accounts
            .iter()
            .any(|account| account.emergency && account.login.eq_ignore_ascii_case(login))
    }
}

impl SiteRules for Campaign {
    fn public_paths(&self) -> &PublicPaths {
        &self.public_paths
    }

    fn request_rules(&self) -> &RequestRules {
        &self.request_rules
    }

    fn refuses_foreign_tokens(&self) -> bool {
        self.foreign_tokens == ForeignTokens::Refuse
    }

    fn allows_native(&self, login: &str, client: IpAddr, path: &str) -> bool {
        let account = self.native_account(login);
        account.is_some_and(|account| may_send(account.limits(), (client, path), NativeProof::Password, None))
    }
}

impl PoolLimits {
    /// The shares of callers without a session.
    pub fn shares(&self) -> ShareLimits {
        ShareLimits::of(self.max_connections, self.anonymous_share, self.address_share)
    }
}
