//! What was counted when it was last looked at: `baseline.toml`, beside this file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Outcome;

/// Instructions by function, each without those it calls.
#[derive(Clone, Debug, Default)]
pub struct Counts(pub BTreeMap<String, u64>);

/// Counts by request.
#[derive(Default)]
pub struct Baseline(BTreeMap<String, Counts>);

/// A function, what it was, and what it is.
pub type Grown = (String, u64, u64);

impl Counts {
    /// Of one request: what the longer run took more, divided.
    pub fn each(few: &Self, many: &Self, times: u32) -> Self {
        let more = |(name, many): (&String, &u64)| {
            let more = many.saturating_sub(few.0.get(name).copied().unwrap_or_default());
            (name.clone(), more / u64::from(times))
        };
        let counts =
            |(name, count): &(String, u64)| *count > 0 && !BY_TIME.iter().any(|part| name.contains(part));
        Self(many.0.iter().map(more).filter(counts).collect())
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.0.get(TOTAL).copied().unwrap_or_else(|| self.0.values().sum())
    }

    /// What grew by more than the tolerance: a function of ours, or all together; then with those that grew most.
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
        // One that is new is in the sum; the compiler may have taken it out of another.
        let ours = |change: &Grown| change.0.contains(OURS) && change.1 > 0 && too_much(change.1, change.2);
        changes.into_iter().filter(ours).collect()
    }

    /// The sum, and the functions that are worth a line.
    fn worth_keeping(&self) -> Self {
        let kept = |(name, count): (&String, &u64)| (*count >= WORTH).then(|| (name.clone(), *count));
        let mut kept: BTreeMap<_, _> = self.0.iter().filter_map(kept).collect();
        kept.insert(TOTAL.to_owned(), self.total());
        Self(kept)
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

    /// What a request was.
    pub fn of(&self, name: &str) -> Option<&Counts> {
        self.0.get(name)
    }

    /// Notes what it is.
    pub fn set(&mut self, name: &str, now: &Counts) {
        self.0.insert(name.to_owned(), now.worth_keeping());
    }
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "examples", "instructions", "baseline.toml"].iter().collect()
}

const HEAD: &str = "\
# Instructions of one request, by function, each without those it calls.
# Written by: cargo build --release && cargo run --example instructions -- --renew
";
/// The name of the sum.
const TOTAL: &str = "total";
/// In the names of our own functions.
const OURS: &str = "imsgate::";
/// Parts of the names of functions that run once in a while: they count by the time that a run takes, not by its requests.
const BY_TIME: &[&str] = &["moka::common::iter::ScanningGet"];
/// Percent.
const TOLERANCE: u64 = 5;
/// Instructions by which a function may differ from run to run.
const NOISE: u64 = 40;
/// Instructions from which on a function has a line of its own.
const WORTH: u64 = 100;
/// Functions named when the sum grew.
const MOST: usize = 12;
