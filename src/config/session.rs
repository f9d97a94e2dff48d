//! `[session]`: how long sessions live and where.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats::{self, zero_is_none};
use super::redis::RedisAddress;
use crate::policy::cookies::CookieSuffix;

/// `[session]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Session {
    /// Stands in the name of every cookie of this gateway, for gateways that share a host name: browsers do not tell ports
    /// apart. Letters and digits. Default: none.
    #[schemars(with = "Option<formats::CookieSuffix>", length(max = 32))]
    pub cookie_suffix: Option<CookieSuffix>,
    /// Where sessions are kept.
    #[serde(flatten)]
    #[schemars(with = "StoreKeys")]
    pub store: Store,
    /// A session nobody used for this long ends.
    #[schemars(with = "formats::Timeout", extend("default" = "30m"))]
    pub idle_timeout: Duration,
    /// A session ends this long after the login, used or not.
    #[schemars(with = "formats::Timeout", extend("default" = "12h"))]
    pub absolute_timeout: Duration,
    /// A login begun and not finished within this time is started again; a form that waits for one is kept as long.
    #[schemars(with = "formats::Timeout", extend("default" = "30m"))]
    pub login_timeout: Duration,
    /// Groups and organisation are asked for again within this time: who lost every group is out.
    #[schemars(with = "formats::Timeout", extend("default" = "10m"))]
    pub recheck_groups: Duration,
    /// Sessions that one person may have at a time, in whichever browsers; at the next login the oldest ends. 0: no limit.
    #[serde(deserialize_with = "zero_is_none")]
    #[schemars(with = "u32", extend("default" = 20))]
    pub max_per_user: Option<usize>,
}

/// The keys of `[session]` that say where sessions are kept.
#[derive(Deserialize, JsonSchema)]
struct StoreKeys {
    /// Where sessions are kept: in a file of this gateway, in Redis for several instances, or in memory until it stops.
    #[schemars(extend("default" = "embedded"))]
    store: StoreKind,
    /// File of the embedded store. One process at a time has it open.
    #[schemars(with = "formats::File", extend("default" = "/var/lib/imsgate/sessions.redb"))]
    path: PathBuf,
    /// Address of Redis: `redis://`, `rediss://`, `rediss+sentinel://…/master` or `rediss+cluster://`. Either this or
    /// `redis_url_file`.
    #[schemars(with = "Option<formats::RedisUrl>", extend("writeOnly" = true))]
    redis_url: Option<RedisAddress>,
    /// PEM file of the certificate authorities trusted for Redis instead of the public ones.
    #[schemars(with = "Option<formats::File>")]
    redis_ca_file: Option<PathBuf>,
    /// Keys that seal sessions and open logins, one a line, base64; the first seals, all open. The embedded store makes
    /// it when it is missing; default there: `path` with the ending `.key`. With Redis every instance needs the same.
    #[schemars(with = "Option<formats::PrivateFile>")]
    key_file: Option<PathBuf>,
    /// Most sessions kept in memory; the one unused for longest goes first.
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

/// Where sessions are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "StoreKeys")]
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
