//! `[session]`: how long sessions live and where.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats::{self, zero_is_none};
use super::redis::RedisAddress;
use crate::policy::cookies::CookieSuffix;

/// `[session]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Session {
    /// Suffix in the name of every cookie of this gateway: letters and digits. Default: none. Set it when
    /// another gateway uses another port of the same host name, because cookies do not distinguish ports. A
    /// change signs everyone out.
    #[schemars(with = "Option<formats::CookieSuffix>", length(max = 32))]
    pub cookie_suffix: Option<CookieSuffix>,
    /// Where sessions are stored.
    #[serde(flatten)]
    #[schemars(with = "StoreKeys")]
    pub store: Store,
    /// Ends a session that was unused for this long.
    #[schemars(with = "formats::Timeout", extend("default" = "30m"))]
    pub idle_timeout: Duration,
    /// Ends a session this long after sign-in, used or not.
    #[schemars(with = "formats::Timeout", extend("default" = "12h"))]
    pub absolute_timeout: Duration,
    /// Longest time to finish a sign-in; after it the sign-in starts again. A form that was sent without a session
    /// is saved for the same time.
    #[schemars(with = "formats::Timeout", extend("default" = "30m"))]
    pub login_timeout: Duration,
    /// How often IMS is asked again for groups and organisation. People without a remaining group are signed
    /// out.
    #[schemars(with = "formats::Timeout", extend("default" = "10m"))]
    pub recheck_groups: Duration,
    /// Most sessions of one person, in all browsers together; the next sign-in ends the oldest. 0: unlimited.
    #[serde(deserialize_with = "zero_is_none")]
    #[schemars(with = "u32", extend("default" = 20))]
    pub max_per_user: Option<usize>,
}

/// The keys of `[session]` that say where sessions are stored.
#[derive(Deserialize, JsonSchema)]
struct StoreKeys {
    /// Where sessions are stored: `embedded` in a file of this gateway, `redis` for several gateways that
    /// share sessions, or `memory` until the process stops.
    #[schemars(extend("default" = "embedded"))]
    store: StoreKind,
    /// File of the embedded store. Only one process at a time can open it.
    #[schemars(with = "formats::File", extend("default" = "/var/lib/imsgate/sessions.redb"))]
    path: PathBuf,
    /// Address of Redis: `redis://`, `rediss://` (TLS), `rediss+sentinel://…/master` or `rediss+cluster://`.
    /// Set this or `redis_url_file`.
    #[schemars(with = "Option<formats::RedisUrl>", extend("writeOnly" = true))]
    redis_url: Option<RedisAddress>,
    /// PEM file of the certificate authorities that are trusted for Redis instead of the public ones.
    #[schemars(with = "Option<formats::File>")]
    redis_ca_file: Option<PathBuf>,
    /// File with the keys that encrypt sessions and open logins, one base64 key per line. The first key
    /// encrypts; all keys can decrypt. The embedded store creates the file when it is missing (default:
    /// `path` with the ending `.key`). With Redis every gateway needs the same file.
    #[schemars(with = "Option<formats::PrivateFile>")]
    key_file: Option<PathBuf>,
    /// Most sessions in the memory store; the one unused for longest is dropped.
    #[schemars(range(min = 1), extend("default" = 100_000))]
    max_sessions: u64,
}

/// `session.store`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StoreKind {
    Memory,
    Embedded,
    Redis,
}

/// Where sessions are stored.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "StoreKeys")]
pub enum Store {
    /// In this process, at most `max_sessions`; gone with a restart.
    Memory {
        /// Limit; the session unused for longest is dropped.
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

impl Store {
    /// What it is, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Memory { .. } => "memory",
            Self::Embedded { .. } => "embedded file",
            Self::Redis { .. } => "Redis",
        }
    }

    /// The key file, when there is one.
    pub fn key_file(&self) -> Option<&Path> {
        match self {
            Self::Memory { .. } => None,
            Self::Embedded { key_file, .. } | Self::Redis { key_file, .. } => Some(key_file),
        }
    }
}

impl TryFrom<StoreKeys> for Store {
    type Error = &'static str;

    fn try_from(keys: StoreKeys) -> Result<Self, &'static str> {
        let StoreKeys { path, key_file, .. } = keys;
        Ok(match keys.store {
            StoreKind::Memory => Self::Memory { max_sessions: keys.max_sessions },
            StoreKind::Embedded => {
                Self::Embedded { key_file: key_file.unwrap_or_else(|| path.with_extension("key")), path }
            }
            // `rules` asks for both.
            StoreKind::Redis => Self::Redis {
                address: Box::new(keys.redis_url.ok_or("redis_url is missing")?),
                ca_file: keys.redis_ca_file,
                key_file: key_file.ok_or("key_file is missing")?,
            },
        })
    }
}
