//! `[log]`: what is logged and where.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats;

/// `[log]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Log {
    /// Form of the log: for people, JSON, or by what standard error is.
    #[schemars(extend("default" = "auto"))]
    pub format: LogFormat,
    /// Filter as in `info,imsgate=debug`. `IMSGATE_LOG` goes first.
    #[schemars(with = "formats::LogFilter", extend("default" = "info"))]
    pub level: String,
    /// File to which the audit trail is appended. Default: in the log, target `audit`.
    #[schemars(with = "Option<formats::File>")]
    pub audit_file: Option<PathBuf>,
    /// File to which the access log is appended, a line a request. Default: in the log, target `access`.
    #[schemars(with = "Option<formats::File>")]
    pub access_file: Option<PathBuf>,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Human when standard error is a terminal, JSON otherwise.
    Auto,
    /// One line for people.
    Human,
    /// One JSON object a line.
    Json,
}
