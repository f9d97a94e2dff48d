//! Metrics of the running configuration: time of loading, result of the last reload, expiry of certificates, limits.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use prometheus_client::registry::Unit;

use super::encode::{FamilyEncoder, NONE};
use crate::config::Limits;
use crate::unix_time::UnixTime;

/// The running configuration and its reloads.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    succeeded: AtomicU64,
    failed: AtomicU64,
    last_failed: AtomicBool,
    /// When the running configuration was loaded, seconds since the Unix epoch.
    loaded_at: AtomicU64,
    certificates: Mutex<Vec<CertificateEnd>>,
    /// `limits.connections` and `limits.buffer_bytes` of the configuration at the start.
    connections: AtomicU64,
    buffer_bytes: AtomicU64,
}

/// When a certificate of the listener expires.
#[derive(Clone, Debug)]
pub struct CertificateEnd {
    /// The file that it was read from.
    pub file: String,
    /// The last second of its validity.
    pub not_after: UnixTime,
}

impl Configuration {
    pub(super) fn started(&self, now: UnixTime, limits: &Limits) {
        self.loaded(now);
        self.connections.store(limits.connections as u64, Ordering::Relaxed);
        self.buffer_bytes.store(limits.buffer_bytes, Ordering::Relaxed);
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

    pub(super) fn set_certificates(&self, ends: Vec<CertificateEnd>) {
        *self.certificates.lock().unwrap_or_else(PoisonError::into_inner) = ends;
    }

    pub(super) fn certificates(&self) -> Vec<CertificateEnd> {
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the running configuration was loaded, and whether a later reload failed.
    pub(super) fn last_reload(&self) -> (UnixTime, bool) {
        let loaded_at = i64::try_from(self.loaded_at.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        (UnixTime(loaded_at), self.last_failed.load(Ordering::Relaxed))
    }

    fn loaded(&self, now: UnixTime) {
        self.loaded_at.store(seconds(now), Ordering::Relaxed);
    }

    /// Writes the families. `used` is the number of open connections and of buffered bytes.
    pub(super) fn encode(&self, families: &mut FamilyEncoder<'_>, used: [u64; 2]) -> fmt::Result {
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
        )?;
        let certificates = self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = certificates.iter().map(|end| ([("file", &*end.file)], seconds(end.not_after)));
        families.gauge(
            "imsgate_certificate_expiry_timestamp",
            Some(&Unit::Seconds),
            "When a certificate of the listener expires, in seconds since the Unix epoch.",
            ends,
        )?;
        let limits = [("connections", &self.connections), ("buffer", &self.buffer_bytes)];
        families.gauge(
            "imsgate_limit_max",
            None,
            "The size of a limit of the whole gateway: connections, or bytes for `buffer`.",
            limits.map(|(name, limit)| ([("limit", name)], limit.load(Ordering::Relaxed))),
        )?;
        families.gauge(
            "imsgate_limit_used",
            None,
            "How much of a limit of the whole gateway is in use, in the unit of `imsgate_limit_max`.",
            ["connections", "buffer"].into_iter().zip(used).map(|(name, used)| ([("limit", name)], used)),
        )
    }
}

fn seconds(time: UnixTime) -> u64 {
    u64::try_from(time.0).unwrap_or(0)
}
