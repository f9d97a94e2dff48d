//! Counts a request and writes its line in the access log when it is over, whatever happened to it.

use std::sync::LazyLock;
use std::time::Instant;

use http::{Method, StatusCode};

use super::context::Context;
use crate::telemetry::{AccessLog, CombinedFields, Counters, Line, RequestHistograms, RequestTimes};

/// Counts and logs a request once: with its response, or when it is dropped without one.
pub struct RequestLog<'a> {
    pub counters: &'a Counters,
    pub histograms: &'a RequestHistograms,
    pub times: &'a RequestTimes,
    pub access: &'a AccessLog,
    pub context: &'a Context,
    pub method: &'a Method,
    pub path: &'a str,
    pub combined: Option<&'a CombinedFields>,
    pub began: Instant,
}

impl RequestLog<'_> {
    /// Logs the response.
    pub fn settle(self, status: StatusCode) {
        self.write(status);
        std::mem::forget(self);
    }

    fn write(&self, status: StatusCode) {
        self.counters.request(status);
        let now = Instant::now();
        let took = now.saturating_duration_since(self.began);
        self.histograms.add(self.times, self.method, status, took);
        self.access.line(&Line {
            request: self.context.id,
            peer: self.context.peer.prepared.forwarded_for.to_str().unwrap_or_default(),
            method: self.method,
            path: self.path,
            status,
            took,
            at: now,
            combined: self.combined,
        });
    }
}

impl Drop for RequestLog<'_> {
    /// The client went away before there was a response, or the code panicked.
    fn drop(&mut self) {
        self.write(if std::thread::panicking() { StatusCode::INTERNAL_SERVER_ERROR } else { *GONE });
    }
}

/// The status that nginx logs when the client closed the request. It is only logged.
static GONE: LazyLock<StatusCode> = LazyLock::new(|| StatusCode::from_u16(499).unwrap_or_default());
