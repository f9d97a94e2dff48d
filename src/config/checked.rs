//! The configuration as the rest of the program sees it: values that cannot be wrong.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use super::address::ListenAddress;
use super::limits::Limits;
use super::redis::RedisAddress;
use super::upstream::Upstream;
use crate::policy::cookies::CookieSuffix;
use crate::policy::mask::Mask;
use crate::policy::outbound_proxy::OutboundProxy;
use crate::policy::public::PublicPaths;
use crate::policy::shares::ShareLimits;

/// Everything `imsgate serve` needs, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The Campaign instance behind this gateway, with its external account.
    pub instance: Arc<Instance>,
    /// Where the gateway listens.
    pub listen: Listen,
    /// What clients may ask for.
    pub limits: Limits,
    /// How long sessions live and where.
    pub session: Session,
    /// What is logged and where.
    pub log: Log,
}

/// One Campaign instance: all that belongs to it hangs on this value.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Empty for the single, unnamed instance.
    pub name: String,
    /// The external account's IMS part.
    pub ims: Ims,
    /// The external account's Experience Cloud part.
    pub experience_cloud: ExperienceCloud,
    /// The Campaign server behind the gateway.
    pub campaign: Campaign,
}

/// `[ims]`: the external account, field by field.
#[derive(Clone, Debug)]
pub struct Ims {
    /// Base URL of IMS without a trailing slash in its path; https, or http on a loopback address.
    pub server: Url,
    /// Where the discovery document is; default `{server}/.well-known/openid-configuration`.
    pub discovery_url: Url,
    /// The `iss` values accepted in an `id_token`, exact; empty means: the discovery document's issuer only.
    pub id_token_issuers: Vec<String>,
    /// The relying party's client identifier.
    pub client_id: String,
    /// The relying party's client secret.
    pub client_secret: SecretString,
    /// Scopes, split at commas and blanks, without duplicates, in the order given; always holds `openid`.
    pub scopes: Vec<String>,
    /// Public origin of the gateway: https, no path, query or fragment.
    pub callback_server: Url,
    /// `<hex>@AdobeOrg`.
    pub organization_id: String,
    /// The association mask.
    pub association_mask: Mask,
    /// When set, only product profiles with this `serviceCode` count.
    pub product_context: Option<String>,
    /// How the client authenticates at the token endpoint.
    pub token_auth: TokenAuth,
    /// Deadline of one IMS exchange, from connect to the last byte.
    pub timeout: Duration,
    /// Tolerated difference between the clocks of IMS and this machine.
    pub clock_skew: Duration,
    /// Calls to the token endpoint at the same time: half of them for sign-ins, half for refreshes.
    pub token_calls: usize,
    /// PEM file of additional certificate authorities trusted for IMS.
    pub ca_file: Option<PathBuf>,
    /// The proxy through which IMS is reached.
    pub proxy: Option<OutboundProxy>,
}

/// `client_secret_post` or `client_secret_basic` (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAuth {
    /// Credentials in the form body.
    Post,
    /// Credentials in the `Authorization` header.
    Basic,
}

/// `[experience_cloud]`.
#[derive(Clone, Debug)]
pub struct ExperienceCloud {
    /// `https://marketing.adobe.com`.
    pub server: Url,
    /// The tenant's name; may be empty.
    pub tenant: String,
}

/// `[campaign]`.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// One or more Campaign servers.
    pub upstreams: Vec<Upstream>,
    /// PEM file of additional certificate authorities trusted for an https upstream.
    pub ca_file: Option<PathBuf>,
    /// What is shown to an https upstream that asks for a certificate.
    pub client_identity: Option<ClientIdentity>,
    /// The name expected in an https upstream's certificate; `None`: the host of its address.
    pub tls_server_name: Option<String>,
    /// How a request is tied to a Campaign session.
    pub session: SessionMode,
    /// Paths open to everybody.
    pub public_paths: PublicPaths,
    /// Host names, besides the callback server's, under which requests are accepted (lower case, no port).
    pub hosts: Vec<String>,
    /// The oldest console build let in; `None`: what Campaign advertises.
    pub min_console_build: Option<u32>,
    /// Whether addresses of an upstream in responses are rewritten to the public origin.
    pub rewrite_location: bool,
    /// Deadline for opening a connection.
    pub connect_timeout: Duration,
    /// Deadline from the end of the request to the head of the response.
    pub response_timeout: Duration,
    /// Longest pause within a response.
    pub body_idle_timeout: Duration,
    /// Bounds of the connections kept and used.
    pub pool: PoolLimits,
    /// When an upstream is passed over.
    pub health: Health,
    /// Bytes that a person's groups may take in the head of a request.
    pub groups_bytes: usize,
    /// Whom a refused person should ask; shown on pages. May be empty.
    pub support_contact: String,
}

/// `campaign.client_certificate` and `campaign.client_key`: PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The chain, the gateway's own certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Connections to one upstream, kept by one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Most in use at a time.
    pub max_connections: usize,
    /// How long a request waits for one of them.
    pub queue_timeout: Duration,
    /// A connection that nobody used for this long is closed.
    pub idle_timeout: Duration,
    /// Of a hundred connections, those for callers without a session, at most.
    pub anonymous_share: u32,
    /// Of a hundred of these, those for one address, at most.
    pub address_share: u32,
}

