//! Whether the configuration could be loaded again, and when.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prometheus_client::registry::Unit;

use super::encode::{FamilyEncoder, NONE};
use crate::unix_time::UnixTime;

/// Reloads of the configuration.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    succeeded: AtomicU64,
    failed: AtomicU64,
    last_failed: AtomicBool,
    /// When the running configuration was loaded, seconds since the Unix epoch.
    loaded_at: AtomicU64,
}

impl Reloads {
    pub(super) fn loaded(&self, now: UnixTime) {
        self.loaded_at.store(u64::try_from(now.0).unwrap_or(0), Ordering::Relaxed);
    }

    pub(super) fn succeeded(&self, now: UnixTime) {
        self.succeeded.fetch_add(1, Ordering::Relaxed);
        self.last_failed.store(false, Ordering::Relaxed);
        self.loaded(now);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.last_failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn encode(&self, families: &mut FamilyEncoder<'_>) -> fmt::Result {
        let outcomes = [("succeeded", &self.succeeded), ("failed", &self.failed)];
        families.counter(
            "imsgate_reloads",
            "Reloads of the configuration, by outcome.",
            outcomes.map(|(outcome, count)| ([("outcome", outcome)], count.load(Ordering::Relaxed))),
        )?;
        families.gauge(
            "imsgate_config_last_reload_successful",
            None,
            "1 if the last reload succeeded or there was none, 0 if it failed.",
            [(NONE, u64::from(!self.last_failed.load(Ordering::Relaxed)))],
        )?;
        families.gauge(
            "imsgate_config_loaded_timestamp",
            Some(&Unit::Seconds),
            "When the running configuration was loaded, in seconds since the Unix epoch.",
            [(NONE, self.loaded_at.load(Ordering::Relaxed))],
        )
    }
}
