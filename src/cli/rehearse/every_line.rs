//! The decision about one line, for `--all`. Queries are not shown: they may hold passwords.

use serde_json::json;

use crate::cli::output::visible;
use crate::policy::decision::Explained;
use crate::wire::access_log::LogLine;

/// One line of a log, and what happens to its request.
pub(super) struct DecidedLine<'a> {
    pub(super) file: &'a str,
    pub(super) number: u64,
    pub(super) read: &'a LogLine<'a>,
    pub(super) decided: &'a Explained<'a>,
    /// With two configurations: the decision of the earlier one.
    pub(super) before: Option<&'a Explained<'a>>,
}

impl DecidedLine<'_> {
    fn method(&self) -> &str {
        self.read.request.as_ref().map_or("-", |request| &request.method)
    }

    /// `LINE decision METHOD path: rule`
    pub(super) fn text(&self) -> String {
        let Self { number, decided, .. } = self;
        let before = self.before.filter(|before| before.access() != decided.access());
        let before = before
            .map_or_else(String::new, |before| format!(" (was {}: {})", before.access().name(), before.rule));
        let (method, path) = (visible(self.method()), visible(&decided.path));
        let rule = format!("{}{before}", decided.rule);
        format!("{number:>8}  {:<9}  {method} {path}  {}\n", decided.access().name(), visible(&rule))
    }

    /// One object on one line.
    pub(super) fn json(&self) -> String {
        let mut line = json!({
            "file": self.file,
            "line": self.number,
            "client": self.read.client,
            "host": self.read.host,
            "method": self.method(),
            "path": self.decided.path,
            "status": self.read.status,
            "access": self.decided.access(),
            "rule": self.decided.rule.to_string(),
        });
        if let Some(before) = self.before {
            line["before"] = json!({"access": before.access(), "rule": before.rule.to_string()});
        }
        format!("{line}\n")
    }
}