impl PoolLimits {
    /// The shares of callers without a session.
    pub fn shares(&self) -> ShareLimits {
        ShareLimits::of(self.max_connections, self.anonymous_share, self.address_share)
    }
}

/// `[campaign.health]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The check by `/r/test`; `None`: nobody asks.
    pub check: Option<HealthCheck>,
    /// Failed requests in a row after which an upstream is passed over.
    pub max_failures: u32,
    /// For how long at first; twice as long after every failed try.
    pub ejection: Duration,
    /// The longest.
    pub max_ejection: Duration,
}

/// How upstreams are asked for `/r/test`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Pause between two questions.
    pub interval: Duration,
    /// Deadline of one question.
    pub timeout: Duration,
    /// Good answers in a row after which an upstream is used again.
    pub rise: u32,
    /// Bad ones in a row after which it is passed over.
    pub fall: u32,
}

/// The defaults of the reference file.
impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            queue_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(4),
            anonymous_share: 50,
            address_share: 50,
        }
    }
}

/// The defaults of the reference file for a single upstream.
impl Default for Health {
    fn default() -> Self {
        Self {
            check: None,
            max_failures: 3,
            ejection: Duration::from_secs(1),
            max_ejection: Duration::from_mins(1),
        }
    }
}

/// `campaign.session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionMode {
    /// `bearer-logon`: `xtk:session#BearerTokenLogon` at login, then session cookie and security token.
    BearerLogon,
    /// `bearer`: the IMS access token on every request (Campaign 8.5 and newer).
    Bearer,
    /// `headers`: identity headers and assertion only.
    Headers,
}

/// `[listen]`.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where the HTTPS listener is.
    pub https: Vec<ListenAddress>,
    /// Permissions of Unix sockets.
    pub unix_mode: u32,
    /// True when every connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// PEM file with the certificate chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub private_key: PathBuf,
    /// Addresses of the plain-HTTP listener that only redirects.
    pub http_redirect: Vec<SocketAddr>,
    /// Address of the admin listener.
    pub admin: Option<SocketAddr>,
    /// Peers whose `X-Forwarded-*`, `X-Request-Id` and `traceparent` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What a proxy sends to `/ims/auth` to hear who somebody is, besides the trusted ones.
    pub forward_auth_secret: Option<SecretString>,
    /// Request runtimes (one current-thread runtime each); default: one a core.
    pub workers: usize,
    /// How long requests in flight may go on after SIGTERM.
    pub drain_timeout: Duration,
    /// How long new connections are still served after the stop has begun.
    pub shutdown_delay: Duration,
    /// How long browsers are to use https only; `None`: not said.
    pub hsts: Option<Duration>,
}

/// `[session]`.
#[derive(Clone, Debug)]
pub struct Session {
    /// Tells our cookies from those of another gateway on the same host name.
    pub cookie_suffix: Option<CookieSuffix>,
    /// Where sessions are kept.
    pub store: Store,
    /// A session nobody used for this long ends.
    pub idle_timeout: Duration,
    /// A session ends this long after the login, used or not.
    pub absolute_timeout: Duration,
    /// A login begun and not finished within this time is started again.
    pub login_timeout: Duration,
    /// Groups are asked for again within this time.
    pub recheck_groups: Duration,
    /// Sessions that one person may have at a time; `None`: no limit.
    pub max_per_user: Option<usize>,
}

/// `session.store`.
#[derive(Clone, Debug)]
pub enum Store {
    /// In this process, at most `max_sessions`; gone with a restart.
    Memory {
        /// The bound; the session unused for longest goes first.
        max_sessions: u64,
    },
    /// In a file of this process alone.
    Embedded {
        /// The file.
        path: PathBuf,
        /// The key file; made on first start.
        key_file: PathBuf,
    },
    /// In Redis, shared by several instances.
    Redis {
        /// Where it is.
        address: Box<RedisAddress>,
        /// PEM file of certificate authorities trusted instead of the public ones.
        ca_file: Option<PathBuf>,
        /// The key file, the same at every instance.
        key_file: PathBuf,
    },
}

/// `[log]`.
#[derive(Clone, Debug)]
pub struct Log {
    /// Human on a terminal, JSON otherwise, unless said.
    pub format: LogFormat,
    /// A filter as in `info,imsgate=debug`.
    pub level: String,
    /// Where the audit trail is appended; `None`: in the log, target `audit`.
    pub audit_file: Option<PathBuf>,
    /// Where the access log is appended; `None`: in the log, target `access`.
    pub access_file: Option<PathBuf>,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human when standard error is a terminal, JSON otherwise.
    Auto,
    /// One line for people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Ims {
    /// The redirect URI registered at IMS (RFC 6749 §3.1.2).
    pub fn redirect_uri(&self) -> String {
        self.own("/ims/callback")
    }

    /// Where IMS returns the browser after logout.
    pub fn signed_out_uri(&self) -> String {
        self.own("/ims/signed-out")
    }

    /// The gateway's public origin as browsers write it in an `Origin` header (RFC 6454 §6.2).
    pub fn origin(&self) -> String {
        self.callback_server.origin().ascii_serialization()
    }

    fn own(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }
}
