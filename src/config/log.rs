//! `[log]`: what is logged and where.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats;

/// `[log]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Log {
    /// Form of the log: `human`, `json`, or `auto`, which is human on a terminal and JSON otherwise.
    #[schemars(extend("default" = "auto"))]
    pub format: LogFormat,
    /// Log filter, such as `info,imsgate=debug`. The environment variable `IMSGATE_LOG` overrides it.
    #[schemars(with = "formats::LogFilter", extend("default" = "info"))]
    pub level: String,
    /// File to which audit events are appended. Default: the log, target `audit`.
    #[schemars(with = "Option<formats::File>")]
    pub audit_file: Option<PathBuf>,
    /// File to which the access log is appended, one line per request. Default: the log, target `access`.
    #[schemars(with = "Option<formats::File>")]
    pub access_file: Option<PathBuf>,
    /// Format of the access log: `json`, `human`, `combined` (of Apache httpd and nginx), or `auto`: JSON in a file, otherwise as `format`.
    #[schemars(extend("default" = "auto"))]
    pub access_format: AccessFormat,
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

/// `log.access_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AccessFormat {
    /// JSON in `log.access_file`; on standard error the format of the other lines.
    Auto,
    /// One line for people.
    Human,
    /// One JSON object a line.
    Json,
    /// The combined format of Apache httpd and nginx.
    Combined,
}
