//! Requests with session tokens of other sessions, or with logins of native accounts. `imsgate check` lists them, so that a site can
//! find such clients before it refuses them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::audit::ForeignTokenDetails;
use crate::unix_time::UnixTime;

/// The different uses since the start, at most [`MAX_KINDS`].
#[derive(Debug, Default)]
pub struct ForeignTokenUses(Mutex<HashMap<Use, UseCount>>);

/// Equal uses are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
struct Use {
    /// The native account; empty for a token.
    account: String,
    address: IpAddr,
    method: String,
    path: String,
    refused: bool,
}

#[derive(Clone, Copy, Debug)]
struct UseCount {
    times: u64,
    last: UnixTime,
}

/// A use, and how often it was made.
#[derive(Clone, Debug, Serialize)]
pub struct ForeignTokenUse {
    #[serde(flatten)]
    used: Use,
    /// Count since the start.
    times: u64,
    /// Time of the last one.
    last: Option<String>,
}

impl ForeignTokenUses {
    /// Adds a use.
    pub fn add(&self, now: UnixTime, address: IpAddr, found: &ForeignTokenDetails) {
        let kind = Use {
            account: found.account.clone(),
            address,
            method: found.method.clone(),
            path: found.path.chars().take(MAX_PATH).collect(),
            refused: found.refused,
        };
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() >= MAX_KINDS && !uses.contains_key(&kind) {
            // Many different paths must not push out the latest uses.
            if let Some(oldest) =
                uses.iter().min_by_key(|(_, count)| count.last).map(|(used, _)| used.clone())
            {
                uses.remove(&oldest);
            }
        }
        let count = uses.entry(kind).or_insert(UseCount { times: 0, last: now });
        *count = UseCount { times: count.times + 1, last: now };
    }

    /// All uses, ordered.
    pub fn all(&self) -> Vec<ForeignTokenUse> {
        let uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = uses
            .iter()
            .map(|(used, count)| ForeignTokenUse {
                used: used.clone(),
                times: count.times,
                last: count.last.rfc3339(),
            })
            .collect();
        all.sort_by(|one, other| one.used.cmp(&other.used));
        all
    }
}

/// Different uses that are remembered: about 100 kB.
const MAX_KINDS: usize = 512;
const MAX_PATH: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_counted_and_bounded() {
        let uses = ForeignTokenUses::default();
        let found_at = |path: &str| ForeignTokenDetails {
            account: "admin".into(),
            method: "POST".into(),
            path: path.into(),
            refused: true,
        };
        let found = found_at("/a");
        let address = "192.0.2.1".parse().unwrap();
        uses.add(UnixTime(1), address, &found);
        uses.add(UnixTime(5), address, &found);
        let all = serde_json::to_value(uses.all()).unwrap();
        assert_eq!(all[0]["times"], 2);
        assert_eq!(all[0]["last"], "1970-01-01T00:00:05Z");
        assert_eq!(all[0]["account"], "admin");
        for number in 0..2 * MAX_KINDS {
            uses.add(UnixTime(10), address, &found_at(&format!("/{number}")));
        }
        assert_eq!(uses.all().len(), MAX_KINDS);
    }
}
