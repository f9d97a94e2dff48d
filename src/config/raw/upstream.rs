//! The part of `[campaign]` that says where Campaign is and when a server is passed over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An upstream or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::config) enum RawUpstreams {
    One(String),
    Many(Vec<RawUpstream>),
}

/// One upstream of several.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::config) enum RawUpstream {
    Plain(String),
    Weighted(RawWeighted),
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawWeighted {
    /// Its address.
    pub url: String,
    /// Its share among the others.
    #[serde(default = "default::weight")]
    #[schemars(range(min = 1, max = 100))]
    pub weight: u32,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawHealth {
    /// Whether every upstream is asked for `/r/test` at an interval: always, never, or only when there are several.
    #[serde(default = "default::health_check")]
    pub check: RawHealthCheck,
    /// Pause between two questions.
    #[serde(default = "default::health_interval")]
    pub interval: String,
    /// Deadline of one question.
    #[serde(default = "default::health_timeout")]
    pub timeout: String,
    /// Good answers in a row after which an upstream is used again.
    #[serde(default = "default::rise")]
    #[schemars(range(min = 1, max = 100))]
    pub rise: u32,
    /// Bad or missing answers in a row after which an upstream is passed over.
    #[serde(default = "default::fall")]
    #[schemars(range(min = 1, max = 100))]
    pub fall: u32,
    /// Failed requests in a row (no connection, no answer, one that breaks off within its first 32 kB) after which an upstream is passed over.
    #[serde(default = "default::max_failures")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_failures: u32,
    /// For how long it is passed over at first; twice as long after every failed try.
    #[serde(default = "default::ejection")]
    pub ejection: String,
    /// The longest it is passed over before it is tried again.
    #[serde(default = "default::max_ejection")]
    pub max_ejection: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum RawHealthCheck {
    Auto,
    On,
    Off,
}

/// `campaign.max_connections`.
pub(super) fn max_connections() -> u32 {
    1024
}

/// `campaign.anonymous_share` and `campaign.address_share`.
pub(super) fn share() -> u32 {
    50
}

/// `campaign.queue_timeout`.
pub(super) fn queue_timeout() -> String {
    "5s".into()
}

/// `campaign.idle_timeout`.
pub(super) fn idle_timeout() -> String {
    "4s".into()
}

/// `campaign.body_idle_timeout`.
pub(super) fn body_idle_timeout() -> String {
    "300s".into()
}

/// The defaults, in the spelling of the file.
mod default {
    use super::RawHealthCheck;

    pub(super) fn weight() -> u32 {
        1
    }
    pub(super) fn health_check() -> RawHealthCheck {
        RawHealthCheck::Auto
    }
    pub(super) fn health_interval() -> String {
        "5s".into()
    }
    pub(super) fn health_timeout() -> String {
        "3s".into()
    }
    pub(super) fn rise() -> u32 {
        2
    }
    pub(super) fn fall() -> u32 {
        3
    }
    pub(super) fn max_failures() -> u32 {
        3
    }
    pub(super) fn ejection() -> String {
        "1s".into()
    }
    pub(super) fn max_ejection() -> String {
        "60s".into()
    }
}
