//! Counts decisions.

use std::collections::{BTreeMap, HashMap};

use super::changes::RuleChanges;
use super::count::{Count, Paths};
use crate::cli::output::visible;
use crate::policy::decision::{Access, Explained, RuleKind};
use crate::wire::access_log::LineError;

/// Counts of the lines and of the decisions about them. `'r` is the lifetime of the configurations.
#[derive(Default)]
pub(super) struct Tally<'r> {
    /// Lines without a request.
    pub(super) other: u64,
    /// Lines that were not understood.
    pub(super) misread: u64,
    /// The first of them.
    pub(super) examples: Vec<Misread>,
    pub(super) requests: u64,
    pub(super) rules: HashMap<RuleKind<'r>, Count>,
    pub(super) paths: BTreeMap<Access, Paths>,
    /// With two configurations.
    pub(super) changes: Option<RuleChanges<'r>>,
}

/// A line that was not understood.
pub(super) struct Misread {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) error: LineError,
    pub(super) text: String,
}

impl<'r> Tally<'r> {
    /// Counts a request.
    pub(super) fn add(
        &mut self,
        at: (&str, u64),
        status: Option<u16>,
        decided: Explained<'r>,
        before: Option<Explained<'r>>,
    ) {
        self.requests += 1;
        self.rules.entry(decided.rule.kind).or_default().add(status);
        if let (Some(changes), Some(before)) = (&mut self.changes, before) {
            changes.add(at, status, &before, &decided);
        }
        self.paths.entry(decided.access()).or_default().add(decided.path);
    }

    /// Counts a line that was not understood.
    pub(super) fn misread(&mut self, file: &str, line: u64, error: LineError, bytes: &[u8]) {
        self.misread += 1;
        if self.examples.len() < EXAMPLES {
            // A query may hold a password.
            let text = bytes.split(|byte| *byte == b'?').next().unwrap_or_default();
            let text = String::from_utf8_lossy(&text[..text.len().min(4 * SHOWN)]);
            let text = visible(&text.chars().take(SHOWN).collect::<String>());
            self.examples.push(Misread { file: file.to_owned(), line, error, text });
        }
    }

    /// True when two configurations decide about a request in different ways.
    pub(super) fn has_changes(&self) -> bool {
        self.changes.as_ref().is_some_and(|changes| changes.count().requests > 0)
    }

    /// The requests of each decision.
    pub(super) fn by_access(&self) -> BTreeMap<Access, Count> {
        let mut all: BTreeMap<_, Count> = BTreeMap::new();
        for (rule, count) in &self.rules {
            *all.entry(rule.access()).or_default() += *count;
        }
        all
    }

    /// The rules of a decision, the most frequent first.
    pub(super) fn rules_of(&self, access: Access) -> Vec<(RuleKind<'r>, Count)> {
        let mut rules: Vec<_> = self.rules.iter().map(|(rule, count)| (*rule, *count)).collect();
        rules.retain(|(rule, _)| rule.access() == access);
        rules.sort_by_cached_key(|(rule, count)| (u64::MAX - count.requests, rule.to_string()));
        rules
    }
}

/// Lines that are shown because they were not understood.
const EXAMPLES: usize = 5;
/// Characters that are shown of such a line.
const SHOWN: usize = 100;
