//! The audit trail: one line for each sign-in, refusal, sign-out and other session event.
//!
//! [`AuditLog::record`] is the only way to write one. docs/logs.md lists every event and field, docs/audit.schema.json is the schema of a line.

mod action;
mod explain;
mod line;
mod recent;
mod subject;

use std::net::IpAddr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RequestId;
use crate::unix_time::UnixTime;

pub use action::{
    AuditAction, ForeignTokenDetails, FormDetails, NearMissName, OperatorAccess, RefusalDetails, RuleRefusal,
    RuleRefusedDetails, SwitchChange, SwitchDetails,
};
pub use line::{AuditLine, json_schema};
pub(super) use line::{FIELD, fields};
pub use recent::RecordedEvent;
pub use subject::Subject;

use recent::Recent;

/// Target of every audit line.
pub const TARGET: &str = "audit";

/// One audit event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEvent {
    /// Id of the request that caused the event; a new one when the gateway acted by itself.
    #[schemars(with = "String")]
    pub request: RequestId,
    /// Address of the client, or of the operator's browser. Absent when the gateway or a command acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// Name of the Campaign instance. Absent for the single, unnamed one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// Whom the event is about.
    #[serde(flatten)]
    pub subject: Subject,
    /// What happened.
    #[serde(flatten)]
    pub action: AuditAction,
}

impl AuditEvent {
    /// True when `name` is the request id, or names the subject.
    pub fn is_about(&self, name: &str) -> bool {
        self.request.as_str() == name || self.subject.is(name)
    }

    /// The text of the log line.
    pub fn message(&self) -> &'static str {
        match self.action {
            AuditAction::Refusal(_) if self.subject.sid.is_some() => "refused: groups lost",
            _ => self.action.message(),
        }
    }
}

/// Writes audit lines, and holds the latest events for the admin listener.
#[derive(Debug, Default)]
pub struct AuditLog {
    recent: Recent,
}

impl AuditLog {
    /// Writes the line of an event that happened `at` this time.
    pub fn record(&self, at: UnixTime, event: AuditEvent) {
        let text = line::render(&event);
        // The message is a literal of `AuditAction`.
        let message = event.message();
        if event.action.is_warning() {
            tracing::warn!(target: TARGET, audit_event = text, "{message}");
        } else {
            tracing::info!(target: TARGET, audit_event = text, "{message}");
        }
        self.recent.add(at, event, text.len());
    }

    /// The latest events, the oldest first.
    pub fn recent(&self) -> Vec<Arc<RecordedEvent>> {
        self.recent.all()
    }
}
