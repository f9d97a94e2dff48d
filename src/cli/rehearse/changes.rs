//! Requests about which two configurations decide differently, grouped by the two rules.

use std::collections::HashMap;

use super::count::{Count, Paths};
use crate::policy::decision::{Access, Explained, RuleKind};

#[derive(Default)]
pub(super) struct RuleChanges<'r> {
    groups: HashMap<(RuleKind<'r>, RuleKind<'r>), Group>,
}

/// Requests that different rules decide in the two configurations.
#[derive(Default)]
pub(super) struct Group {
    pub(super) count: Count,
    pub(super) paths: Paths,
    /// File and line of the first request.
    pub(super) first: (String, u64),
}

impl<'r> RuleChanges<'r> {
    /// Counts a request if its decision changes. Another rule with the same decision is not a change, except for refusals, because their
    /// status depends on the rule.
    pub(super) fn add(
        &mut self,
        (file, line): (&str, u64),
        status: Option<u16>,
        before: &Explained<'r>,
        now: &Explained<'r>,
    ) {
        let is_other_refusal = before.access() == Access::Refused && before.rule.kind != now.rule.kind;
        if before.access() == now.access() && !is_other_refusal {
            return;
        }
        let group = self.groups.entry((before.rule.kind, now.rule.kind)).or_default();
        if group.count.requests == 0 {
            group.first = (file.to_owned(), line);
        }
        group.count.add(status);
        group.paths.add(now.path.clone());
    }

    pub(super) fn count(&self) -> Count {
        let mut sum = Count::default();
        for group in self.groups.values() {
            sum += group.count;
        }
        sum
    }

    /// The groups with the rules before and now: first those that were public before, then by frequency.
    pub(super) fn sorted(&self) -> Vec<(RuleKind<'r>, RuleKind<'r>, &Group)> {
        let mut all: Vec<_> =
            self.groups.iter().map(|((before, now), group)| (*before, *now, group)).collect();
        all.sort_by_cached_key(|(before, now, group)| {
            let accesses = (before.access(), now.access());
            let rules = (before.to_string(), now.to_string());
            (accesses, u64::MAX - group.count.requests, rules)
        });
        all
    }
}
