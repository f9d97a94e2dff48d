//! Writes to standard output and standard error.

use std::fmt::Display;
use std::io::{IsTerminal, Write as _, stderr, stdout};
use std::process::ExitCode;

use crate::config::FindingStyle;

/// Writes to standard output. A closed pipe is not an error, because the reader chose to stop.
pub(super) fn out(text: &str) {
    let mut stdout = stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes to standard error.
pub(super) fn err(text: &str) {
    let _ = stderr().lock().write_all(text.as_bytes());
}

/// Writes to standard error why a command failed. Returns its exit code.
pub(super) fn fail(command: &str, error: impl Display, code: u8) -> ExitCode {
    err(&format!("imsgate {command}: {error}\n"));
    ExitCode::from(code)
}

/// How to write findings to standard error.
pub(super) fn style_for_stderr() -> FindingStyle {
    if stderr().is_terminal() {
        FindingStyle::Terminal { width: columns(), colour: wants_colour() }
    } else {
        FindingStyle::Plain
    }
}

/// Colours for standard output. No colours if it is not a terminal or `NO_COLOR` is set.
pub(super) fn paint() -> Paint {
    Paint { colour: stdout().is_terminal() && wants_colour() }
}

/// Quotes and escapes text if it has invisible characters, or spaces at its beginning or end.
pub(super) fn visible(text: &str) -> String {
    let is_invisible =
        |c: char| (c.is_whitespace() && c != ' ') || format!("{}", c.escape_debug()).starts_with("\\u");
    if text.is_empty() || text.trim() != text || text.contains(is_invisible) {
        format!("{text:?}")
    } else {
        text.to_owned()
    }
}

/// The approximate number of terminal columns of a text.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// Adds colours to text, or leaves it unchanged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    colour: bool,
}

impl Paint {
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { colour: false }
    }

    pub(super) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn columns() -> usize {
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100).clamp(40, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_escaped() {
        assert_eq!(visible("Campaign – é"), "Campaign – é");
        assert_eq!(visible("a "), "\"a \"");
        assert_eq!(visible("a\u{a0}b"), "\"a\\u{a0}b\"");
        assert_eq!(visible("a\u{200b}b"), "\"a\\u{200b}b\"");
        assert_eq!(visible("a\x1b[31m"), "\"a\\u{1b}[31m\"");
    }
}
