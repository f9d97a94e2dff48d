//! What is said of a request when it is over: counted, and a line in the access log, whatever became of it.

use std::sync::LazyLock;
use std::time::Instant;

use http::{Method, StatusCode};

use super::context::Context;
use crate::telemetry::{AccessLog, Counters, Line};

/// A request that is accounted for once: with its answer, or when it is dropped without one.
pub struct Account<'a> {
    pub counters: &'a Counters,
    pub access: &'a AccessLog,
    pub context: &'a Context,
    pub method: &'a Method,
    pub path: &'a str,
    pub began: Instant,
}

impl Account<'_> {
    /// It was answered.
    pub fn settle(self, status: StatusCode) {
        self.write(status);
        std::mem::forget(self);
    }

    fn write(&self, status: StatusCode) {
        self.counters.request(status);
        let now = Instant::now();
        self.access.line(&Line {
            request: self.context.id,
            peer: self.context.peer.prepared.forwarded_for.to_str().unwrap_or_default(),
            method: self.method,
            path: self.path,
            status,
            took: now.saturating_duration_since(self.began),
            at: now,
        });
    }
}

impl Drop for Account<'_> {
    /// Whoever asked went away before there was an answer; or we did.
    fn drop(&mut self) {
        self.write(if std::thread::panicking() { StatusCode::INTERNAL_SERVER_ERROR } else { *GONE });
    }
}

/// What nginx calls "client closed request", and operators look for; it goes to nobody.
static GONE: LazyLock<StatusCode> = LazyLock::new(|| StatusCode::from_u16(499).unwrap_or_default());
