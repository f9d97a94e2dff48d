//! The summary, as text and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::changes::{Group, RuleChanges};
use super::count::{Count, Paths};
use super::tally::Tally;
use crate::cli::output::{Paint, visible};
use crate::policy::decision::{Access, RuleKind};

/// The summary for people. Writing to a String cannot fail.
pub(super) fn text(tally: &Tally<'_>, took: Duration, paint: Paint) -> String {
    let mut text = format!(
        "{} in {:.1} s; {} without a request, {} not understood\n",
        counted(tally.requests, "request"),
        took.as_secs_f64(),
        counted(tally.other, "line"),
        grouped(tally.misread),
    );
    for bad in &tally.examples {
        let _ = writeln!(text, "    {}:{}: {}: {}", bad.file, bad.line, bad.error, bad.text);
    }
    for (access, count) in tally.by_access() {
        let _ = writeln!(text, "\n{}  {}", paint.bold(access.name()), meaning(access));
        let _ = writeln!(text, "  {}", share(count, tally.requests));
        for (rule, count) in tally.rules_of(access) {
            let _ = writeln!(text, "  {:>11}  {rule}", grouped(count.requests));
        }
        if let Some(paths) = tally.paths.get(&access) {
            push_paths(&mut text, paths, TOP);
        }
    }
    if let Some(changes) = &tally.changes {
        push_changes(&mut text, changes, tally.requests, paint);
    }
    text
}

fn push_paths(text: &mut String, paths: &Paths, most: usize) {
    let _ = writeln!(text, "      most frequent paths:");
    for (path, count) in paths.top(most) {
        let _ = writeln!(text, "      {:>11}  {}", grouped(count), shown(path));
    }
    if paths.others > 0 {
        let (others, different) = (grouped(paths.others), paths.different());
        let _ = writeln!(text, "      {others:>11}  requests for other paths than the first {different}");
    }
}

fn push_changes(text: &mut String, changes: &RuleChanges<'_>, requests: u64, paint: Paint) {
    let all = changes.count();
    if all.requests == 0 {
        let _ = writeln!(text, "\nno change: both configurations decide in the same way about every request");
        return;
    }
    let _ = writeln!(text, "\n{}", paint.bold("changes"));
    let _ = writeln!(text, "  {}", share(all, requests));
    for (before, now, group) in changes.sorted() {
        let heading = format!("{} → {}", before.access().name(), now.access().name());
        let _ = writeln!(text, "\n  {}  {}", paint.yellow(&heading), share(group.count, requests));
        let _ = writeln!(text, "      before: {before}");
        let _ = writeln!(text, "      now:    {now}");
        let (file, line) = &group.first;
        let _ = writeln!(text, "      first:  {file}:{line}");
        push_paths(text, &group.paths, TOP_OF_CHANGE);
    }
}

/// The summary as JSON with a final line break.
pub(super) fn json(tally: &Tally<'_>) -> String {
    let decisions: Vec<Value> = tally
        .by_access()
        .into_iter()
        .map(|(access, count)| {
            let rules: Vec<Value> = tally
                .rules_of(access)
                .into_iter()
                .map(|(rule, count)| json!({"rule": rule.to_string(), "requests": count.requests, "answered": count.answered}))
                .collect();
            let paths = tally.paths.get(&access).map(paths_json);
            json!({"access": access, "requests": count.requests, "answered": count.answered, "rules": rules, "paths": paths})
        })
        .collect();
    let misread: Vec<Value> = tally
        .examples
        .iter()
        .map(|bad| json!({"file": bad.file, "line": bad.line, "error": bad.error.to_string()}))
        .collect();
    let mut summary = json!({
        "requests": tally.requests,
        "without_request": tally.other,
        "not_understood": {"lines": tally.misread, "first": misread},
        "decisions": decisions,
    });
    if let Some(changes) = &tally.changes {
        summary["changes"] = changes.sorted().into_iter().map(change_json).collect();
    }
    format!("{summary:#}\n")
}

fn change_json((before, now, group): (RuleKind<'_>, RuleKind<'_>, &Group)) -> Value {
    json!({
        "before": {"access": before.access(), "rule": before.to_string()},
        "now": {"access": now.access(), "rule": now.to_string()},
        "requests": group.count.requests,
        "answered": group.count.answered,
        "first": {"file": group.first.0, "line": group.first.1},
        "paths": paths_json(&group.paths),
    })
}

fn paths_json(paths: &Paths) -> Value {
    paths.top(TOP).into_iter().map(|(path, requests)| json!({"path": path, "requests": requests})).collect()
}

fn meaning(access: Access) -> &'static str {
    match access {
        Access::Public => "Campaign gets it from anybody",
        Access::SignedIn => "people sign in first",
        Access::Account => "a program sends it with a login of Campaign",
        Access::Gateway => "the gateway answers itself",
        Access::Closed => "nobody gets it, signed in or not",
        Access::Refused => "refused, whoever sends it",
    }
}

/// `12,345 requests (1.2 %), of which the log says that 12,000 got status 2xx or 3xx`
fn share(count: Count, of: u64) -> String {
    let tenths = (count.requests * 1000).checked_div(of).unwrap_or(0);
    format!(
        "{} ({}.{} %); {} had been answered with status 2xx or 3xx",
        counted(count.requests, "request"),
        tenths / 10,
        tenths % 10,
        grouped(count.answered)
    )
}

/// Only the beginning of a very long path.
fn shown(path: &str) -> String {
    if path.chars().count() <= WIDEST {
        return visible(path);
    }
    visible(&path.chars().take(WIDEST).collect::<String>()) + "…"
}

fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// `1,234,567`
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

/// Paths that are listed for each decision.
const TOP: usize = 10;
/// Paths that are listed for each change.
const TOP_OF_CHANGE: usize = 5;
/// Columns of a path.
const WIDEST: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_have_separators() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), text);
        }
    }
}
