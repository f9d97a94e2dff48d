//! Findings as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::output::{Paint, visible, width};
use crate::config::{ConfigErrors, Level, Location, Places};

/// One finding.
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

impl Item {
    pub(super) fn ok(places: &Places, key: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Ok, places, key, message, "")
    }

    pub(super) fn warning(
        places: &Places,
        key: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, places, key, message, fix)
    }

    pub(super) fn error(
        places: &Places,
        key: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, places, key, message, fix)
    }

    /// `reason` says why the check was not possible. `fix` says what makes it possible, or is empty.
    pub(super) fn not_checked(
        places: &Places,
        key: &str,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(Severity::NotChecked, places, key, reason, fix)
    }

    /// Sets the id. The default is the key.
    pub(super) fn named(mut self, id: &str) -> Self {
        self.id = id.into();
        self
    }

    fn new(
        severity: Severity,
        places: &Places,
        key: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let place = if places.is_set(key) { place(&places.location(key)) } else { "default".to_owned() };
        let (id, subject) = (key.into(), key.to_owned());
        Self { id, severity, subject, place, message: message.into(), fix: fix.into().into() }
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
        let mut items = vec![
            Item::not_checked(&places, "campaign.upstream", "it needs a session", "").named("campaign.zone"),
            Item::ok(&places, "ims.server", "read"),
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
        items.push(Item::error(&places, "ims.scope", "refused", "remove it"));
        let text = table(&items[1..], Paint::none());
        assert!(text.contains("\n           fix: remove it\n\n1 finding stops logins.\n"), "{text}");
        assert!(json(&items).contains("\"ok\": false"));
        items.truncate(2);
        items.remove(0);
        assert!(table(&items, Paint::none()).ends_with("\nNothing stops logins.\n"));
    }
}
