//! Findings as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::output::{Paint, visible, width};
use crate::config::{ConfigErrors, Level, Location, Places};

/// One finding.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    pub(super) status: Status,
    /// The key it is about.
    pub(super) key: String,
    /// `file:line`, or the environment variable.
    pub(super) place: String,
    pub(super) message: String,
    /// Empty when there is nothing to fix.
    pub(super) fix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Ok,
    Warning,
    StopsLogins,
    /// The configuration cannot be used at all.
    Error,
}

impl Item {
    pub(super) fn ok(places: &Places, key: &str, message: impl Into<String>) -> Self {
        Self::new(Status::Ok, places, key, message, "")
    }

    pub(super) fn warning(
        places: &Places,
        key: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(Status::Warning, places, key, message, fix)
    }

    pub(super) fn stops(
        places: &Places,
        key: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(Status::StopsLogins, places, key, message, fix)
    }

    fn new(
        status: Status,
        places: &Places,
        key: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let place = if places.is_set(key) { place(&places.location(key)) } else { "default".to_owned() };
        Self { status, key: key.to_owned(), place, message: message.into(), fix: fix.into() }
    }
}

/// The findings of a configuration that cannot be used.
pub(super) fn unusable(errors: &ConfigErrors) -> Vec<Item> {
    let item = |finding: &crate::config::Finding| Item {
        status: match finding.level {
            Level::Error => Status::Error,
            Level::Warning => Status::Warning,
        },
        key: finding.key.clone(),
        place: finding.location.to_string(),
        message: finding.message.clone(),
        fix: finding.fix.clone(),
    };
    errors.findings().iter().map(item).collect()
}

/// `file:line`.
pub(super) fn place(location: &Location) -> String {
    match location {
        Location::File { file, line, .. } => format!("{file}:{line}"),
        Location::Environment(variable) => variable.clone(),
        Location::Whole(file) => file.clone(),
    }
}

/// `{"ok":…,"findings":[…]}` with a final line break.
pub(super) fn json(items: &[Item]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        /// False when something stops logins.
        ok: bool,
        findings: &'a [Item],
    }
    let ok = items.iter().all(|item| matches!(item.status, Status::Ok | Status::Warning));
    let mut text = serde_json::to_string_pretty(&Report { ok, findings: items }).unwrap_or_default();
    text.push('\n');
    text
}

/// One line per finding, a second one for its fix, and the count.
pub(super) fn table(items: &[Item], paint: Paint) -> String {
    let keys = items.iter().map(|item| width(&item.key)).max().unwrap_or_default();
    let places = items.iter().map(|item| width(&item.place)).max().unwrap_or_default().min(WIDEST_PLACE);
    let mut text = String::new();
    for item in items {
        let status = match item.status {
            Status::Ok => paint.green("✓ ok          "),
            Status::Warning => paint.yellow("! warning     "),
            Status::StopsLogins => paint.red("✗ stops logins"),
            Status::Error => paint.red("✗ error       "),
        };
        let key_gap = " ".repeat(keys - width(&item.key));
        let place_gap = " ".repeat(places.saturating_sub(width(&item.place)));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{status}  {}{key_gap}  {}{place_gap}  {}",
            paint.bold(&item.key),
            paint.dim(&item.place),
            line(&item.message)
        );
        if !item.fix.is_empty() {
            let _ = writeln!(text, "{}fix: {}", " ".repeat(INDENT), line(&item.fix));
        }
    }
    let count = |status| items.iter().filter(|item| item.status == status).count();
    let (stops, warnings) = (count(Status::StopsLogins), count(Status::Warning));
    let summary = match (stops, warnings) {
        (0, 0) => paint.green("All good."),
        (0, 1) => paint.yellow("Nothing stops logins; 1 warning."),
        (0, _) => paint.yellow(&format!("Nothing stops logins; {warnings} warnings.")),
        (1, _) => paint.red("1 finding stops logins."),
        (_, _) => paint.red(&format!("{stops} findings stop logins.")),
    };
    let _ = writeln!(text, "\n{summary}");
    text
}

/// Text from elsewhere must not control the terminal.
fn line(text: &str) -> String {
    if text.contains(char::is_control) { visible(text) } else { text.to_owned() }
}

/// Columns of the status and the spaces after it.
const INDENT: usize = 16;
const WIDEST_PLACE: usize = 40;
