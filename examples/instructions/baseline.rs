//! The counts to compare with: `baseline.toml`, beside this file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Outcome;

/// Instructions by function, each without the functions that it calls.
#[derive(Clone, Debug, Default)]
pub struct Counts(pub BTreeMap<String, u64>);

/// Counts by request.
#[derive(Default)]
pub struct Baseline(BTreeMap<String, Counts>);

/// The name of a function, its instructions in the baseline, and its instructions now.
pub type Grown = (String, u64, u64);

impl Counts {
    /// The counts of one request: the difference of the two runs, divided by the difference of their requests.
    pub fn each(few: &Self, many: &Self, times: u32) -> Self {
        let more = |(name, many): (&String, &u64)| {
            let more = many.saturating_sub(few.0.get(name).copied().unwrap_or_default());
            (name.clone(), more / u64::from(times))
        };
        let counts =
            |(name, count): &(String, u64)| *count > 0 && !BY_TIME.iter().any(|part| name.contains(part));
        Self(many.0.iter().map(more).filter(counts).collect())
    }

    /// The instructions of all functions.
    pub fn total(&self) -> u64 {
        self.0.get(TOTAL).copied().unwrap_or_else(|| self.0.values().sum())
    }

    /// Our functions that grew by more than the tolerance. When the total grew by more, the total and the functions that grew
    /// most, also those of libraries.
    pub fn grown(&self, was: &Self) -> Vec<Grown> {
        let too_much = |was: u64, now: u64| now * 100 > was * (100 + TOLERANCE) && now > was + NOISE;
        let mut changes: Vec<Grown> = was
            .0
            .iter()
            .filter(|(name, _)| *name != TOTAL)
            .map(|(name, was)| (name.clone(), *was, self.0.get(name).copied().unwrap_or_default()))
            .collect();
        changes.extend(
            self.0
                .iter()
                .filter(|(name, _)| !was.0.contains_key(*name))
                .map(|(name, now)| (name.clone(), 0, *now)),
        );
        changes.sort_by_key(|(_, was, now)| std::cmp::Reverse(now.saturating_sub(*was)));
        let all = (TOTAL.to_owned(), was.total(), self.total());
        if too_much(all.1, all.2) {
            return [all].into_iter().chain(changes.into_iter().take(MOST)).collect();
        }
        // A new function counts in the total only: the compiler may have split it off another one.
        let ours = |change: &Grown| change.0.contains(OURS) && change.1 > 0 && too_much(change.1, change.2);
        changes.into_iter().filter(ours).collect()
    }

    /// The total, and the functions with enough instructions for a line of the file.
    fn worth_keeping(&self) -> Self {
        let lines = |(name, count): (&String, &u64)| (*count >= WORTH).then(|| (name.clone(), *count));
        let mut lines: BTreeMap<_, _> = self.0.iter().filter_map(lines).collect();
        lines.insert(TOTAL.to_owned(), self.total());
        Self(lines)
    }
}

impl Baseline {
    /// Reads the file.
    pub fn read() -> Outcome<Self> {
        let all: BTreeMap<String, BTreeMap<String, u64>> = toml::from_str(&std::fs::read_to_string(path())?)?;
        Ok(Self(all.into_iter().map(|(name, counts)| (name, Counts(counts))).collect()))
    }

    /// Writes the file.
    pub fn write(&self) -> Outcome<()> {
        let all: BTreeMap<_, _> = self.0.iter().map(|(name, counts)| (name, &counts.0)).collect();
        Ok(std::fs::write(path(), format!("{HEAD}{}", toml::to_string(&all)?))?)
    }

    /// The counts of the request with this name.
    pub fn of(&self, name: &str) -> Option<&Counts> {
        self.0.get(name)
    }

    /// Replaces the counts of a request.
    pub fn set(&mut self, name: &str, now: &Counts) {
        self.0.insert(name.to_owned(), now.worth_keeping());
    }
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "examples", "instructions", "baseline.toml"].iter().collect()
}

const HEAD: &str = "\
# Instructions of one request, by function, each without the functions that it calls.
# Written by: cargo build --release && cargo run --example instructions -- --update
";
/// The name of the total.
const TOTAL: &str = "total";
/// Part of the names of our own functions.
const OURS: &str = "imsgate::";
/// Parts of the names of functions that are left out: they run at intervals, so their instructions depend on the time of a run and
/// not on the number of requests.
const BY_TIME: &[&str] = &["moka::common::iter::ScanningGet"];
/// By how many percent a function may grow.
const TOLERANCE: u64 = 5;
/// Instructions by which a function may differ from run to run.
const NOISE: u64 = 40;
/// A function with fewer instructions has no line in the file.
const WORTH: u64 = 100;
/// The number of functions that are named when the total grew.
const MOST: usize = 12;
