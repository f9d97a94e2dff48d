//! What was counted when it was last looked at: `baseline.toml`, beside this file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::Outcome;

/// Counts by name.
pub struct Baseline(BTreeMap<String, u64>);

/// How a count compares.
pub enum Verdict {
    /// Within the tolerance; by how many percent.
    Same(i64),
    /// More than the tolerance.
    Grown(i64),
    /// Less than the tolerance: worth a new baseline, or it could grow again unseen.
    Fallen(i64),
    /// Not in the baseline.
    Unknown,
}

/// Percent. Counts of one build differ by less than one from run to run.
pub const TOLERANCE: i64 = 5;

impl Baseline {
    /// Reads the file; one that is missing is empty.
    pub fn read() -> Outcome<Self> {
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        Ok(Self(toml::from_str(&text)?))
    }

    /// Writes the file.
    pub fn write(&self) -> Outcome<()> {
        Ok(std::fs::write(path(), format!("{HEAD}{}", toml::to_string(&self.0)?))?)
    }

    /// What it was.
    pub fn of(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// Notes what it is.
    pub fn set(&mut self, name: &str, now: u64) {
        self.0.insert(name.to_owned(), now);
    }

    /// Compares.
    pub fn judge(&self, name: &str, now: u64) -> Verdict {
        let Some(was) = self.of(name).and_then(|was| i64::try_from(was).ok()).filter(|was| *was > 0) else {
            return Verdict::Unknown;
        };
        let change = (i64::try_from(now).unwrap_or(i64::MAX) - was) * 100 / was;
        match change {
            change if change > TOLERANCE => Verdict::Grown(change),
            change if change < -TOLERANCE => Verdict::Fallen(change),
            change => Verdict::Same(change),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(percent) => write!(f, "{percent:+} %"),
            Self::Grown(percent) => write!(f, "{percent:+} %  GROWN"),
            Self::Fallen(percent) => write!(f, "{percent:+} %  fallen: renew the baseline"),
            Self::Unknown => f.write_str("not in the baseline"),
        }
    }
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches", "instructions", "baseline.toml"].iter().collect()
}

const HEAD: &str =
    "# Instructions of one call or one request. Written by: cargo bench --bench instructions -- --renew\n";
