//! Log lines as JSON, one object on each line: time, level, the event's fields in order, target.
//!
//! An audit event arrives as one JSON object; its members become fields of the line.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::audit;
use super::escape::{self, quoted};

/// Formats an event as one JSON object.
#[derive(Debug)]
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let meta = event.metadata();
        to.write_str(r#"{"timestamp":""#)?;
        SystemTime.format_time(&mut to)?;
        write!(to, r#"","level":"{}""#, meta.level())?;
        let is_audit = meta.target() == audit::TARGET;
        let mut fields = JsonWriter { is_audit, to: &mut to, outcome: Ok(()) };
        event.record(&mut fields);
        fields.outcome?;
        writeln!(to, r#","target":{}}}"#, quoted(meta.target()))
    }
}

struct JsonWriter<'a, 'w> {
    is_audit: bool,
    to: &'a mut Writer<'w>,
    outcome: fmt::Result,
}

impl JsonWriter<'_, '_> {
    fn write(&mut self, field: &Field, value: &dyn fmt::Display) {
        if self.outcome.is_ok() {
            self.outcome = write!(self.to, ",{}:{value}", quoted(field.name()));
        }
    }

    /// Writes the members of a JSON object.
    fn write_members(&mut self, object: &str) {
        let members = object.strip_prefix('{').and_then(|members| members.strip_suffix('}'));
        if self.outcome.is_ok() {
            // Non-printable characters occur only inside strings, so escaping keeps the object valid JSON.
            self.outcome = write!(self.to, ",{}", escape::escaped(members.unwrap_or_default(), false));
        }
    }
}

impl Visit for JsonWriter<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, &quoted(&format!("{value:?}")));
    }

    /// Strings (user ids, addresses) stay strings, even if they look like JSON.
    fn record_str(&mut self, field: &Field, value: &str) {
        if self.is_audit && field.name() == audit::FIELD {
            self.write_members(value);
        } else {
            self.write(field, &quoted(value));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, &serde_json::Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, &value);
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::{Value, json};
    use tracing_subscriber::fmt;

    use super::*;
    use crate::telemetry::audit::{AuditAction, AuditEvent, AuditLog, NearMissName, RefusalDetails, Subject};
    use crate::telemetry::tests::Written;
    use crate::telemetry::{RefusalCode, RequestId};
    use crate::unix_time::UnixTime;

    fn lines(say: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let to = written.clone();
        let subscriber = fmt().event_format(JsonLines).with_writer(move || to.clone()).finish();
        tracing::subscriber::with_default(subscriber, say);
        let text = written.text();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn the_members_of_an_audit_event_are_fields_of_its_line() {
        let person = Subject::person("[1]", Some("a\"b\\@x"), "o\u{202e}");
        let near = NearMissName { name: "Campaign - acme -  x".into(), why: "a double space\n".into() };
        let refused = RefusalDetails {
            reason: RefusalCode::NoGroup,
            seen: vec!["Campaign - acme -  x".into()],
            organizations_seen: vec!["o".into()],
            near_misses: vec![near],
            group_count: None,
            groups_bytes: None,
            groups_bytes_limit: None,
        };
        let login =
            AuditAction::Login { groups: vec!["a,b".into(), "ü".into()], groups_not_in_campaign: None };
        let lines = lines(|| {
            for action in [AuditAction::Refusal(refused), login] {
                let event = AuditEvent {
                    request: RequestId::random(),
                    peer: Some([127, 0, 0, 1].into()),
                    instance: String::new(),
                    subject: person.clone(),
                    action,
                };
                AuditLog::default().record(UnixTime(0), event);
            }
        });
        assert_eq!(lines[0]["seen"], json!(["Campaign - acme -  x"]));
        assert_eq!(
            lines[0]["near_misses"],
            json!([{ "name": "Campaign - acme -  x", "why": "a double space\n" }])
        );
        assert_eq!((&lines[0]["user"], &lines[0]["email"]), (&json!("[1]"), &json!("a\"b\\@x")));
        assert_eq!(
            (&lines[0]["organization"], &lines[0]["peer"]),
            (&json!("o\u{202e}"), &json!("127.0.0.1"))
        );
        assert_eq!((&lines[0]["level"], &lines[0]["target"]), (&json!("WARN"), &json!("audit")));
        assert_eq!((&lines[1]["event"], &lines[1]["message"]), (&json!("login"), &json!("signed in")));
        assert_eq!(lines[1]["groups"], json!(["a,b", "ü"]));
    }

    #[test]
    fn every_event_is_one_json_object_on_one_line() {
        let lines = lines(|| {
            let error = io::Error::other("two\nlines \u{1b}[31m");
            tracing::warn!(%error, count = 3_u64, off = -1, ratio = 0.5, nan = f64::NAN, yes = true, list = %"[1]", "said \"so\"");
            tracing::info!("plain");
        });
        let first = &lines[0];
        assert_eq!(first["error"], "two\nlines \u{1b}[31m");
        assert_eq!((&first["count"], &first["off"], &first["ratio"]), (&json!(3), &json!(-1), &json!(0.5)));
        assert_eq!(
            (&first["nan"], &first["yes"], &first["list"]),
            (&Value::Null, &json!(true), &json!("[1]"))
        );
        assert_eq!(first["message"], "said \"so\"");
        assert!(first["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')));
        assert_eq!(lines.len(), 2);
    }
}
