//! Log lines as JSON, one object on each line: time, level, the event's fields in order, target.
//!
//! `tracing` has no list values. Audit lines pass a list (for example groups) as JSON text; it is written as a JSON list, not as a
//! string.

use std::fmt;

use serde::de::IgnoredAny;
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
        let mut fields = Fields { lists: meta.target() == audit::TARGET, to: &mut to, outcome: Ok(()) };
        event.record(&mut fields);
        fields.outcome?;
        writeln!(to, r#","target":{}}}"#, quoted(meta.target()))
    }
}

struct Fields<'a, 'w> {
    /// Whether values that are JSON lists are written as lists. Only for audit lines, whose lists the gateway itself writes.
    lists: bool,
    to: &'a mut Writer<'w>,
    outcome: fmt::Result,
}

impl Fields<'_, '_> {
    fn write(&mut self, field: &Field, value: &dyn fmt::Display) {
        if self.outcome.is_ok() {
            self.outcome = write!(self.to, ",{}:{value}", quoted(field.name()));
        }
    }
}

impl Visit for Fields<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        let is_list =
            self.lists && text.starts_with('[') && serde_json::from_str::<IgnoredAny>(&text).is_ok();
        let mut list = String::new();
        if is_list {
            // Non-printable characters occur only inside the list's strings, so escaping keeps it valid JSON.
            escape::push(&mut list, &text, false);
        }
        self.write(field, &if is_list { list } else { quoted(&text) });
    }

    /// Strings (user ids, addresses) stay strings, even if they look like JSON.
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, &quoted(value));
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
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::fmt;

    use super::*;
    use crate::telemetry::RequestId;
    use crate::telemetry::audit::{Seen, Who};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(say: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let to = written.clone();
        let subscriber = fmt().event_format(JsonLines).with_writer(move || to.clone()).finish();
        tracing::subscriber::with_default(subscriber, say);
        let bytes = written.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn only_list_fields_of_audit_lines_become_json_lists() {
        let who = Who { user: "[1]", email: "a\"b\\@x", organization: "o" };
        let near = [("Campaign - acme -  x".to_owned(), "a double space\n".to_owned())];
        let organizations = ["o".to_owned()];
        let names = ["Campaign - acme -  x".to_owned()];
        let lines = lines(|| {
            let seen = Seen { organizations: &organizations, names: &names, near: &near, too_many: None };
            audit::refusal(RequestId::random(), "127.0.0.1", who, "no group", seen);
            let groups =
                audit::Groups { mapped: &["a,b".to_owned(), "ü".to_owned()], not_in_campaign: None };
            audit::login(RequestId::random(), "127.0.0.1", who, groups, "sid");
        });
        assert_eq!(lines[0]["seen"], json!(["Campaign - acme -  x"]));
        assert_eq!(
            lines[0]["near_misses"],
            json!([{ "name": "Campaign - acme -  x", "why": "a double space\n" }])
        );
        assert_eq!((&lines[0]["user"], &lines[0]["email"]), (&json!("[1]"), &json!("a\"b\\@x")));
        assert_eq!((&lines[0]["level"], &lines[0]["target"]), (&json!("WARN"), &json!("audit")));
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
