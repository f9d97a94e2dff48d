//! The fields of a human-readable log line: `message name=value …`. Non-printable characters are escaped.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use super::{audit, escape};

/// Formats fields for reading by people.
#[derive(Debug)]
pub(super) struct HumanFields;

impl<'w> FormatFields<'w> for HumanFields {
    fn format_fields<R: RecordFields>(&self, to: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = HumanWriter { to, is_first: true, outcome: Ok(()) };
        fields.record(&mut visitor);
        visitor.outcome
    }
}

struct HumanWriter<'w> {
    to: Writer<'w>,
    is_first: bool,
    outcome: fmt::Result,
}

impl HumanWriter<'_> {
    fn write(&mut self, name: &str, value: &str) {
        if self.outcome.is_ok() {
            self.outcome = self.try_write(name, value);
        }
    }

    fn try_write(&mut self, name: &str, value: &str) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.to.write_char(' ')?;
        }
        if name != MESSAGE {
            // Italic and dimmed, like tracing-subscriber's own format.
            let (open, close) = if self.to.has_ansi_escapes() {
                ("\u{1b}[3m", "\u{1b}[0m\u{1b}[2m=\u{1b}[0m")
            } else {
                ("", "=")
            };
            write!(self.to, "{open}{name}{close}")?;
        }
        self.to.write_str(value)
    }
}

impl Visit for HumanWriter<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            // Its members are fields of the line, as in JSON.
            audit::FIELD => {
                for (name, value) in audit::fields(value) {
                    self.write(&name, &escape::escaped(&value.to_string(), false));
                }
            }
            MESSAGE => self.write(MESSAGE, &escape::escaped(value, false)),
            name => self.write(name, &escape::quoted(value)),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field.name(), &escape::escaped(&format!("{value:?}"), false));
    }
}

const MESSAGE: &str = "message";
