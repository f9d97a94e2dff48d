//! Findings as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::output::{Paint, visible, width};
use crate::config::{ConfigErrors, Level, Location, Places};

#[derive(Debug, Serialize)]
pub(super) struct Item {
    /// The name of the check. It never changes, so programs can rely on it.
    pub(super) id: Box<str>,
    pub(super) severity: Severity,
    /// The key it is about.
    pub(super) subject: String,
    /// `file:line`, or the environment variable.
    pub(super) place: String,
    pub(super) message: String,
    /// Empty when there is nothing to fix.
    pub(super) fix: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Severity {
    Ok,
    /// Sign-ins work, but something is probably wrong.
    Warning,
    /// Stops sign-ins, or gives access to people who must not have it.
    Error,
    /// The check was not possible. The message says why.
    NotChecked,
}

/// Adds the name of the instance to its findings. The unnamed instance is left out.
pub(super) fn of_instance(name: &str, mut items: Vec<Item>) -> Vec<Item> {
    if !name.is_empty() {
        for item in &mut items {
            item.subject = format!("{name}: {}", item.subject);
        }
    }
    items
}

/// A key of the configuration that findings are about.
#[derive(Clone, Copy)]
pub(super) struct CheckedKey<'a> {
    places: &'a Places,
    pub(super) key: &'a str,
    id: &'a str,
}

impl<'a> CheckedKey<'a> {
    /// A key whose findings have it as their id.
    pub(super) fn new(places: &'a Places, key: &'a str) -> Self {
        Self { places, key, id: key }
    }

    /// Sets the id of the findings.
    pub(super) fn named(self, id: &'a str) -> Self {
        Self { id, ..self }
    }

    pub(super) fn ok(self, message: impl Into<String>) -> Item {
        self.item(Severity::Ok, message, "")
    }

    pub(super) fn warning(self, message: impl Into<String>, fix: impl Into<String>) -> Item {
        self.item(Severity::Warning, message, fix)
    }

    pub(super) fn error(self, message: impl Into<String>, fix: impl Into<String>) -> Item {
        self.item(Severity::Error, message, fix)
    }

    /// `reason` says why the check was not possible. `fix` says what makes it possible, or is empty.
    pub(super) fn not_checked(self, reason: impl Into<String>, fix: impl Into<String>) -> Item {
        self.item(Severity::NotChecked, reason, fix)
    }

    fn item(self, severity: Severity, message: impl Into<String>, fix: impl Into<String>) -> Item {
        let Self { places, key, id } = self;
        let place = if places.is_set(key) { place(&places.location(key)) } else { "default".to_owned() };
        let (message, fix) = (message.into(), fix.into().into());
        Item { id: id.into(), severity, subject: key.to_owned(), place, message, fix }
    }
}

/// The findings of a configuration that cannot be used.
pub(super) fn unusable(errors: &ConfigErrors) -> Vec<Item> {
    let item = |finding: &crate::config::Finding| Item {
        id: CONFIGURATION.into(),
        severity: match finding.level {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
        },
        subject: finding.key.clone(),
        place: finding.location.to_string(),
        message: finding.message.clone(),
        fix: finding.fix.as_str().into(),
    };
    errors.findings().iter().map(item).collect()
}

/// The id of every finding from reading the configuration.
pub(super) const CONFIGURATION: &str = "configuration";

/// True if a finding stops logins.
pub(super) fn has_errors(items: &[Item]) -> bool {
    items.iter().any(|item| item.severity == Severity::Error)
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
    let ok = !has_errors(items);
    let mut text = serde_json::to_string_pretty(&Report { ok, findings: items }).unwrap_or_default();
    text.push('\n');
    text
}

/// One line per finding, a second one for its fix, and the count. What was not checked comes last.
pub(super) fn table(items: &[Item], paint: Paint) -> String {
    let keys = items.iter().map(|item| width(&item.subject)).max().unwrap_or_default();
    let places = items.iter().map(|item| width(&item.place)).max().unwrap_or_default().min(WIDEST_PLACE);
    let row = |item: &Item| {
        let severity = match item.severity {
            Severity::Ok => paint.green("✓ ok     "),
            Severity::Warning => paint.yellow("! warning"),
            Severity::Error => paint.red("✗ error  "),
            Severity::NotChecked => paint.yellow("? unknown"),
        };
        let key_gap = " ".repeat(keys - width(&item.subject));
        let place_gap = " ".repeat(places.saturating_sub(width(&item.place)));
        let mut text = format!(
            "{severity}  {}{key_gap}  {}{place_gap}  {}\n",
            paint.bold(&item.subject),
            paint.dim(&item.place),
            line(&item.message)
        );
        if !item.fix.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}fix: {}", " ".repeat(INDENT), line(&item.fix));
        }
        text
    };
    let is_open = |item: &&Item| item.severity == Severity::NotChecked;
    let mut text: String = items.iter().filter(|item| !is_open(item)).map(row).collect();
    let open: String = items.iter().filter(is_open).map(row).collect();
    let count = |severity| items.iter().filter(|item| item.severity == severity).count();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let proved = if open.is_empty() { "Nothing" } else { "Nothing that was checked" };
    let summary = match (errors, warnings) {
        (0, 0) => paint.green(&format!("{proved} stops logins.")),
        (0, _) => paint.yellow(&format!("{proved} stops logins; {warnings} warning{}.", plural(warnings))),
        (1, _) => paint.red("1 finding stops logins."),
        (_, _) => paint.red(&format!("{errors} findings stop logins.")),
    };
    let _ = writeln!(text, "\n{summary}");
    if !open.is_empty() {
        let _ = write!(text, "\nNot checked, with the reason:\n{open}");
    }
    text
}

/// Text from elsewhere must not control the terminal.
fn line(text: &str) -> String {
    if text.contains(char::is_control) { visible(text) } else { text.to_owned() }
}

/// Columns of the status and the spaces after it.
const INDENT: usize = 11;
const WIDEST_PLACE: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_checked_comes_after_the_verdict_about_what_was() {
        let places = Places::default();
        let about = |key| CheckedKey::new(&places, key);
        let mut items = vec![
            about("campaign.upstream").named("campaign.zone").not_checked("it needs a session", ""),
            about("ims.server").ok("read"),
        ];
        assert_eq!(
            table(&items, Paint::none()),
            "✓ ok       ims.server         default  read\n\n\
             Nothing that was checked stops logins.\n\n\
             Not checked, with the reason:\n\
             ? unknown  campaign.upstream  default  it needs a session\n"
        );
        let report: serde_json::Value = serde_json::from_str(&json(&items)).unwrap();
        assert_eq!(report["ok"], true);
        assert_eq!(report["findings"][0]["id"], "campaign.zone");
        assert_eq!(report["findings"][0]["severity"], "not-checked");
        assert_eq!(report["findings"][0]["subject"], "campaign.upstream");
        items.push(about("ims.scope").error("refused", "remove it"));
        let text = table(&items[1..], Paint::none());
        assert!(text.contains("\n           fix: remove it\n\n1 finding stops logins.\n"), "{text}");
        assert!(json(&items).contains("\"ok\": false"));
        items.truncate(2);
        items.remove(0);
        assert!(table(&items, Paint::none()).ends_with("\nNothing stops logins.\n"));
    }
}
