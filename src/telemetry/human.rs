//! The fields of a human-readable log line: `message name=value …`. Non-printable characters are escaped.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use super::escape;

/// Formats fields for reading by people.
#[derive(Debug)]
pub(super) struct HumanFields;

impl<'w> FormatFields<'w> for HumanFields {
    fn format_fields<R: RecordFields>(&self, to: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Fields { to, is_first: true, outcome: Ok(()) };
        fields.record(&mut visitor);
        visitor.outcome
    }
}

struct Fields<'w> {
    to: Writer<'w>,
    is_first: bool,
    outcome: fmt::Result,
}

impl Fields<'_> {
    fn write(&mut self, field: &Field, value: &str) {
        if self.outcome.is_ok() {
            self.outcome = self.try_write(field, value);
        }
    }

    fn try_write(&mut self, field: &Field, value: &str) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.to.write_char(' ')?;
        }
        if field.name() != MESSAGE {
            // Italic and dimmed, like tracing-subscriber's own format.
            let (open, close) = if self.to.has_ansi_escapes() {
                ("\u{1b}[3m", "\u{1b}[0m\u{1b}[2m=\u{1b}[0m")
            } else {
                ("", "=")
            };
            write!(self.to, "{open}{}{close}", field.name())?;
        }
        self.to.write_str(value)
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let mut text = String::new();
        if field.name() == MESSAGE {
            escape::push(&mut text, value, false);
        } else {
            text = escape::quoted(value);
        }
        self.write(field, &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        escape::push(&mut text, &format!("{value:?}"), false);
        self.write(field, &text);
    }
}

const MESSAGE: &str = "message";
