//! `[session]` as written.

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawSession {
    /// Stands in the name of every cookie of this gateway, for gateways that share a host name: browsers do not tell ports
    /// apart. Letters and digits. Default: none.
    #[schemars(length(max = 32))]
    pub cookie_suffix: Option<String>,
    /// Where sessions are kept: in a file of this gateway, in Redis for several instances, or in memory until it stops.
    #[serde(default = "default::store")]
    pub store: RawStore,
    /// File of the embedded store. One process at a time has it open.
    #[serde(default = "default::path")]
    pub path: PathBuf,
    /// Address of Redis: `redis://`, `rediss://`, `rediss+sentinel://…/master` or `rediss+cluster://`. Either this or
    /// `redis_url_file`.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub redis_url: Option<SecretString>,
    /// File that holds the address of Redis.
    pub redis_url_file: Option<PathBuf>,
    /// PEM file of the certificate authorities trusted for Redis instead of the public ones.
    pub redis_ca_file: Option<PathBuf>,
    /// Keys that seal sessions and open logins, one a line, base64; the first seals, all open. The embedded store makes
    /// it when it is missing; default there: `path` with the ending `.key`. With Redis every instance needs the same.
    pub key_file: Option<PathBuf>,
    /// A session nobody used for this long ends.
    #[serde(default = "default::idle_timeout")]
    pub idle_timeout: String,
    /// A session ends this long after the login, used or not.
    #[serde(default = "default::absolute_timeout")]
    pub absolute_timeout: String,
    /// A login begun and not finished within this time is started again; a form that waits for one is kept as long.
    #[serde(default = "default::login_timeout")]
    pub login_timeout: String,
    /// Groups and organisation are asked for again within this time: who lost every group is out.
    #[serde(default = "default::recheck_groups")]
    pub recheck_groups: String,
    /// Sessions that one person may have at a time, in whichever browsers; at the next login the oldest ends. 0: no limit.
    #[serde(default = "default::max_per_user")]
    pub max_per_user: u32,
    /// Most sessions kept in memory; the one unused for longest goes first.
    #[serde(default = "default::max_sessions")]
    #[schemars(range(min = 1))]
    pub max_sessions: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum RawStore {
    Memory,
    Embedded,
    Redis,
}

/// The defaults, in the spelling of the file.
mod default {
    use std::path::PathBuf;

    use super::RawStore;

    pub(super) fn store() -> RawStore {
        RawStore::Embedded
    }
    pub(super) fn path() -> PathBuf {
        "/var/lib/imsgate/sessions.redb".into()
    }
    pub(super) fn idle_timeout() -> String {
        "30m".into()
    }
    pub(super) fn absolute_timeout() -> String {
        "12h".into()
    }
    pub(super) fn login_timeout() -> String {
        "30m".into()
    }
    pub(super) fn recheck_groups() -> String {
        "10m".into()
    }
    pub(super) fn max_per_user() -> u32 {
        20
    }
    pub(super) fn max_sessions() -> u64 {
        100_000
    }
}
