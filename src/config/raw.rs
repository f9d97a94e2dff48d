//! The file as written. From these types come the JSON Schema, the list of known keys, and every default.
//!
//! Keys without a default are `Option`s, so that reading never stops at the first one that is missing; `required` keys
//! are asked for by `build`.

mod experience_cloud;
mod ims;
mod limits;
mod session;
mod upstream;

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(super) use experience_cloud::RawExperienceCloud;
pub(super) use ims::{RawIms, RawTokenAuth};
pub(super) use limits::RawLimits;
pub(super) use session::{RawSession, RawStore};
pub(super) use upstream::{RawHealth, RawHealthCheck, RawUpstream, RawUpstreams};

/// Configuration of imsgate, the login gateway that puts Adobe ID in front of Adobe Campaign.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "imsgate configuration")]
pub(super) struct RawConfig {
    /// The external account's IMS part, field by field.
    pub ims: RawIms,
    /// The external account's Experience Cloud part.
    pub experience_cloud: RawExperienceCloud,
    /// The Campaign server behind the gateway.
    pub campaign: RawCampaign,
    /// Where the gateway listens.
    pub listen: RawListen,
    /// What one client, and all of them together, may ask for.
    pub limits: RawLimits,
    /// How long sessions live and where.
    pub session: RawSession,
    /// What is logged and where.
    pub log: RawLog,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCampaign {
    /// Origin of Campaign or `unix:` with the absolute path of a socket, or a list of several among which requests are
    /// spread: to the one with the fewest requests in flight for its weight.
    #[schemars(required)]
    pub upstream: Option<RawUpstreams>,
    /// PEM file of certificate authorities trusted for an https upstream besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the certificate chain shown to an https upstream that asks for one. Needs `client_key`.
    pub client_certificate: Option<PathBuf>,
    /// PEM file with the private key of `client_certificate`.
    pub client_key: Option<PathBuf>,
    /// The name in an https upstream's certificate, and sent as SNI. Default: the host of its address.
    pub tls_server_name: Option<String>,
    /// How a request is tied to a Campaign session.
    #[serde(default = "default::session_mode")]
    pub session: RawSessionMode,
    /// Paths open to everybody; `*` stands for any run of characters.
    #[serde(default = "default::public_paths")]
    pub public_paths: Vec<String>,
    /// Host names, besides the callback server's, under which requests are accepted.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The oldest build of the client console let in. Default: what Campaign advertises.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub min_console_build: Option<u32>,
    /// Whether `Location`, `Content-Location` and `Refresh` of a response are rewritten to the public origin where they name an
    /// upstream, or the public host by http.
    #[serde(default = "default::yes")]
    pub rewrite_location: bool,
    /// Deadline for opening a connection to Campaign.
    #[serde(default = "default::connect_timeout")]
    pub connect_timeout: String,
    /// Deadline from the last byte of a request that Campaign took to the head of its response.
    #[serde(default = "default::response_timeout")]
    pub response_timeout: String,
    /// Longest pause within a response of Campaign; after it the response is cut and the client sees it broken.
    #[serde(default = "upstream::body_idle_timeout")]
    pub body_idle_timeout: String,
    /// Most connections in use at a time, for each upstream and worker. A WebSocket counts only until it is open.
    #[serde(default = "upstream::max_connections")]
    #[schemars(range(min = 1, max = 65_535))]
    pub max_connections: u32,
    /// Of a hundred of these, those that callers without a session may use together; then they wait, and get 503 after `queue_timeout`.
    #[serde(default = "upstream::share")]
    #[schemars(range(min = 1, max = 100))]
    pub anonymous_share: u32,
    /// Of a hundred of those, what one address (IPv6: one /64 network) may use, trusted proxies apart.
    #[serde(default = "upstream::share")]
    #[schemars(range(min = 1, max = 100))]
    pub address_share: u32,
    /// How long a request waits for one of `max_connections`; after it the answer is 503.
    #[serde(default = "upstream::queue_timeout")]
    pub queue_timeout: String,
    /// A connection that nobody used for this long is closed.
    #[serde(default = "upstream::idle_timeout")]
    pub idle_timeout: String,
    /// Bytes that a person's groups may take in the head of a request, in `X-Campaign-Groups` and in the assertion together. Who has
    /// more is refused at sign-in.
    #[serde(default = "default::groups_bytes")]
    #[schemars(range(min = 64, max = 1_048_576))]
    pub groups_bytes: u32,
    /// Whom a refused person should ask; shown on pages.
    #[serde(default)]
    pub support_contact: String,
    /// When an upstream is passed over.
    pub health: RawHealth,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawSessionMode {
    BearerLogon,
    Bearer,
    Headers,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListen {
    /// Address of the HTTPS listener, `unix:` with the absolute path of a socket, `systemd` for sockets handed over by
    /// socket activation (`systemd:NAME` for those of that `FileDescriptorName=`), or a list of several.
    #[serde(default = "default::https")]
    pub https: OneOrMany,
    /// Permissions of Unix sockets, octal.
    #[serde(default = "default::unix_mode")]
    pub unix_mode: String,
    /// Whether every connection begins with a PROXY protocol header, version 1 or 2. Only `trusted_proxies` may connect
    /// then.
    #[serde(default)]
    pub proxy_protocol: bool,
    /// PEM file with the certificate chain, the gateway's own certificate first.
    #[schemars(required)]
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key.
    #[schemars(required)]
    pub private_key: Option<PathBuf>,
    /// Address of a plain-HTTP listener that only redirects to https, or a list of several.
    pub http_redirect: Option<OneOrMany>,
    /// Address of the admin listener (metrics, sessions, health); never a public one.
    pub admin: Option<String>,
    /// Networks of peers whose forwarding headers are believed, and to whom `/ims/auth` tells who a person is.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// Secret that a proxy sends to `/ims/auth` in `X-Ims-Auth-Secret` to hear who a person is. At least 16 characters.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub forward_auth_secret: Option<SecretString>,
    /// File that holds the secret.
    pub forward_auth_secret_file: Option<PathBuf>,
    /// Number of request runtimes. Default: one a core.
    #[schemars(range(min = 1, max = 1024))]
    pub workers: Option<u32>,
    /// How long requests in flight may go on after SIGTERM.
    #[serde(default = "default::drain_timeout")]
    pub drain_timeout: String,
    /// How long new connections are still served after SIGTERM, while `/ims/health/ready` answers 503 already.
    #[serde(default = "default::shutdown_delay")]
    pub shutdown_delay: String,
    /// How long browsers use https only for this host (`Strict-Transport-Security`, RFC 6797), or `true` for a year, `false` or "0s"
    /// for no such header.
    #[serde(default = "default::hsts")]
    pub hsts: DurationOrSwitch,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    /// Form of the log: for people, JSON, or by what standard error is.
    #[serde(default = "default::log_format")]
    pub format: RawLogFormat,
    /// Filter as in `info,imsgate=debug`. `IMSGATE_LOG` goes first.
    #[serde(default = "default::log_level")]
    pub level: String,
    /// File to which the audit trail is appended. Default: in the log, target `audit`.
    pub audit_file: Option<PathBuf>,
    /// File to which the access log is appended, a line a request. Default: in the log, target `access`.
    pub access_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawLogFormat {
    Auto,
    Human,
    Json,
}

/// A duration, or on or off.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum DurationOrSwitch {
    Duration(String),
    Switch(bool),
}

/// A text or a list of texts.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// The defaults, in the spelling of the file.
mod default {
    use super::{DurationOrSwitch, OneOrMany, RawLogFormat, RawSessionMode};
    use crate::policy::public::DEFAULT_CAMPAIGN;

    pub(super) fn yes() -> bool {
        true
    }
    pub(super) fn session_mode() -> RawSessionMode {
        RawSessionMode::BearerLogon
    }
    pub(super) fn public_paths() -> Vec<String> {
        DEFAULT_CAMPAIGN.iter().map(|&path| path.to_owned()).collect()
    }
    pub(super) fn connect_timeout() -> String {
        "5s".into()
    }
    pub(super) fn response_timeout() -> String {
        "300s".into()
    }
    pub(super) fn groups_bytes() -> u32 {
        8192
    }
    pub(super) fn https() -> OneOrMany {
        OneOrMany::One("0.0.0.0:443".into())
    }
    pub(super) fn unix_mode() -> String {
        "0660".into()
    }
    pub(super) fn drain_timeout() -> String {
        "30s".into()
    }
    pub(super) fn shutdown_delay() -> String {
        "0s".into()
    }
    pub(super) fn hsts() -> DurationOrSwitch {
        DurationOrSwitch::Duration("365d".into())
    }
    pub(super) fn log_format() -> RawLogFormat {
        RawLogFormat::Auto
    }
    pub(super) fn log_level() -> String {
        "info".into()
    }
}
