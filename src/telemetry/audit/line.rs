//! An audit event as JSON: the one place that renders it, and the schema of the lines.

use std::fmt;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AuditEvent;

/// The field of the `tracing` event that holds the audit event as a JSON object. The log formats write its members as fields of the line.
pub(in crate::telemetry) const FIELD: &str = "audit_event";

/// A line of the audit trail in JSON.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "imsgate audit line", extend("unevaluatedProperties" = false))]
pub struct AuditLine {
    /// When it happened: RFC 3339, UTC.
    pub timestamp: String,
    /// `WARN` for refusals and failures, otherwise `INFO`.
    pub level: AuditLevel,
    /// What happened, in words. Programs read `event`.
    pub message: String,
    /// Always `audit`.
    pub target: AuditTarget,
    /// The event.
    #[serde(flatten)]
    pub event: AuditEvent,
}

impl AuditLine {
    /// The line of an event.
    pub fn new(timestamp: String, event: AuditEvent) -> Self {
        let level = if event.action.is_warning() { AuditLevel::Warn } else { AuditLevel::Info };
        Self { timestamp, level, message: event.message().to_owned(), target: AuditTarget::Audit, event }
    }
}

/// The level of an audit line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AuditLevel {
    /// A refusal or a failure.
    Warn,
    /// Everything else.
    Info,
}

/// The target of an audit line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditTarget {
    /// `audit`.
    Audit,
}

/// The event as a JSON object.
pub(super) fn render(event: &AuditEvent) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

/// The members of a rendered event, in order.
pub(in crate::telemetry) fn fields(rendered: &str) -> Vec<(String, Value)> {
    serde_json::Deserializer::from_str(rendered).deserialize_map(MembersInOrder).unwrap_or_default()
}

/// Reads an object and keeps the order of its members.
struct MembersInOrder;

impl<'de> Visitor<'de> for MembersInOrder {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Self::Value, M::Error> {
        let mut all = Vec::new();
        while let Some(member) = members.next_entry()? {
            all.push(member);
        }
        Ok(all)
    }
}

/// JSON Schema (draft 2020-12) of an audit line, as pretty-printed text with a final line break.
pub fn json_schema() -> String {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<AuditLine>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::LoginFailureCode;
    use crate::telemetry::RequestId;
    use crate::telemetry::audit::{AuditAction, Subject};

    #[test]
    fn the_schema_in_docs_is_current() {
        let file = include_str!("../../../docs/audit.schema.json");
        assert!(file == json_schema(), "run: imsgate schema --audit > docs/audit.schema.json");
    }

    #[test]
    fn a_line_is_read_as_it_was_written_and_its_members_keep_their_order() {
        let action = AuditAction::LoginFailed {
            code: LoginFailureCode::ImsUnavailable,
            reason: "no \"answer\"".into(),
        };
        let subject = Subject::person("A@B", None, "o").with_session("s");
        let (request, peer) = (RequestId::random(), Some([192, 0, 2, 1].into()));
        let event = AuditEvent { request, peer, instance: "one".into(), subject, action };
        let line = AuditLine::new("2026-11-22T10:29:03Z".into(), event.clone());
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<AuditLine>(&text).unwrap().event, event);
        let names: Vec<String> = fields(&render(&event)).into_iter().map(|(name, _)| name).collect();
        let expected = [
            "request",
            "peer",
            "instance",
            "user",
            "email",
            "organization",
            "sid",
            "event",
            "code",
            "reason",
        ];
        assert_eq!(names, expected);
    }
}
